"""What kernels move, against numpy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxdnn.lowering import native
from jaxdnn.lowering.recipes import CPU, jit_for, moving

pytestmark = pytest.mark.skipif(native.kernels() is None, reason="no compiler for the C++ kernels")

LARGE = moving._WORTH_A_CALL


def drawn(*shape):
    return np.random.default_rng(sum(shape)).standard_normal(shape).astype(np.float32)


def calls_a_kernel(function, *arguments):
    return "jaxdnn_" in jit_for(CPU, function).lower(*arguments).as_text()


@given(st.integers(1, 3), st.integers(1, 40), st.lists(st.integers(1, 21), min_size=1, max_size=3))
def test_channels(batch, channels, spatial):
    x = drawn(batch, channels, *spatial)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(moving, "_WORTH_A_CALL", 1)
        last = jit_for(CPU, moving.channels_last)(x)
        first = jit_for(CPU, moving.channels_first)(last)
    np.testing.assert_array_equal(last, np.moveaxis(x, 1, -1))
    np.testing.assert_array_equal(first, x)


@given(st.lists(st.integers(0, 40), min_size=1, max_size=5), st.integers(0, 3))
def test_joined(sizes, axis):
    shape = [3, 17, 2]
    arrays = [drawn(*shape[:axis], size, *shape[axis:]) for size in sizes]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(moving, "_WORTH_A_CALL", 1)
        got = jit_for(CPU, lambda arrays: moving.joined(arrays, axis))(arrays)
    np.testing.assert_array_equal(got, np.concatenate(arrays, axis))


def test_nothing_to_move():
    for x in (np.zeros((0, 3, 2, 2), np.float32), np.zeros((2, 0, 2, 2), np.float32)):
        assert jit_for(CPU, moving.channels_last)(x).shape == np.moveaxis(x, 1, -1).shape


def test_what_is_large_is_moved_by_kernels():
    x, small = drawn(2, LARGE // 32, 4, 4), drawn(1, 3, 4, 4)
    assert calls_a_kernel(moving.channels_last, x)
    assert calls_a_kernel(moving.channels_first, x)
    assert calls_a_kernel(lambda *arrays: moving.joined(arrays, 2), x, x)
    assert not calls_a_kernel(lambda *arrays: moving.joined(arrays, 0), x, x)  # few rows
    assert not calls_a_kernel(moving.channels_last, small)
    assert not calls_a_kernel(moving.channels_last, x.astype(np.float16))
    assert "jaxdnn_" not in jax.jit(moving.channels_last).lower(x).as_text()  # for any platform


def test_derivatives():
    x = jnp.asarray(drawn(1, 64, 16, 16))

    def of(function):
        return jit_for(CPU, lambda x: jax.grad(lambda x: (function(x) ** 2).sum())(x))(x)

    both = [moving.channels_last, lambda x: moving.joined([x, 2 * x], 3)]
    for function, want in zip(both, [2 * x, 10 * x], strict=True):
        assert calls_a_kernel(function, x)
        np.testing.assert_allclose(of(function), want, rtol=1e-6)
