"""Sequences against Python's own lists."""

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import jaxdnn
from jaxdnn import ShapeError
from jaxdnn.ir import Graph, Model, Node, Source, Value
from jaxdnn.layers.arithmetic import Binary, Cast
from jaxdnn.layers.base import Layer
from jaxdnn.layers.control import While
from jaxdnn.layers.sequences import (
    SequenceAt,
    SequenceErase,
    SequenceInsert,
    SequenceJoin,
    SequenceLength,
    SequenceOf,
    SequenceSplit,
)
from jaxdnn.lowering import LOWERINGS
from jaxdnn.lowering.ragged import Ragged
from jaxdnn.net import Net
from support.layer import run

RAGGED = [np.arange(size, dtype=np.float32) for size in (2, 0, 3)]
PLACE = Node("i", Cast(dtype="int32"), ("place",), ("i",))
EQUAL = [np.full((2, 3), number, np.float32) for number in range(4)]


def compute(layer: Layer, *inputs):
    """Compute at once, as it happens to values that are known while a program is traced."""
    given = (Ragged(tuple(value)) if isinstance(value, list) else value for value in inputs)
    result = LOWERINGS[type(layer)].function(layer, {}, *given)
    return list(result.elements) if isinstance(result, Ragged) else result


def assert_same(got, want):
    assert len(got) == len(want)
    for one, other in zip(got, want, strict=True):
        np.testing.assert_array_equal(one, other)


def net_of(*nodes: Node, inputs, outputs) -> Net:
    graph = Graph("test", tuple(inputs), tuple(outputs), nodes)
    return Net.from_model(Model(graph, {}, Source("test"), open_shapes=True))


@given(st.integers(-3, 3))
def test_inserting(place):
    want = list(RAGGED)
    want.insert(place if place >= 0 else len(want) + place, EQUAL[0])
    assert_same(compute(SequenceInsert(), RAGGED, EQUAL[0], np.array(place)), want)
    assert_same(compute(SequenceInsert(), RAGGED, EQUAL[0]), [*RAGGED, EQUAL[0]])


@given(st.integers(-3, 2))
def test_taking_and_erasing(place):
    want = list(RAGGED)
    np.testing.assert_array_equal(compute(SequenceAt(), RAGGED, np.array([place])), want.pop(place))
    assert_same(compute(SequenceErase(), RAGGED, np.array(place)), want)
    assert_same(compute(SequenceErase(), RAGGED), RAGGED[:-1])


@given(st.integers(-6, 6))
def test_a_place_that_the_data_decides(place):
    value = Value("place", (), "float32")  # a number that decides no shape
    inputs = (Value("a", (2, 3)), Value("b", (2, 3)), value)
    nodes = (
        Node("s", SequenceOf(), ("a", "b"), ("s",)),
        PLACE,
        Node("y", SequenceAt(), ("s", "i"), ("y",)),
    )
    net = net_of(*nodes, inputs=inputs, outputs=("y",))
    got = net({"a": EQUAL[0], "b": EQUAL[1], "place": np.float32(place)})["y"]
    nearest = min(max(place + 2 if place < 0 else place, 0), 1)
    np.testing.assert_array_equal(got, EQUAL[nearest])


def test_length_and_values_stay_known():
    assert compute(SequenceLength(), RAGGED) == 3
    assert compute(SequenceLength(), []).dtype == np.int32
    assert isinstance(compute(SequenceJoin(), RAGGED), np.ndarray)


@given(st.integers(1, 5), st.integers(-2, 1))
def test_splitting(size, axis):
    x = np.arange(24, dtype=np.float32).reshape(4, 6)
    ends = range(size, x.shape[axis], size)
    assert_same(compute(SequenceSplit(axis=axis), x, np.array(size)), np.split(x, ends, axis))
    one_each = [np.take(x, index, axis) for index in range(x.shape[axis])]
    assert_same(compute(SequenceSplit(axis=axis, keep_axis=False), x), one_each)
    parts = np.array([1, 0, x.shape[axis] - 1])
    assert_same(compute(SequenceSplit(axis=axis, keep_axis=False), x, parts), np.split(x, [1, 1], axis))


@given(st.integers(-3, 2))
def test_stacking_sequences_and_lists(axis):
    want = np.stack(EQUAL, axis)
    np.testing.assert_array_equal(compute(SequenceJoin(axis=axis, new_axis=True), EQUAL), want)
    np.testing.assert_array_equal(run(SequenceJoin(axis=axis, new_axis=True), np.stack(EQUAL)), want)


