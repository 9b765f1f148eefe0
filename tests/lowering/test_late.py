"""Attributes that are values: constants fill them in, anything else is an error."""

import jax
import numpy as np
import pytest

from jaxdnn import LayerError, ShapeError
from jaxdnn.ir import Graph, Model, Node, Source, Value
from jaxdnn.layers.late import Late, with_attributes
from jaxdnn.layers.reduction import ArgMax, Reduce
from jaxdnn.layers.shape import Pad, Reshape
from jaxdnn.layers.tensor import SpaceToBatch
from jaxdnn.lowering import LOWERINGS
from jaxdnn.net import Net
from support.layer import net_of

X = np.arange(6, dtype=np.float32).reshape(2, 3)


def compute(layer, *inputs):
    return LOWERINGS[Late].function(layer, {}, *inputs)


def test_attributes_are_filled_in():
    late = Late(layer=Pad(before=(), after=(), value=0.0), names=("before", "after", "value"))
    got = compute(late, X, np.int32([1, 0]), np.int32([0, 2]), np.array(7, np.float32))
    np.testing.assert_array_equal(got, np.pad(X, ((1, 0), (0, 2)), constant_values=7))
    assert isinstance(got, np.ndarray)


def test_a_layer_that_computes_on_the_device_gets_its_arrays():
    got = compute(Late(layer=ArgMax(axis=0, keepdims=False), names=("axis",)), X, np.int32([1]))
    np.testing.assert_array_equal(got, [2, 2])


def test_kinds_of_attributes():
    assert with_attributes(Reduce(axes=()), {"axes": np.int32(1)}).axes == (1,)
    pairs = np.int32([[1, 2], [0, 0]])
    layer = SpaceToBatch(block=(), padding=())
    assert with_attributes(layer, {"padding": pairs}).padding == ((1, 2), (0, 0))
    with pytest.raises(LayerError, match="axis must be one number, got 2"):
        with_attributes(ArgMax(axis=0), {"axis": np.int32([0, 1])})
    with pytest.raises(LayerError, match="axes must be a list, got an array of 3 axes"):
        with_attributes(Reduce(axes=()), {"axes": np.zeros((1, 1, 1), np.int32)})
    with pytest.raises(LayerError, match="Reduce has no attribute 'size'"):
        Late(layer=Reduce(), names=("size",))


def test_a_value_that_depends_on_the_data():
    late = Late(layer=Reshape(shape=()), names=("shape",))
    with pytest.raises(ShapeError, match="shape depends on the data, but has to be known"):
        jax.jit(lambda x, shape: compute(late, x, shape))(X, np.int32([6]))


def test_it_counts_what_its_layer_counts():
    assert Late(layer=Reduce(axes=()), names=("axes",)).flops(((2, 3), (1,)), ((2,),)) == 6


def test_it_keeps_float32_where_its_layer_does():
    """Under a half policy a Reduce sums in float32, whether its axes are attributes or values."""
    x = np.full((1, 4096), 1 / 3, np.float32)
    late = Late(layer=Reduce(axes=()), names=("axes",))
    values = Value("x", x.shape), Value("axes", (1,), "int32")
    graph = Graph("test", values, ("y",), (Node("y", late, ("x", "axes"), ("y",)),))
    net = Net.from_model(Model(graph, {}, Source("test")), policy="mixed_bfloat16")
    direct = net_of(Reduce(axes=(1,)), x).replace(policy="mixed_bfloat16")
    got = float(net(x=x, axes=np.int32([1]))["y"][0])
    assert got == float(direct(x)["y0"][0])
    assert abs(got - 4096 / 3) < 4
