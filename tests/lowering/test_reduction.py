"""Reductions against numpy in float64, searches against a sort of (value, index) pairs."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from jaxdnn import LayerError, ShapeError
from jaxdnn.layers.reduction import ArgMax, Reduce
from jaxdnn.lowering import LOWERINGS
from support.layer import assert_close, run

REFERENCES = {
    "sum": np.sum,
    "mean": np.mean,
    "max": np.max,
    "min": np.min,
    "product": np.prod,
    "abs_sum": lambda x, **axes: np.sum(np.abs(x), **axes),
    "square_sum": lambda x, **axes: np.sum(x**2, **axes),
}
arrays = hnp.arrays(np.float32, hnp.array_shapes(max_dims=4, max_side=4), elements=st.floats(-2, 2, width=16))
small_integers = hnp.arrays(
    np.float32, hnp.array_shapes(max_dims=4, max_side=4), elements=st.integers(-3, 3).map(float)
)


@given(arrays, st.sampled_from(sorted(REFERENCES)), st.booleans(), st.data())
def test_reduce(x, operation, keepdims, data):
    signed = st.integers(0, x.ndim - 1).flatmap(lambda a: st.sampled_from([a, a - x.ndim]))
    axes = data.draw(st.none() | st.lists(signed, unique_by=lambda a: a % x.ndim).map(tuple))
    layer = Reduce(operation=operation, axes=axes, keepdims=keepdims, coefficient=-0.5)
    want = -0.5 * REFERENCES[operation](x.astype(np.float64), axis=axes, keepdims=keepdims)
    assert_close(run(layer, x), want)


@given(arrays, st.data())
def test_reduce_with_the_later_axes(x, data):
    axis = data.draw(st.integers(-x.ndim, x.ndim - 1))
    want = x.astype(np.float64).reshape(*x.shape[: axis % x.ndim], -1).sum(-1)
    assert_close(run(Reduce(axes=(axis,), later_axes=True), x), want)


def test_reduce_of_constants_stays_numpy_and_keeps_its_type():
    got = LOWERINGS[Reduce].function(Reduce(operation="product"), {}, np.array([2, 3], np.int32))
    assert isinstance(got, np.generic)
    assert (got, got.dtype) == (6, np.int32)


def reference_argmax(layer, x):
    """Sort the pairs along the axis at every place; return indices and values."""
    axis = layer.axis % x.ndim
    shape = [layer.top_k if a == axis else n for a, n in enumerate(x.shape)]
    indices, values = np.zeros(shape), np.zeros(shape)
    for place in itertools.product(*(range(n) for a, n in enumerate(x.shape) if a != axis)):
        line = (*place[:axis], slice(None), *place[axis:])
        pairs = [
            (v if layer.smallest else -v, i if layer.ties == "first" else -i) for i, v in enumerate(x[line])
        ]
        found = [abs(i) for _, i in sorted(pairs)[: layer.top_k]]
        indices[line], values[line] = found, x[line][found]
    return indices, values


@given(small_integers, st.booleans(), st.sampled_from(["first", "last"]), st.data())
def test_argmax_along_an_axis(x, smallest, ties, data):
    axis = data.draw(st.integers(-x.ndim, x.ndim - 1))
    options = {"top_k": data.draw(st.integers(1, x.shape[axis])), "smallest": smallest, "ties": ties}
    layer = ArgMax(axis=axis, **options)
    indices, values = reference_argmax(layer, x)
    got = run(layer, x)
    assert got.dtype == np.int32
    np.testing.assert_array_equal(got, indices)
    np.testing.assert_array_equal(run(ArgMax(axis=axis, output="values", **options), x), values)


@given(small_integers, st.data())
def test_argmax_per_sample(x, data):
    flat = x.reshape(len(x), -1)
    top_k = data.draw(st.integers(1, flat.shape[1]))
    indices, values = reference_argmax(ArgMax(axis=1, top_k=top_k, ties="last"), flat)
    tail = (1,) * (x.ndim - 3)
    options = {"axis": None, "top_k": top_k, "ties": "last", "dtype": "float32"}
    got = run(ArgMax(**options), x)
    assert got.dtype == np.float32
    np.testing.assert_array_equal(got, indices.reshape(len(x), 1, top_k, *tail))
    both = np.stack([indices, values], 1).reshape(len(x), 2, top_k, *tail)
    np.testing.assert_array_equal(run(ArgMax(output="both", **options), x), both)


def test_argmax_without_keepdims():
    x = np.array([[1, 3, 2], [5, 4, 5]], np.float32)
    np.testing.assert_array_equal(run(ArgMax(axis=-1, keepdims=False), x), [1, 0])


@pytest.mark.parametrize("sign", [1, -1])
def test_what_is_no_number_is_never_the_largest(sign):
    nan = np.nan
    x = sign * np.float32([[1, nan, 2], [nan, 1, 3], [nan, nan, nan], [2, nan, 1]])
    got = run(ArgMax(axis=1, keepdims=False, smallest=sign < 0), x)
    np.testing.assert_array_equal(got, [2, 2, 0, 0])


def test_errors():
    x = np.zeros((2, 3), np.float32)
    with pytest.raises(ShapeError, match="top_k 4 is more than the 3 elements to choose from"):
        run(ArgMax(axis=1, top_k=4), x)
    with pytest.raises(ShapeError, match="axis 2 is out of range for 2 axes"):
        run(ArgMax(axis=2), x)
    with pytest.raises(ShapeError, match="axis -3 is out of range for 2 axes"):
        run(Reduce(axes=(-3,)), x)
    with pytest.raises(LayerError, match=r"operation must be one of sum, .*, got 'median'"):
        Reduce(operation="median")
    with pytest.raises(LayerError, match="later_axes needs an axis"):
        Reduce(later_axes=True)
    with pytest.raises(LayerError, match="top_k must be at least 1, got 0"):
        ArgMax(axis=0, top_k=0)
    with pytest.raises(LayerError, match="both indices and values need axis None"):
        ArgMax(axis=0, output="both")
    with pytest.raises(LayerError, match="top_k must be 1 without keepdims, got 2"):
        ArgMax(axis=0, top_k=2, keepdims=False)
    with pytest.raises(LayerError, match="axis None keeps its dimensions"):
        ArgMax(axis=None, keepdims=False)


@given(st.sampled_from(((), (0,), (1,), (0, 1))), st.booleans())
@settings(max_examples=8)
def test_log_sum_exp_of_large_numbers(axes, keepdims):
    x = np.float32([[1000, 999, -1000], [-np.inf, 3, 4]])
    layer = Reduce(operation="log_sum_exp", axes=axes, none_is_all=True, keepdims=keepdims)
    want = np.logaddexp.reduce(x.astype(np.float64).reshape(-1)) if axes in ((), (0, 1)) else None
    if want is None:
        want = np.logaddexp.reduce(x.astype(np.float64), axes[0], keepdims=keepdims)
    elif keepdims:
        want = np.reshape(want, (1, 1))
    np.testing.assert_allclose(run(layer, x), want, rtol=1e-6)


def test_log_sum_exp_of_none_is_minus_infinity():
    x = np.zeros((0, 2), np.float32)
    np.testing.assert_array_equal(run(Reduce(operation="log_sum_exp", axes=(0,)), x), [-np.inf, -np.inf])
    everywhere = np.full(3, -np.inf, np.float32)
    assert run(Reduce(operation="log_sum_exp"), everywhere) == -np.inf


def test_no_axes_may_stand_for_all():
    x = np.float32([[1, 2], [3, 4]])
    np.testing.assert_array_equal(run(Reduce(axes=()), x), x)
    assert run(Reduce(axes=(), none_is_all=True), x) == 10


def test_extremes_of_booleans():
    flags = np.array([[True, False], [False, False]])
    np.testing.assert_array_equal(run(Reduce(operation="max", axes=(1,)), flags), [True, False])
    np.testing.assert_array_equal(run(Reduce(operation="min", axes=(1,)), flags), [False, False])
    assert not run(Reduce(operation="max"), flags[:0])
    assert run(Reduce(operation="min"), flags[:0])
