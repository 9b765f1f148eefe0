"""What one row of the table of layers runs: a layer, inputs and weights, as a net of one node."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from jaxdnn.ir import Graph, Model, Node, Source, Value
from jaxdnn.layers.base import Layer
from jaxdnn.layers.constant import Const
from jaxdnn.layers.sequences import SequenceJoin, SequenceOf
from jaxdnn.net import Net

BATCH, CHANNELS = 2, 4
SIZES = {1: (9,), 2: (8, 6), 3: (4, 6, 5)}


@dataclass(frozen=True)
class Case:
    """A feature, the layer that has it, and arrays to run it on.

    Attributes:
        feature: what the table calls it.
        layer: with the attributes that make the feature.
        inputs: arrays.
        outputs: how many the layer has.
        weights: arrays by slot; drawn where the layer has others.
        tested: the test module that compares it with an independent reference.
        known: the numbers of the inputs that have to be known while the program is traced.
        indices: the numbers of the inputs that hold places, labels or flags as floats.
        single: whether the layer computes in float32 even under the float64 policy.
        sequence: how many inputs the layer takes as one sequence, its first input.
        joined: whether the layer's output is a sequence, which is joined for the run.
    """

    feature: str
    layer: Layer
    inputs: tuple[np.ndarray, ...]
    tested: str
    outputs: int = 1
    weights: dict[str, np.ndarray] = field(default_factory=dict)
    known: tuple[int, ...] = ()
    indices: tuple[int, ...] = ()
    single: bool = False
    sequence: int = 0
    joined: bool = False

    @property
    def feeds(self) -> dict[str, np.ndarray]:
        """What a call feeds: all inputs but those that are known."""
        return {f"x{i}": x for i, x in enumerate(self.inputs) if i not in self.known}

    @cached_property
    def net(self) -> Net:
        """The net; slots without weights are drawn, and known inputs are constants in it."""
        shapes = self.layer.param_shapes(*(np.shape(x) for x in self.inputs))
        rng = np.random.default_rng(2)
        weights = {
            slot: self.weights[slot]
            if slot in self.weights
            else (rng.standard_normal(shape) / 2).astype(np.float32)
            for slot, shape in shapes.items()
        }
        constants = tuple(
            Node(f"c{i}", Const(value=np.asarray(self.inputs[i])), (), (f"x{i}",)) for i in self.known
        )
        names = tuple(f"y{i}" for i in range(self.outputs))
        inputs = tuple(f"x{i}" for i in range(len(self.inputs)))
        before, behind = (), ()
        if self.sequence:
            before = (Node("sequence", SequenceOf(), inputs[: self.sequence], ("sequence",)),)
            inputs = ("sequence", *inputs[self.sequence :])
        results = names
        if self.joined:
            results = ("parts",)
            behind = (Node("join", SequenceJoin(), results, names),)
        node = Node("layer", self.layer, inputs, results, {slot: f"layer/{slot}" for slot in weights})
        values = tuple(Value(name, x.shape, str(x.dtype)) for name, x in self.feeds.items())
        graph = Graph("test", values, names, (*constants, *before, node, *behind))
        return Net.from_model(Model(graph, {"layer": weights} if weights else {}, Source("test")))


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    """Return standard normal numbers."""
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def positive(*shape: int, seed: int = 0) -> np.ndarray:
    """Return numbers between 0.1 and 0.9."""
    return np.random.default_rng(seed).uniform(0.1, 0.9, shape).astype(np.float32)


def ints(*values: object) -> np.ndarray:
    """Return integers."""
    return np.array(values, np.int32)


def image(rank: int = 2) -> np.ndarray:
    """Return a batch with this many spatial axes."""
    return noise(BATCH, CHANNELS, *SIZES[rank])
