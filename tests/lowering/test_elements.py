"""Slices, gathers and scatters along axes, against numpy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxdnn import LayerError, ShapeError
from jaxdnn.layers.elements import GatherElements, ReplaceWindow, ScatterElements, SliceAxes
from jaxdnn.lowering import LOWERINGS
from support.layer import run

X = np.arange(60, dtype=np.float32).reshape(3, 4, 5)
SIZES = st.integers(-7, 7)


def known(layer, *inputs):
    """Compute on constants, as shape arithmetic does."""
    return LOWERINGS[type(layer)].function(layer, {}, *inputs)


@given(st.tuples(SIZES, SIZES), st.tuples(SIZES, SIZES), st.tuples(SIZES, SIZES).filter(all))
def test_slices_are_those_of_python(starts, ends, steps):
    first, last = (slice(*bounds) for bounds in zip(starts, ends, steps, strict=True))
    vectors = (np.array(each, np.int32) for each in (starts, ends, steps))
    np.testing.assert_array_equal(known(SliceAxes(axes=(0, -1)), X, *vectors), X[first, :, last])


def test_slices_of_the_leading_axes_have_steps_of_one():
    got = known(SliceAxes(), X, np.int32([1, -2]), np.int32([9, -1]))
    np.testing.assert_array_equal(got, X[1:, 2:3])
    with pytest.raises(ShapeError, match="the step along axis 0 is 0"):
        known(SliceAxes(), X, *(np.int32([n]) for n in (0, 1, 0)))
    with pytest.raises(ShapeError, match="1 and 2 starts, ends and steps are given for 1 axes"):
        known(SliceAxes(axes=(1,)), X, np.int32([0]), np.int32([1, 2]))


@settings(max_examples=8)
@given(st.integers(-3, 2), st.integers(0, 2**32 - 1))
def test_gathered_elements(axis, seed):
    random = np.random.default_rng(seed)
    shape = [random.integers(1, size + 1) for size in X.shape]
    shape[axis] = random.integers(1, 9)
    indices = random.integers(-X.shape[axis], X.shape[axis], shape).astype(np.int32)
    want = np.empty(shape, np.float32)
    for place in np.ndindex(*shape):
        source = list(place)
        source[axis] = indices[place]
        want[place] = X[tuple(source)]
    layer = GatherElements(axis=axis)
    np.testing.assert_array_equal(run(layer, X, indices), want)
    np.testing.assert_array_equal(known(layer, X, indices), want)


def test_gathered_elements_fit():
    with pytest.raises(ShapeError, match="indices 4x4x5 along axis 1 do not fit 3x4x5"):
        run(GatherElements(axis=1), X, np.zeros((4, 4, 5), np.int32))
    with pytest.raises(ShapeError, match="leave axis 0 of size 3"):
        known(GatherElements(axis=0), X, np.full((1, 1, 1), 3, np.int32))


FUNCTIONS = {
    "set": lambda old, new: new,
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "max": np.maximum,
    "min": np.minimum,
}


@pytest.mark.parametrize("operation", FUNCTIONS)
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_scattered_elements(operation, axis):
    random = np.random.default_rng(0)
    shape = [2, 3, 4]
    shape[axis] = X.shape[axis]
    # Places do not repeat for "set", of which any value might stay.
    order = [random.permutation(X.shape[axis]) for _ in range(np.prod(shape) // X.shape[axis])]
    rest = [size for i, size in enumerate(shape) if i != axis % 3]
    indices = np.moveaxis(np.reshape(order, (*rest, -1)), -1, axis).astype(np.int32)
    if operation != "set":
        indices = indices // 2
    values = random.standard_normal(shape).astype(np.float32)
    want = X.copy()
    for place in np.ndindex(*shape):
        target = list(place)
        target[axis] = indices[place]
        want[tuple(target)] = FUNCTIONS[operation](want[tuple(target)], values[place])
    got = run(ScatterElements(axis=axis, operation=operation), X, indices, values)
    np.testing.assert_allclose(got, want, rtol=1e-5)


def test_scattered_elements_fit():
    indices = np.zeros((1, 1, 1), np.int32)
    with pytest.raises(ShapeError, match="values 1x1x2 do not fit indices 1x1x1"):
        run(ScatterElements(), X, indices, np.zeros((1, 1, 2), np.float32))
    with pytest.raises(LayerError, match="operation must be one of"):
        ScatterElements(operation="power")


@settings(max_examples=8)
@given(st.booleans(), st.integers(0, 3), st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 3)))
def test_replaced_windows(wraps, count, starts):
    values = -1 - np.arange(15 * count, dtype=np.float32).reshape(3, count, 5)
    want = X.copy()
    for image, start in enumerate(starts):
        for i in range(count):
            if wraps or start + i < 4:
                want[image, (start + i) % 4] = values[image, i]
    got = run(ReplaceWindow(axis=-2, wraps=wraps), X, values, np.array(starts, np.int32))
    np.testing.assert_array_equal(got, want)


def test_replaced_windows_begin_at_zero_and_fit():
    got = run(ReplaceWindow(axis=1), X, np.zeros((3, 2, 5), np.float32))
    np.testing.assert_array_equal(got, np.concatenate([np.zeros((3, 2, 5)), X[:, 2:]], axis=1))
    with pytest.raises(ShapeError, match="values 3x5x5 along axis 1 do not fit 3x4x5"):
        run(ReplaceWindow(axis=1), X, np.zeros((3, 5, 5), np.float32))
    with pytest.raises(ShapeError, match="2 starts do not fit a batch of 3"):
        run(ReplaceWindow(axis=1), X, X[:, :1], np.zeros(2, np.int32))
