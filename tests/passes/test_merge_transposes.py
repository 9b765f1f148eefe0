"""Transposes and reshapes that others undo go, and outputs stay."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxdnn import JaxdnnError, Net
from jaxdnn.layers.activation import PRelu, Relu, Sigmoid, Softmax
from jaxdnn.layers.arithmetic import Binary, Select, Unary
from jaxdnn.layers.elementwise import Eltwise
from jaxdnn.layers.normalization import BatchNorm
from jaxdnn.layers.shape import Concat, Flatten, Permute, Reshape
from jaxdnn.layers.tensor import ExpandDims, Squeeze
from jaxdnn.passes.merge_transposes import merge_transposes
from jaxdnn.passes.permutation import compose, inverse, order_of
from support.passes import Builder, assert_equivalent, layers

ORDERS = st.permutations(range(4)).map(tuple)
SHAPE = (2, 3, 4, 5)
LAST, FIRST = Permute(order=(0, 2, 3, 1)), Permute(order=(0, 3, 1, 2))
ROUNDING = 1e-6
"""Softmax and norms sum the same numbers, perhaps in another order."""


def permuted(order, shape=SHAPE):
    return tuple(shape[axis] for axis in order)


@given(ORDERS, ORDERS)
def test_orders_against_numpy(one, two):
    x = np.arange(120).reshape(SHAPE)
    total = order_of(Permute(order=compose(order_of(Permute(order=one)), order_of(Permute(order=two)))))
    order = (*total, *range(len(total), 4))
    np.testing.assert_array_equal(x.transpose(one).transpose(two), x.transpose(order))
    assert compose(inverse(total), total) == ()


@given(st.lists(ORDERS, min_size=1, max_size=4), st.integers(0, 3))
def test_rows_of_transposes(orders, output):
    b = Builder(x=SHAPE)
    value = "x"
    for index, order in enumerate(orders):
        value = b.add(f"t{index}", Permute(order=order), value)
    before = b.model(*dict.fromkeys((value, f"t{min(output, len(orders) - 1)}")))
    after = merge_transposes(before)
    assert_equivalent(before, after)
    assert layers(after)["Permute"] <= len(before.graph.outputs)
    assert all(node.inputs == ("x",) for node in after.graph.nodes)


def test_an_order_that_lists_some_axes():
    b = Builder(x=SHAPE)
    b.add("a", Permute(order=(1,)), "x")
    b.add("y", Permute(order=(1, 0)), "a")
    after = merge_transposes(b.model("y"))
    assert not after.graph.nodes
    assert after.graph.aliases == {"y": "x"}


def test_equal_transposes_are_one():
    b = Builder(x=SHAPE)
    b.add("a", LAST, "x")
    b.add("b", LAST, "x")
    b.add("y", Binary(function="add"), "a", "b")
    before = b.model("y", "b")
    after = merge_transposes(before)
    assert layers(after) == {"Permute": 1, "Binary": 1}
    assert_equivalent(before, after)


def test_names():
    b = Builder(x=SHAPE)
    b.add("a", LAST, "x")
    b.add("r", Relu(), "a")
    b.add("s", Sigmoid(), "r")
    b.add("y", FIRST, "s")
    after = merge_transposes(b.model("y", middle="r"))
    assert str(after.graph).splitlines()[1:] == ["  r@reordered = Relu(x)", "  y = Sigmoid(r@reordered)"]
    assert after.graph.aliases == {}
    assert [node.name for node in after.graph.nodes] == ["r@reordered", "y"]


def numbers(*shape):
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


AXES = {"first": 0, "last": -1, "second": 1, "third": 2}


@given(
    ORDERS,
    st.lists(
        st.sampled_from(["relu", "softmax", "prelu", "norm", "swish", "add", "join", "constant"]), max_size=4
    ),
    st.integers(-4, 3),
    st.integers(0, 4),
)
def test_layers_between(order, kinds, axis, constant_rank):
    """All of x is computed in the order that the last transpose brings about."""
    b = Builder(x=SHAPE, z=SHAPE)
    shape, copies = list(permuted(order)), 1
    value = b.add("a", Permute(order=order), "x")
    for index, kind in enumerate(kinds):
        name = f"n{index}"
        if kind == "relu":
            value = b.add(name, Relu(negative_slope=0.5), value)
        elif kind == "softmax":
            value = b.add(name, Softmax(axis=axis), value)
        elif kind == "prelu":
            value = b.add(name, PRelu(axis=axis), value, slope=numbers(shape[axis]))
        elif kind == "norm":
            value = b.add(
                name,
                BatchNorm(axis=axis),
                value,
                mean=numbers(shape[axis]),
                variance=np.abs(numbers(shape[axis])),
            )
        elif kind == "swish":
            value = b.add(
                f"{name} product", Binary(function="multiply"), value, b.add(name, Sigmoid(), value)
            )
        elif kind == "add":
            other = b.add(f"{name} other", Permute(order=order), "z")
            value = b.add(name, Eltwise(), b.add(f"{name} join", Concat(axis=axis), *[other] * copies), value)
        elif kind == "join":
            value = b.add(name, Concat(axis=axis), value, value)
            shape[axis] *= 2
            copies *= 2
        else:
            constant = b.const(f"{name} constant", numbers(*shape[4 - constant_rank :]))
            value = b.add(name, Binary(function="subtract"), constant, value)
    b.add("y", Permute(order=inverse(order)), value)
    before = b.model("y")
    after = merge_transposes(before)
    assert layers(after)["Permute"] == 0
    assert_equivalent(before, after, ROUNDING)


def between(*layers_between, shape=SHAPE):
    """x -> transpose -> layers -> the transpose that undoes it."""
    b = Builder(x=shape)
    value = b.add("a", LAST, "x")
    for index, layer in enumerate(layers_between):
        value = b.add(f"n{index}", layer, value)
    b.add("y", FIRST, value)
    return b


def kept():
    """Models that stay as they are, by the reason."""
    read = between(Relu())
    read.add("z", Sigmoid(), "n0")
    yield "another layer reads the value", read.model("y", "z")
    yield "the value is an output", between(Relu()).model("y", "n0")

    other = Builder(x=SHAPE)
    other.add("a", LAST, "x")
    other.add("r", Relu(), "a")
    other.add("y", LAST, "r")
    yield "the transposes do not cancel", other.model("y")

    mixed = Builder(x=SHAPE, z=(2, 4, 5, 3))
    mixed.add("a", LAST, "x")
    mixed.add("s", Binary(function="add"), "a", "z")
    mixed.add("y", FIRST, "s")
    yield "the other summand is not transposed", mixed.model("y")

    ranks = Builder(x=(3, 3, 3), z=(3, 3))
    ranks.add("a", Permute(order=(1, 0)), "x")
    ranks.add("b", Permute(order=(1, 0)), "z")
    ranks.add("s", Binary(function="add"), "a", "b")
    ranks.add("y", Permute(order=(1, 0)), "s")
    yield "broadcasting lines up other axes", ranks.model("y")

    yield "the layer knows an order", between(Reshape(shape=(2, 4, 5, 3))).model("y")
    yield "the axes are neighbours", between(Softmax(axis=2, later_axes=True)).model("y")

    rows = Builder(x=SHAPE, z=SHAPE, c=(2,))
    rows.add("a", LAST, "x")
    rows.add("b", LAST, "z")
    rows.add("t", Unary(function="sign"), "c")
    rows.add("s", Select(rows=True), "t", "a", "b")
    rows.add("y", FIRST, "s")
    yield "the condition is one of rows", rows.model("y")

    constant = Builder(x=(3,))
    constant.add("r", Relu(), constant.const("k", numbers(*SHAPE)))
    constant.add("y", FIRST, "r")
    yield "nothing is transposed but a constant", constant.model("y")


KEPT = dict(kept())


@pytest.mark.parametrize("reason", KEPT)
def test_nothing_changes(reason):
    assert merge_transposes(KEPT[reason]) is KEPT[reason]


def test_a_long_row_of_layers():
    model = between(*itertools.repeat(Relu(), 3000)).model("y")
    assert layers(merge_transposes(model)) == {"Relu": 3000}


RESHAPES = (
    Reshape(shape=(0, -1)),
    Reshape(shape=(0, 0, -1)),
    Reshape(shape=(-1, 3)),
    Reshape(shape=(2, -1), axis=1),
    Reshape(shape=(0, 2, -1), axis=1),
    Reshape(shape=(6, 20), zero_copies=False),
    Reshape(shape=(-1,), axis=2),
    Reshape(shape=(1,), axis=1, num_axes=0),
    Flatten(),
    Flatten(axis=2),
    Flatten(axis=0, end_axis=1),
    ExpandDims(axes=(1,)),
    ExpandDims(axes=(-1,)),
    Squeeze(axes=(1,)),
)


@pytest.mark.parametrize("second", RESHAPES, ids=str)
@pytest.mark.parametrize("first", RESHAPES, ids=str)
def test_two_reshapes(first, second):
    b = Builder(x=(2, 1, 3, 4, 5))
    b.add("a", first, "x")
    b.add("y", second, "a")
    before = b.model("y")
    after = merge_transposes(before)
    if after is before:
        return
    assert len(after.graph.nodes) == 1
    try:
        Net.from_model(before)
    except JaxdnnError:
        return  # the two do not fit each other
    assert_equivalent(before, after)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (Flatten(), Reshape(shape=(-1, 5))),
        (Flatten(), Reshape(shape=(0, -1, 5))),
        (Reshape(shape=(0, -1)), Flatten()),
        (ExpandDims(axes=(2,)), Reshape(shape=(0, 0, -1))),
        (Reshape(shape=(0, 0, -1)), Reshape(shape=(-1,), axis=2)),
        (Reshape(shape=(-1, 3)), Reshape(shape=(2, -1))),
    ],
    ids=str,
)
def test_the_last_reshape_is_enough(first, second):
    b = Builder(x=SHAPE)
    b.add("a", first, "x")
    b.add("y", second, "a")
    before = b.model("y")
    after = merge_transposes(before)
    (node,) = after.graph.nodes
    assert node.layer is second
    assert_equivalent(before, after)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (Reshape(shape=(-1, 3)), Reshape(shape=(0, -1))),
        (Reshape(shape=(6, 20)), Flatten()),
        (Flatten(axis=0, end_axis=1), Reshape(shape=(0, -1))),
        (Flatten(axis=2), Reshape(shape=(0, 0, 0))),
        (Flatten(axis=2), Reshape(shape=(4, 5), axis=-2)),
        (Flatten(axis=2), Reshape(shape=(4, 5), axis=2, num_axes=1)),
        (ExpandDims(axes=(1,)), Reshape(shape=(0, 0, -1))),
    ],
    ids=str,
)
def test_the_first_reshape_counts(first, second):
    b = Builder(x=SHAPE)
    b.add("a", first, "x")
    b.add("y", second, "a")
    model = b.model("y")
    assert merge_transposes(model) is model
