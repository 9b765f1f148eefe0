"""Different slices, against numpy."""

import functools

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hn

from jaxdnn.layers.selection import UniqueSlices
from jaxdnn.lowering import LOWERINGS

ARRAYS = hn.arrays(np.int32, hn.array_shapes(max_dims=3, max_side=5), elements=st.integers(0, 2))


def constant(layer, x):
    """Compute on a constant, as shape arithmetic does."""
    return LOWERINGS[UniqueSlices].function(layer, {}, x)


@functools.partial(jax.jit, static_argnums=0)
def traced(layer, x):
    return constant(layer, x)


def compiled(layer, x):
    """Compute where nothing is known, and trim."""
    parts = traced(layer, x)
    return tuple(np.asarray(part.trim() if hasattr(part, "trim") else part) for part in parts)


def expected(x, axis, ordered):
    options = {"return_index": True, "return_inverse": True, "return_counts": True}
    values, first, places, counts = np.unique(x, axis=axis, **options)
    if not ordered:
        order = np.argsort(first)
        values = np.take(values, order, axis=0 if axis is None else axis)
        first, places, counts = first[order], np.argsort(order)[places.reshape(-1)], counts[order]
    return values, first, places.reshape(-1), counts


@given(ARRAYS, st.booleans(), st.data())
def test_unique_constants(x, ordered, data):
    axis = data.draw(st.none() | st.integers(-x.ndim, x.ndim - 1))
    got = constant(UniqueSlices(axis=axis, ordered=ordered), x)
    for one, other in zip(got, expected(x, axis, ordered), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("ordered", [False, True])
@pytest.mark.parametrize("axis", [None, 0, -1])
def test_unique_where_nothing_is_known(axis, ordered):
    layer = UniqueSlices(axis=axis, ordered=ordered)
    for seed in range(5):
        x = np.random.default_rng(seed).integers(0, 2, (4, 3, 4)).astype(np.int32)
        x = x[:, :1] if axis is None or seed % 2 else x
        for one, other in zip(compiled(layer, x), expected(x, axis, ordered), strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("shape", [(0,), (0, 2), (3, 0)])
def test_slices_of_nothing(shape):
    x = np.zeros(shape, np.float32)
    for got in (constant(UniqueSlices(axis=0), x), compiled(UniqueSlices(axis=0), x)):
        assert got[0].shape == (min(shape[0], 1), *shape[1:])
        assert got[3].tolist() == [shape[0]][: min(shape[0], 1)]


def test_floating_numbers():
    x = np.float32([2.5, -1, 2.5, 0])
    values, first, places, counts = compiled(UniqueSlices(), x)
    assert (values.tolist(), first.tolist()) == ([-1, 0, 2.5], [1, 3, 0])
    assert (places.tolist(), counts.tolist()) == ([2, 0, 2, 1], [1, 1, 2])
