"""Graphs: names, text, and what is legal."""

import numpy as np
import pytest

from jaxdnn import GraphError, InputError
from jaxdnn.ir import Graph, Node, Value, split_reference, verify
from jaxdnn.layers.activation import Relu
from jaxdnn.layers.constant import Const
from jaxdnn.layers.convolution import Conv


def relu(name, source, *outputs, **params):
    return Node(name, Relu(), (source,), outputs or (name,), params)


CHAIN = Graph(
    "n", (Value("x", (1, 3)),), ("b",), (relu("first", "x", "a"), relu("b", "a"), relu("a", "b", "c"))
)


def test_values_and_producers():
    assert CHAIN.values == ("x", "a", "b", "c")
    assert CHAIN.producers["c"].name == "a"
    assert "x" not in CHAIN.producers


def test_a_name_means_a_value_before_a_layer():
    assert CHAIN.resolve("a") == "a"
    assert CHAIN.resolve("first") == "a"
    assert CHAIN.resolve("x") == "x"
    with pytest.raises(InputError, match="nothing in 'n' is called 'z'; it has 'x', 'a', 'b', 'c'"):
        CHAIN.resolve("z")


def test_text_shows_attributes_that_are_not_the_default():
    conv = Conv(filters=2, kernel=3, padding=1)
    graph = Graph(
        "n",
        (Value("x", (None, 3, 8, 8)), Value("y")),
        ("c",),
        (
            Node("c", conv, ("x",), ("c",), {"weight": "c/weight", "bias": "c/bias"}),
            Node("k", Const(value=np.zeros((2, 3), np.float32)), (), ("k",)),
            Node("r", Relu(negative_slope=0.5), ("c",), ("r",)),
        ),
    )
    assert (
        str(graph)
        == """\
graph 'n' (x: float32[?, 3, 8, 8], y: float32[...]) -> (c)
  c = Conv(x, weight=c/weight, bias=c/bias) {filters=2, kernel=3, padding=1}
  k = Const() {value=float32[2x3]}
  r = Relu(c) {negative_slope=0.5}"""
    )


def test_split_reference():
    assert split_reference("inception/conv/weight") == ("inception/conv", "weight")


def test_legal_graphs_pass():
    verify(CHAIN)
    verify(Graph("n", (Value("x"),), ("x",), ()))


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        (Graph("n", (Value("x"), Value("x")), (), ()), "input 'x' occurs 2 times in graph 'n'"),
        (Graph("n", (Value("x"),), ("x", "x"), ()), "output 'x' occurs 2 times"),
        (
            Graph("n", (Value("x"),), (), (relu("a", "x"), relu("a", "x", "b"))),
            "node 'a' occurs 2 times",
        ),
        (
            Graph("n", (Value("x"),), (), (relu("a", "b"), relu("b", "x"))),
            r"layer 'a' \(Relu\): input 'b' is not produced by an earlier layer",
        ),
        (
            Graph("n", (Value("x"),), (), (relu("a", "x"), relu("b", "x", "a"))),
            r"layer 'b' \(Relu\): output 'a' is produced a second time",
        ),
        (
            Graph("n", (Value("x"),), (), (relu("a", "x", weight="weight"),)),
            "slot 'weight' refers to 'weight', not to owner/slot",
        ),
        (Graph("n", (Value("x"),), ("y",), ()), "output 'y' of graph 'n' is produced by no layer"),
    ],
)
def test_illegal_graphs_are_refused(graph, message):
    with pytest.raises(GraphError, match=message):
        verify(graph)
