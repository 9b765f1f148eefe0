"""The graph: values are names, nodes apply layers to them, in topological order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from jaxdnn.errors import InputError, some
from jaxdnn.ir.initializer import Initializer
from jaxdnn.layers.base import Layer, dims
from jaxdnn.layers.control import Control

Params = Mapping[str, Mapping[str, Any]]
"""Parameters by owner and slot: ``{"conv1": {"weight": array, "bias": array}}``."""


@dataclass(frozen=True)
class Value:
    """An input of a graph.

    Attributes:
        name: the source model's own name.
        shape: sizes, with None for a size that the file leaves open; None if even the rank is open.
        dtype: numpy name of the element type.
        optional: a call may leave this input out (labels); what depends on it is then not computed.
        default: what every element of an optional input is when a call leaves it out (the state of a
            recurrent layer): the input is then computed with after all. Its batch is that of the other inputs.
        fallback: the whole array that an optional input is when a call leaves it out.
        sequence: whether it is a list of arrays, of that type and each of any shape.
    """

    name: str
    shape: tuple[int | None, ...] | None = None
    dtype: str = "float32"
    optional: bool = False
    default: float | None = None
    fallback: np.ndarray | None = field(default=None, compare=False)
    sequence: bool = False

    @property
    def text(self) -> str:
        """Type and shape as people write them: ``float32[?, 3, 224, 224]``."""
        sizes = ["..."] if self.shape is None else ["?" if size is None else str(size) for size in self.shape]
        return f"{self.dtype}[{', '.join(sizes)}]"


@dataclass(frozen=True)
class Node:
    """One application of a layer.

    Attributes:
        name: unique in the graph; the source model's layer name where it has one.
        layer: what is computed.
        inputs, outputs: value names. Every value is produced exactly once.
        params: the parameter of each slot as ``"owner/slot"``; several nodes may share one.
        origin: where the source file states this layer, as ``file:line``.
    """

    name: str
    layer: Layer
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    params: Mapping[str, str] = field(default_factory=dict)
    origin: str = ""

    def __str__(self) -> str:
        params = "".join(f", {slot}={reference}" for slot, reference in self.params.items())
        defaults = {name: spec.default for name, spec in type(self.layer).__dataclass_fields__.items()}
        attributes = ", ".join(
            f"{name}={_text(value)}"
            for name, value in self.layer.attributes().items()
            if isinstance(value, np.ndarray) or value != defaults[name]
        )
        call = f"{type(self.layer).__name__}({', '.join(self.inputs)}{params})"
        return f"{', '.join(self.outputs)} = {call}" + (f" {{{attributes}}}" if attributes else "")


@dataclass(frozen=True)
class Graph:
    """A network without its numbers.

    Attributes:
        name: the network's own name, or its file's.
        inputs: what a call feeds.
        outputs: the names that a call returns by default, of values or aliases.
        nodes: in topological order.
        aliases: further names of values. An alias hides a value of the same name: where layers work in place on
            an input, the input's name stands for their result.
    """

    name: str
    inputs: tuple[Value, ...]
    outputs: tuple[str, ...]
    nodes: tuple[Node, ...]
    aliases: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def producers(self) -> dict[str, Node]:
        """The node that produces each value; inputs have none."""
        return {output: node for node in self.nodes for output in node.outputs}

    @property
    def layer_names(self) -> Iterator[str]:
        """The names of all nodes, those in the graphs of loops and branches included."""
        for node in self.nodes:
            yield node.name
            for graph in node.layer.graphs if isinstance(node.layer, Control) else ():
                assert isinstance(graph, Graph)
                yield from graph.layer_names

    @cached_property
    def values(self) -> tuple[str, ...]:
        """The names of all values: the inputs, then the nodes' outputs in order."""
        return (*(value.name for value in self.inputs), *self.producers)

    def resolve(self, name: str) -> str:
        """Return the value that a user means by a name: an alias, a value's own name, or that of a layer.

        A layer's name stands for its first output. Where a value and a layer have the same name and
        differ (a layer that works in place), the value wins.

        Raises:
            InputError: nothing has that name.
        """
        if name in self.aliases:
            return self.aliases[name]
        if name in self._value_set:
            return name
        for node in self.nodes:
            if node.name == name and node.outputs:
                return node.outputs[0]
        raise InputError(f"nothing in {self.name!r} is called {name!r}; it has {some(self.values)}")

    def computable(self, fed: Iterable[str]) -> tuple[str, ...]:
        """Return the values that can be computed when just these inputs are fed."""
        fed = {*fed, *(value.name for value in self.inputs if value.fallback is not None)}
        known = dict.fromkeys(name for name in self.values if name in fed)
        for node in self.nodes:
            if all(name in known for name in node.inputs):
                known.update(dict.fromkeys(node.outputs))
        return tuple(known)

    def default_outputs(self, fed: Iterable[str]) -> tuple[str, ...]:
        """Return the graph's outputs; where an optional input is not fed, what takes their place.

        An output that needs a missing input gives way to the computable values that nothing else
        computable consumes: a classifier with a loss layer yields its probabilities without labels.
        """
        fed = tuple(fed)
        computable = self.computable(fed)
        known = set(computable)
        outputs = {name: self.resolve(name) for name in self.outputs}
        if outputs and known.issuperset(outputs.values()):
            return self.outputs
        consumed = {
            name for node in self.nodes if node.outputs and node.outputs[0] in known for name in node.inputs
        }
        stated = tuple(name for name, value in outputs.items() if value in known)
        covered = {outputs[name] for name in stated}
        return stated + tuple(n for n in computable if n not in consumed | covered and n not in fed)

    @property
    def required_inputs(self) -> tuple[str, ...]:
        """The inputs that every call computes with: all but labels, whose place nothing takes."""
        return tuple(v.name for v in self.inputs if not v.optional or v.default is not None)

    @cached_property
    def _value_set(self) -> frozenset[str]:
        return frozenset(self.values)

    def __str__(self) -> str:
        inputs = ", ".join(f"{value.name}: {value.text}" for value in self.inputs)
        lines = [f"graph {self.name!r} ({inputs}) -> ({', '.join(self.outputs)})"]
        return "\n".join([*lines, *(f"  {node}" for node in self.nodes)])


