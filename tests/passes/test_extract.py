"""Cutting parts out of a model: the part computes what the whole computes."""

import numpy as np
import pytest

from jaxdnn import InputError, Net
from jaxdnn.ir import Graph, Model, Node, Source, Value, verify
from jaxdnn.layers.activation import Relu
from jaxdnn.layers.convolution import Conv
from jaxdnn.passes import extract, prune


def conv(name, source):
    layer = Conv(filters=2, kernel=1, bias=False)
    return Node(name, layer, (source,), (name,), {"weight": f"{name}/weight"})


def model():
    """x -> h -> y -> z, and w -> v beside it."""
    rng = np.random.default_rng(0)
    nodes = (
        conv("h", "x"),
        Node("y", Relu(negative_slope=0.1), ("h",), ("y",)),
        conv("z", "y"),
        conv("v", "w"),
    )
    params = {n: {"weight": rng.standard_normal((2, 2, 1, 1)).astype(np.float32)} for n in "hzv"}
    inputs = (Value("x", (1, 2, 3, 3)), Value("w", (1, 2, 3, 3)))
    return Model(Graph("n", inputs, ("z", "v"), nodes), params, Source("test"))


X = np.random.default_rng(1).standard_normal((1, 2, 3, 3)).astype(np.float32)


def test_outputs():
    part = extract(model(), outputs=["y"])
    verify(part.graph)
    assert [node.name for node in part.graph.nodes] == ["h", "y"]
    assert [value.name for value in part.graph.inputs] == ["x"]
    assert list(part.params) == ["h"]
    whole = Net.from_model(model())({"x": X, "w": X}, outputs=["y"])["y"]
    np.testing.assert_array_equal(Net.from_model(part)(X)["y"], whole)


def test_inputs():
    part = extract(model(), inputs=["y"], outputs=["z"])
    verify(part.graph)
    assert part.graph.inputs == (Value("y"),)
    assert [node.name for node in part.graph.nodes] == ["z"]


def test_an_output_that_needs_another_input():
    with pytest.raises(InputError, match="'z' also needs 'x', which is not among the inputs"):
        extract(model(), inputs=["w"], outputs=["z"])


def test_unknown_names():
    for arguments in ({"inputs": ["q"]}, {"outputs": ["q"]}):
        with pytest.raises(InputError, match="nothing in 'n' is called 'q'"):
            extract(model(), **arguments)


def test_prune_returns_the_same_model_when_nothing_is_dead():
    whole = model()
    assert prune(whole) is whole


def test_prune_removes_dead_nodes_and_their_parameters():
    whole = extract(model(), outputs=["z"])
    assert "v" not in whole.params
    assert prune(whole) is whole
