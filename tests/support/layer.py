"""Run one layer on numpy arrays, through the same program, jit and checks as a whole net."""

import numpy as np

from jaxdnn.ir import Graph, Model, Node, Source, Value
from jaxdnn.layers.base import Layer
from jaxdnn.net import Net


def net_of(layer: Layer, *inputs: np.ndarray, outputs: int = 1, **weights: np.ndarray) -> Net:
    """Build a net of one node; inputs are called x0, x1, …, outputs y0, y1, …"""
    values = tuple(Value(f"x{i}", x.shape, str(x.dtype)) for i, x in enumerate(inputs))
    names = tuple(f"y{i}" for i in range(outputs))
    slots = {slot: f"layer/{slot}" for slot in weights}
    node = Node("layer", layer, tuple(v.name for v in values), names, slots)
    graph = Graph("test", values, names, (node,))
    return Net.from_model(Model(graph, {"layer": weights}, Source("test")))


def run(layer: Layer, *inputs: np.ndarray, outputs: int = 1, **weights: np.ndarray):
    """Compute one layer, jitted; return its output, or a tuple of them if there are several."""
    net = net_of(layer, *inputs, outputs=outputs, **weights)
    got = net({f"x{i}": x for i, x in enumerate(inputs)})
    arrays = tuple(np.asarray(got[name]) for name in net.graph.outputs)
    return arrays[0] if outputs == 1 else arrays


def assert_close(got, want, tolerance: float = 1e-5) -> None:
    """Compare shapes, and values to a tolerance relative to the largest expected one."""
    want = np.asarray(want)
    assert got.shape == want.shape
    assert np.array_equal(np.isfinite(got), np.isfinite(want))
    finite = np.isfinite(want)
    scale = max(1.0, float(np.abs(want[finite]).max(initial=0)))
    np.testing.assert_allclose(got[finite], want[finite], rtol=0, atol=tolerance * scale)
