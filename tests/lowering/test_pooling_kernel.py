"""The C++ kernel of pooling, against windows read one by one."""

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxdnn.layers.pooling import Window
from jaxdnn.lowering import native
from jaxdnn.lowering.recipes.pooling import slid

needs_kernels = pytest.mark.skipif(native.kernels() is None, reason="no compiler for the C++ kernels")


@st.composite
def pools(draw):
    """Windows inside, across and outside of the image; a stride that leaves elements out."""

    def axis():
        kernel, dilation = draw(st.integers(1, 4)), draw(st.integers(1, 2))
        size = draw(st.integers(1, 12))
        before = draw(st.integers(0, 4))
        return Window(size, kernel, draw(st.integers(1, 3)), before, 0, draw(st.integers(1, 6)), dilation)

    sizes = draw(st.integers(1, 3)), draw(st.sampled_from([1, 3, 4, 7, 8, 16, 19, 37]))
    return sizes, (axis(), axis()), draw(st.booleans()), draw(st.integers(0, 2**16))


@needs_kernels
@given(pools())
def test_pools(case):
    (batch, channels), windows, largest, seed = case
    sizes = [window.size for window in windows]
    x = np.random.default_rng(seed).standard_normal((batch, *sizes, channels)).astype(np.float32)
    lowest = np.finfo(np.float32).min if largest else 0
    want = np.full((batch, *(window.count for window in windows), channels), lowest, np.float64)
    combine = np.maximum if largest else np.add
    for place in np.ndindex(*want.shape[1:3]):
        for tap in np.ndindex(*(window.kernel for window in windows)):
            at = [
                p * window.stride - window.before + t * window.dilation
                for p, t, window in zip(place, tap, windows, strict=True)
            ]
            if all(0 <= a < n for a, n in zip(at, sizes, strict=True)):
                want[:, *place] = combine(want[:, *place], x[:, *at])
    got = jax.jit(lambda x: slid(None, windows, largest, x))(x)
    np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-5)


@needs_kernels
def test_the_largest_of_what_is_not_finite():
    x = np.array([[-np.inf, -np.inf, 1, np.nan, 2, np.inf]], np.float32)
    x = np.broadcast_to(x[..., None], (1, 1, 6, 9))
    got = jax.jit(lambda x: slid(None, (Window(1, 1), Window(6, 2, count=5)), True, x))(x)
    np.testing.assert_array_equal(got[0, 0, :, 0], [-np.inf, 1, np.nan, np.nan, np.inf])
