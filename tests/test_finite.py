"""Finding the layer where numbers stop being finite."""

import numpy as np
import pytest

import jaxdnn
from jaxdnn.ir import Graph, Model, Node, Source, Value
from jaxdnn.layers.activation import Relu, Softmax
from jaxdnn.layers.arithmetic import Binary
from jaxdnn.layers.constant import Const
from jaxdnn.layers.dense import Dense
from jaxdnn.layers.elementwise import Exp, Log
from jaxdnn.layers.shape import Slice

X = np.float32([[300, 200]])


def net_of(*nodes, params=None, x=X):
    graph = Graph("net", (Value("x", x.shape, str(x.dtype)),), nodes[-1].outputs, nodes)
    return jaxdnn.Net.from_model(Model(graph, params or {}, Source("test")))


def node(name, layer, *inputs, **params):
    return Node(name, layer, inputs, (name,), params)


def products():
    """Two products, of which the second one leaves float16."""
    layers = [
        node(n, Dense(units=2, bias=False), i, weight=f"{n}/weight") for n, i in (("a", "x"), ("b", "a"))
    ]
    weight = {"weight": np.float32([[100, 0], [0, 1]])}
    return net_of(*layers, node("y", Relu(), "b"), params={"a": weight, "b": weight})


def test_all_is_finite():
    assert products().check_finite(X) is None


def test_a_half_overflows():
    found = products().replace(policy="mixed_float16").check_finite(X)
    assert (found.layer, found.type, found.value, found.dtype) == ("b", "Dense", "b", "float16")
    assert (found.nan, found.infinite, found.size) == (0, 1, 2)
    assert found.largest_input == 30_000
    assert str(found) == (
        "layer 'b' (Dense) yields 0 NaN and 1 infinite numbers among 2 of float16 in 'b'; "
        "what it reads reaches 3e+04"
    )
    assert products().replace(policy="mixed_bfloat16").check_finite(X) is None
    assert (
        products().replace(policy={"default": "mixed_float16", "b": "float32"}).check_finite(X).layer == "y"
    )


def test_the_first_layer_counts_and_nan_is_told_from_infinity():
    net = net_of(node("log", Log(), "x"), node("exp", Exp(), "log"))
    found = net.check_finite(np.float32([[-1, 0]]))
    assert (found.layer, found.nan, found.infinite, found.largest_input) == ("log", 1, 1, 1)


@pytest.mark.parametrize("policy", ["float16", "mixed_float16"])
def test_what_an_island_yields_is_judged_in_its_own_type(policy):
    net = net_of(node("exp", Exp(), "x"), node("prob", Softmax(), "exp")).replace(policy=policy)
    assert net.check_finite(np.float32([[20, 3]])) is None
    assert net.check_finite(np.float32([[200, 3]])).layer == "exp"


def test_infinite_constants_and_inputs_do_not_count():
    mask = node("mask", Const(value=np.float32([[0, -np.inf]])))
    net = net_of(mask, node("sum", Binary(function="add"), "x", "mask"), node("prob", Softmax(), "sum"))
    found = net.check_finite(np.float32([[1, 2]]))
    assert found.layer == "sum"  # what is computed from them does
    first = Node("first", Slice(points=(1,), parts=2), ("x",), ("a", "b"))
    assert net_of(first, node("y", Relu(), "a")).check_finite(np.float32([[1, np.inf]])).value == "b"


def test_integers_and_empty_values_are_finite():
    x = np.zeros((0, 2), np.float32)
    assert net_of(node("y", Relu(), "x"), x=x).check_finite(x) is None
