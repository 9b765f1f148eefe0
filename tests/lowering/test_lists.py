"""Lists against Python's own."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxdnn import LayerError, ShapeError
from jaxdnn.layers.lists import (
    ListGet,
    ListJoin,
    ListPop,
    ListPush,
    ListReserve,
    ListResize,
    ListScatter,
    ListSet,
    ListShape,
    ListSplit,
)
from jaxdnn.lowering import LOWERINGS
from support.layer import run

X = np.arange(12, dtype=np.float32).reshape(4, 3)


def compute(layer, *inputs):
    """Compute at once, as it happens to values that are known while a program is traced."""
    return LOWERINGS[type(layer)].function(layer, {}, *inputs)


@given(st.integers(0, 3), st.booleans())
def test_an_element_is_set_and_taken(index, known):
    index, value = np.int32(index), np.float32([7, 8, 9])
    want = X.copy()
    want[index] = value
    function = compute if known else run
    np.testing.assert_array_equal(function(ListSet(), X, np.asarray(index), value), want)
    np.testing.assert_array_equal(function(ListGet(), X, np.asarray(index)), X[index])


def test_known_lists_stay_known():
    x = compute(ListReserve(count=2, shape=(), dtype="int32"))
    x = compute(ListSet(), x, np.array(1), np.array(5, np.int32))
    assert isinstance(x, np.ndarray)
    assert x.tolist() == [0, 5]


@pytest.mark.parametrize("shape", [(-1,), (-1, 3), (2, -1)])
def test_a_list_takes_the_shape_of_its_first_element(shape):
    x = compute(ListReserve(count=3, shape=shape))
    assert x.shape == (3, 0)
    got = compute(ListSet(), x, np.array(1), X[:2])
    np.testing.assert_array_equal(got, [0 * X[:2], X[:2], 0 * X[:2]])


def test_a_list_grows_behind_its_end():
    got = compute(ListSet(), X, np.array(5), X[0])
    np.testing.assert_array_equal(got, [*X, 0 * X[0], X[0]])


def test_elements_of_different_shapes_are_split_set_taken_and_joined():
    ragged = compute(ListSplit(lengths=(1, 0, 3)), X)
    np.testing.assert_array_equal(compute(ListGet(), ragged, np.array(2)), X[1:])
    ragged = compute(ListSet(), ragged, np.array(1), X[:2])
    joined, lengths = compute(ListJoin(), ragged)
    np.testing.assert_array_equal(joined, np.concatenate([X[:1], X[:2], X[1:]]))
    assert lengths.tolist() == [1, 2, 3]
    assert compute(ListShape(what="count"), ragged) == 3
    with pytest.raises(ShapeError, match="elements of different shapes: 1x3, 2x3, 3x3"):
        compute(ListShape(what="element"), ragged)


def test_equal_parts():
    got = run(ListSplit(lengths=(2, 2)), X)
    np.testing.assert_array_equal(got, X.reshape(2, 2, 3))
    joined, lengths = run(ListJoin(), got, outputs=2)
    np.testing.assert_array_equal(joined, X)
    assert lengths.tolist() == [2, 2]


@pytest.mark.parametrize("indices", [[0, 1, 2, 3], [3, 1], [0, 5]])
def test_several_elements_are_set(indices):
    values = np.arange(3 * len(indices), dtype=np.float32).reshape(-1, 3) + 100
    got = compute(ListScatter(), X, np.int32(indices), values)
    want = np.concatenate([X, np.zeros((max(0, max(indices) - 3), 3), np.float32)])
    want[indices] = values
    np.testing.assert_array_equal(got, want)


def test_stacks():
    np.testing.assert_array_equal(run(ListPush(), X, X[1]), [*X, X[1]])
    rest, last = run(ListPop(), X, outputs=2)
    np.testing.assert_array_equal(rest, X[:-1])
    np.testing.assert_array_equal(last, X[-1])
    empty = compute(ListReserve(count=0, shape=(-1,)))
    np.testing.assert_array_equal(compute(ListPush(), empty, X[2]), X[2:3])


@pytest.mark.parametrize("count", [0, 2, 4, 6])
def test_lengths(count):
    got = run(ListResize(count=count), X)
    np.testing.assert_array_equal(got, np.concatenate([X, 0 * X])[:count] * (np.arange(count) < 4)[:, None])


def test_shapes_are_known():
    assert compute(ListShape(what="count"), X) == 4
    assert compute(ListShape(what="element"), X).tolist() == [3]


@pytest.mark.parametrize(
    ("layer", "inputs", "message"),
    [
        (ListGet(), (X, np.array(4)), "element 4 of a list of 4 is wanted"),
        (ListPop(), (X[:0],), "element 0 of a list of 0 is wanted"),
        (ListPush(), (X, X), "elements of 3, not of 4x3"),
        (ListJoin(), (X[0],), "scalars cannot be joined"),
        (ListSplit(lengths=(1, 1)), (X,), "parts of 2 in all are wanted of 4x3"),
        (ListScatter(), (X, np.int32([1]), X), "1 numbers are given for 4 elements"),
    ],
)
def test_what_does_not_fit(layer, inputs, message):
    with pytest.raises(ShapeError, match=message):
        compute(layer, *inputs)


def test_attributes_are_checked():
    with pytest.raises(LayerError, match="what must be one of count, element"):
        ListShape(what="rank")
    with pytest.raises(LayerError, match="count must be at least 0"):
        ListReserve(count=-1)


@pytest.mark.parametrize("layer", [ListSet(), ListScatter()])
def test_no_element_has_a_negative_number(layer):
    values = np.zeros(3, np.float32) if isinstance(layer, ListSet) else np.zeros((1, 3), np.float32)
    index = np.int32(-1) if isinstance(layer, ListSet) else np.int32([-1])
    with pytest.raises(ShapeError, match="element -1 of a list of 2 is wanted"):
        LOWERINGS[type(layer)].function(layer, {}, np.zeros((2, 3), np.float32), np.asarray(index), values)


def test_an_element_has_one_number():
    with pytest.raises(ShapeError, match="an element's number is 2, a scalar expected"):
        LOWERINGS[ListGet].function(ListGet(), {}, np.zeros((2, 3), np.float32), np.int32([0, 1]))