def test_joining():
    np.testing.assert_array_equal(compute(SequenceJoin(axis=-1), RAGGED), np.concatenate(RAGGED))
    np.testing.assert_array_equal(run(SequenceJoin(axis=1), np.stack(EQUAL)), np.concatenate(EQUAL, 1))


def test_nets_take_and_return_lists():
    inputs = (Value("s", None, "float32", sequence=True), Value("x", (2,)))
    nodes = (
        Node("t", SequenceInsert(), ("s", "x"), ("t",)),
        Node("n", SequenceLength(), ("t",), ("n",)),
    )
    net = net_of(*nodes, inputs=inputs, outputs=("t", "n"))
    got = net({"s": RAGGED, "x": [7, 8]})
    assert isinstance(got["t"], list)
    assert_same(got["t"], [*RAGGED, [7, 8]])
    assert got["n"] == 4
    assert_same(net({"s": [], "x": [7, 8]})["t"], [[7, 8]])
    applied = net.apply(net.params, {"s": RAGGED, "x": np.float32([7, 8])})
    assert len(jax.tree.leaves(applied["t"])) == 4
    with pytest.raises(jaxdnn.InputError, match="input 's' takes a list of arrays, got ndarray"):
        net({"s": np.stack(EQUAL), "x": [7, 8]})


def loop(rounds_known: bool) -> Net:
    """A loop that appends its variable to a sequence ``n`` times."""
    condition = Graph(
        "c",
        tuple(map(Value, ("i", "s", "n"))),
        ("go",),
        (Node("go", Binary(function="less"), ("i", "n"), ("go",)),),
    )
    body = Graph(
        "b",
        tuple(map(Value, ("i", "s", "n"))),
        ("j", "t"),
        (
            Node("j", Binary(function="add"), ("i", "i"), ("j",)),
            Node("t", SequenceInsert(), ("s", "i"), ("t",)),
        ),
    )
    nodes = (
        Node("e", SequenceOf(), (), ("e",)),
        *(() if rounds_known else (Node("n", Cast(dtype="int32"), ("x",), ("n",)),)),
        Node("w", While(condition=condition, body=body), ("i", "e", "n"), ("last", "y")),
    )
    x = Value("n", (), "int32") if rounds_known else Value("x", (), "float32")
    return net_of(*nodes, inputs=(x, Value("i", (), "int32")), outputs=("y",))


@pytest.mark.parametrize("known", [True, False])
def test_a_sequence_grows_in_a_loop(known):
    net = loop(known)
    feeds = {"n" if known else "x": 9, "i": 1}
    assert [int(element) for element in net(feeds)["y"]] == [1, 2, 4, 8]


@pytest.mark.parametrize(
    ("layer", "inputs", "message"),
    [
        (SequenceAt(), (RAGGED, np.array(3)), "place 3 lies outside of a sequence of 3 elements"),
        (SequenceErase(), (RAGGED, np.array(-4)), "place -4 lies outside of a sequence of 3"),
        (SequenceErase(), ([],), "place -1 lies outside of a sequence of 0"),
        (SequenceInsert(), (RAGGED, EQUAL[0], np.array(4)), "place 4 lies outside"),
        (SequenceInsert(), (RAGGED, EQUAL[0], np.array([1, 2])), "a place is 2, one number expected"),
        (SequenceLength(), (EQUAL[0],), "a sequence is expected, got an array of 2x3"),
        (SequenceJoin(), ([],), "without elements cannot be joined"),
        (SequenceJoin(new_axis=True), (RAGGED,), "different shapes cannot be stacked"),
        (SequenceJoin(axis=1), (RAGGED,), "axis 1 is out of range for 1 axes"),
        (SequenceSplit(), (EQUAL[0], np.array([1, 2])), "parts of 3 in all are wanted of 2 along axis 0"),
        (SequenceSplit(), (EQUAL[0], np.array(0)), "parts of the sizes 0 are wanted"),
        (SequenceSplit(), (EQUAL[0], np.array([3, -1])), r"parts of the sizes \[3, -1\] are wanted"),
    ],
)
def test_what_does_not_fit(layer, inputs, message):
    with pytest.raises(ShapeError, match=message):
        compute(layer, *inputs)


def test_a_place_among_different_shapes_must_be_known():
    inputs = (Value("s", None, "float32", sequence=True), Value("place", (), "float32"))
    net = net_of(PLACE, Node("y", SequenceAt(), ("s", "i"), ("y",)), inputs=inputs, outputs=("y",))
    got = net({"s": RAGGED, "place": np.float32(2)})  # the host takes the place
    np.testing.assert_array_equal(got["y"], RAGGED[2])
    with pytest.raises(ShapeError, match="which element is taken depends on the data"):
        net.apply(net.params, {"s": RAGGED, "place": np.float32(2)})