@dataclass(frozen=True)
class Source:
    """Where a model came from. The same files make equal sources, so that nets of the same files share a compilation.

    Attributes:
        format: ``caffe``, ``darknet``, ``tensorflow`` or ``onnx``.
        files: the paths it was read from.
        preprocessing: what the file says of its input pictures, in the format's own terms.
        distance_power: of the suppression that the file asks for, see :func:`jaxdnn.detections`.
    """

    format: str
    files: tuple[str, ...] = ()
    preprocessing: Mapping[str, Any] = field(default_factory=dict, compare=False)
    distance_power: float | None = None


@dataclass(frozen=True)
class Model:
    """What an importer returns: the graph, the numbers that the files hold, and what fills the rest.

    Attributes:
        graph: the network.
        params: the stored numbers. Their shapes are as stored, not yet checked against the layers.
        source: where they came from.
        initializers: by ``"owner/slot"``, for slots that a file may leave out.
        checked: whether the importer has checked all shapes itself, those of values and of params. A model whose
            params are complete then need not be checked again before it runs.
        open_shapes: whether inputs may lack sizes: the files hold every parameter, so that shapes need not be
            known before the first call.
    """

    graph: Graph
    params: Mapping[str, Mapping[str, np.ndarray]]
    source: Source
    initializers: Mapping[str, Initializer] = field(default_factory=dict)
    checked: bool = False
    open_shapes: bool = False


def _text(attribute: object) -> str:
    """Return an attribute's value for a node's text; arrays are too long for that."""
    if isinstance(attribute, np.ndarray):
        return f"{attribute.dtype}[{dims(attribute.shape)}]"
    return repr(attribute)


def split_reference(reference: str) -> tuple[str, str]:
    """Split ``"owner/slot"``; the owner may hold slashes itself."""
    owner, _, slot = reference.rpartition("/")
    return owner, slot
