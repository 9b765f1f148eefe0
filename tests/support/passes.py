"""Models written node by node, and what they compute before and after a pass."""

from collections import Counter

import numpy as np

from jaxdnn import Net
from jaxdnn.ir import Graph, Model, Node, Source, Value, verify
from jaxdnn.layers.constant import Const


class Builder:
    """Collects nodes; each one's value has the node's name, its parameters are owned by it."""

    def __init__(self, **inputs: tuple[int, ...]) -> None:
        self.inputs = tuple(Value(name, shape) for name, shape in inputs.items())
        self.nodes: list[Node] = []
        self.params: dict[str, dict[str, np.ndarray]] = {}

    def add(self, name, layer, *inputs, shared=None, **weights):
        """Add a node and return its value; ``shared`` refers to parameters of another owner."""
        slots = {slot: f"{name}/{slot}" for slot in weights} | (shared or {})
        self.nodes.append(Node(name, layer, inputs, (name,), slots))
        if weights:
            self.params[name] = weights
        return name

    def const(self, name, array):
        return self.add(name, Const(value=np.asarray(array, np.float32)))

    def model(self, *outputs, **aliases) -> Model:
        graph = Graph("n", self.inputs, outputs, tuple(self.nodes), aliases)
        return Model(graph, self.params, Source("test"))


def layers(model: Model) -> Counter:
    """How many nodes of each layer a model has."""
    return Counter(type(node.layer).__name__ for node in model.graph.nodes)


def assert_equivalent(before: Model, after: Model, tolerance: float = 0.0, seed: int = 0) -> None:
    """Check that both are legal and compute the same of random inputs, to a part of the largest number."""
    verify(after.graph)
    assert after.graph.inputs == before.graph.inputs
    assert after.graph.outputs == before.graph.outputs
    rng = np.random.default_rng(seed)
    feeds = {v.name: rng.standard_normal(v.shape).astype(v.dtype) for v in before.graph.inputs}
    want, got = Net.from_model(before)(feeds), Net.from_model(after)(feeds)
    for name, array in want.items():
        expected, found = np.asarray(array), np.asarray(got[name])
        assert found.shape == expected.shape
        limit = tolerance * max(1.0, float(np.abs(expected).max(initial=0)))
        np.testing.assert_allclose(found, expected, rtol=0, atol=limit, err_msg=name)
