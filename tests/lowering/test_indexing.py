"""Slices, gathers and scatters, against numpy's own indexing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxdnn import ShapeError
from jaxdnn.layers.indexing import (
    GatherNd,
    OneHot,
    ScatterNd,
    ScatterUpdate,
    Stitch,
    StridedSlice,
    TopK,
    Window,
)
from jaxdnn.lowering import LOWERINGS
from support.layer import run

X = np.arange(120, dtype=np.float32).reshape(2, 3, 4, 5)


def sliced(layer, x, begin, end, step):
    return LOWERINGS[type(layer)].function(layer, {}, x, *(np.int32(part) for part in (begin, end, step)))


@st.composite
def slices(draw):
    """Draw a slice as numpy writes it, and as vectors with masks."""
    index, begin, end, step = [], [], [], []
    masks = dict.fromkeys(("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask"), 0)
    entries = draw(st.integers(0, 4))
    axis = 0
    for _ in range(entries):
        size = X.shape[axis]
        kind = draw(st.sampled_from(("slice", "shrink", "new", "slice")))
        bit = 1 << len(begin)
        first, last = draw(st.integers(-size - 1, size + 1)), draw(st.integers(-size - 1, size + 1))
        stride = draw(st.sampled_from((1, 2, -1, -2)))
        if kind == "new":
            index.append(np.newaxis)
            masks["new_axis_mask"] |= bit
        if kind == "shrink":
            first = draw(st.integers(-size, size - 1))
            index.append(first)
            masks["shrink_axis_mask"] |= bit
        if kind != "new" and kind != "shrink":
            no_begin, no_end = draw(st.booleans()), draw(st.booleans())
            masks["begin_mask"] |= bit * no_begin
            masks["end_mask"] |= bit * no_end
            index.append(slice(None if no_begin else first, None if no_end else last, stride))
        axis += kind != "new"
        begin.append(first)
        end.append(last)
        step.append(stride)
    if axis < X.ndim and draw(st.booleans()):
        masks["ellipsis_mask"] |= 1 << len(begin)
        index.append(Ellipsis)
        for vector in (begin, end, step):
            vector.append(1)
        if draw(st.booleans()):
            masks["shrink_axis_mask"] |= 1 << len(begin)
            index.append(-1)
            for vector in (begin, end, step):
                vector.append(-1)
    return index, masks, begin, end, step


@settings(max_examples=200)
@given(slices())
def test_strided_slice(case):
    index, masks, *vectors = case
    np.testing.assert_array_equal(sliced(StridedSlice(**masks), X, *vectors), X[tuple(index)])


def test_strided_slice_at_a_place_that_the_data_tells():
    layer = StridedSlice(begin_mask=1, end_mask=1, shrink_axis_mask=2)

    def at(begin):
        return run(layer, X, np.int32(begin), np.int32([0, 0]), np.int32([1, 1]))

    np.testing.assert_array_equal(at([0, 2]), X[:, 2])
    import jax

    function = LOWERINGS[StridedSlice].function
    fixed = np.int32([0, 0]), np.int32([1, 1])
    got = jax.jit(lambda x, begin: function(layer, {}, x, begin, *fixed))(X, np.int32([0, 2]))
    np.testing.assert_array_equal(got, X[:, 2])


def test_strided_slice_refuses():
    with pytest.raises(ShapeError, match="element 3 lies outside axis 1 of size 3"):
        sliced(StridedSlice(shrink_axis_mask=2), X, [0, 3], [1, 4], [1, 1])
    with pytest.raises(ShapeError, match="the step of entry 0 is 0"):
        sliced(StridedSlice(), X, [0], [1], [0])
    with pytest.raises(ShapeError, match="5 entries are more than the axes of 2x3x4x5"):
        sliced(StridedSlice(), X, [0] * 5, [1] * 5, [1] * 5)
    with pytest.raises(ShapeError, match="begin 1, end 2 and step 1 differ"):
        sliced(StridedSlice(), X, [0], [1, 1], [1])


def window(x, begin, size):
    return LOWERINGS[Window].function(Window(), {}, x, np.int32(begin), np.int32(size))


def test_window():
    np.testing.assert_array_equal(window(X, [0, 1, 2, 0], [1, -1, 2, 0]), X[:1, 1:, 2:4, :0])
    with pytest.raises(ShapeError, match="the window 2 to 5 lies outside axis 2 of 2x3x4x5"):
        window(X, [0, 0, 2, 0], [1, 1, 3, 1])
    with pytest.raises(ShapeError, match="begin 1 and size 4 do not fit"):
        window(X, [0], [1, 1, 1, 1])


@pytest.mark.parametrize("batch", [0, 1, 2])
@pytest.mark.parametrize("depth", [0, 1, 2])
def test_gather_nd(batch, depth):
    rng = np.random.default_rng(0)
    lead = X.shape[:batch]
    indices = np.stack(
        [rng.integers(0, X.shape[batch + i], (*lead, 3)) for i in range(depth)] or [np.zeros((*lead, 3))], -1
    )[..., :depth].astype(np.int32)
    want = np.empty((*lead, 3, *X.shape[batch + depth :]), np.float32)
    for place in np.ndindex(*lead, 3):
        want[place] = X[place[:batch]][tuple(indices[place])]
    np.testing.assert_array_equal(run(GatherNd(batch_axes=batch), X, indices), want)


def test_gather_nd_beyond_the_array_and_what_does_not_fit():
    got = run(GatherNd(), np.float32([1, 2]), np.int32([[1], [5]]))
    np.testing.assert_array_equal(got, [2, 0])
    with pytest.raises(ShapeError, match="indices 1x5 do not fit 2x3x4x5"):
        run(GatherNd(), X, np.zeros((1, 5), np.int32))


def test_scatter_adds_where_places_repeat():
    places, values = np.int32([[1], [3], [1]]), np.float32([[1, 2], [3, 4], [5, 6]])
    got = run(ScatterNd(shape=(4, 2)), places, values)
    np.testing.assert_array_equal(got, [[0, 0], [6, 8], [0, 0], [3, 4]])


@pytest.mark.parametrize(
    ("operation", "want"),
    [
        ("set", [1, 9, 3]),
        ("add", [1, 11, 3]),
        ("subtract", [1, -7, 3]),
        ("multiply", [1, 18, 3]),
        ("max", [1, 9, 3]),
        ("min", [1, 2, 3]),
    ],
)
def test_scatter_update(operation, want):
    layer = ScatterUpdate(operation=operation)
    got = run(layer, np.float32([1, 2, 3]), np.int32([[1]]), np.float32([9]))
    np.testing.assert_array_equal(got, want)
    with pytest.raises(ShapeError, match="values 2 at 1x1 do not fit 3"):
        run(layer, np.float32([1, 2, 3]), np.int32([[1]]), np.float32([9, 9]))


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_one_hot(axis):
    indices = np.int32([[0, 2], [1, -1]])
    got = run(OneHot(depth=3, axis=axis), indices, np.float32(5), np.float32(-1))
    want = np.where(indices[..., None] == np.arange(3), 5, -1)
    np.testing.assert_array_equal(got, np.moveaxis(want, -1, axis))


def test_one_hot_from_the_end():
    got = run(OneHot(depth=3, from_end=True), np.int32([-1, -3, -4, 3, 1]), np.float32(1), np.float32(0))
    np.testing.assert_array_equal(got, [[0, 0, 1], [1, 0, 0], [0, 0, 0], [0, 0, 0], [0, 1, 0]])


@pytest.mark.parametrize("dtype", [np.float32, np.int32, np.uint8])
@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("smallest", [False, True])
def test_top_k_along_an_axis(dtype, axis, smallest):
    x = np.random.default_rng(0).integers(0, 4, (3, 4, 5)).astype(dtype)
    if dtype == np.int32:
        x[0, 0, 0], x[1, 1, 1] = np.iinfo(dtype).min, np.iinfo(dtype).max
    keys = x.astype(np.float64)
    order = np.argsort(keys if smallest else -keys, axis=axis, kind="stable").take(range(2), axis)
    values, indices = run(TopK(count=2, axis=axis, smallest=smallest), x, outputs=2)
    np.testing.assert_array_equal(indices, order)
    np.testing.assert_array_equal(values, np.take_along_axis(x, order, axis))
    with pytest.raises(ShapeError, match="6 elements are more than axis 0 of 3x4x5 has"):
        run(TopK(count=6, axis=0), x, outputs=2)


def test_top_k_prefers_the_first_of_equal_elements():
    x = np.float32([[4, -0.0, 0, 3, 0], [1, 1, 2, 2, 1]])
    values, indices = run(TopK(count=3), x, outputs=2)
    np.testing.assert_array_equal(indices, [[0, 3, 1], [2, 3, 0]])
    np.testing.assert_array_equal(values, [[4, 3, 0], [2, 2, 1]])
    with pytest.raises(ShapeError, match="6 elements are more than the last axis of 2x5 has"):
        run(TopK(count=6), x, outputs=2)


def test_stitch():
    places = np.int32([[0, 3], [1, 1]]), np.array(5, np.int32)
    rows = X[0, :2, :2], np.full(5, -1, np.float32)
    got = LOWERINGS[Stitch].function(Stitch(), {}, *places, *rows)
    want = np.zeros((6, 5), np.float32)
    want[[0, 3, 1, 5]] = X[0, 0, 0], X[0, 0, 1], X[0, 1, 1], rows[1]
    np.testing.assert_array_equal(got, want)
    with pytest.raises(ShapeError, match="places 3 do not fit an array of 2x5"):
        LOWERINGS[Stitch].function(Stitch(), {}, np.int32([0, 1, 2]), X[0, 0, :2])
