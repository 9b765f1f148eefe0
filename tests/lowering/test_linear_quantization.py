"""Numbers by scale and zero point, against the formulas, one number at a time."""

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxdnn import LayerError, ShapeError
from jaxdnn.layers.linear_quantization import DynamicQuantize, LinearDequantize, LinearQuantize
from support.layer import run

ENDS = {
    "uint8": (0, 255),
    "int8": (-128, 127),
    "uint16": (0, 65535),
    "int16": (-32768, 32767),
    "int4": (-8, 7),
    "uint4": (0, 15),
    "int2": (-2, 1),
    "uint2": (0, 3),
}


def even(x):
    """Round one number, halves to even."""
    return round(float(x))


@settings(max_examples=8)
@given(st.sampled_from(sorted(ENDS)), st.floats(0.0625, 4), st.integers(0, 2**32))
def test_quantize_and_back(dtype, step, seed):
    low, high = ENDS[dtype]
    rng = np.random.default_rng(seed)
    scale, zero = np.float32(step), rng.integers(low, high, endpoint=True)
    x = (rng.uniform(low - 2, high + 2, (3, 4)) * scale).astype(np.float32)
    q = run(LinearQuantize(dtype=dtype), x, scale, np.array(zero, dtype))
    want = [[min(max(even(v / scale) + zero, low), high) for v in row] for row in x]
    np.testing.assert_array_equal(q.astype(np.int64), want)
    assert q.dtype == dtype
    back = run(LinearDequantize(), q, scale, np.array(zero, dtype))
    np.testing.assert_allclose(back, (q.astype(np.int64) - zero) * scale, rtol=1e-6)


def test_halves_go_to_the_even_neighbour_and_what_is_no_number_to_zero():
    x = np.float32([0.5, 1.5, -0.5, 2.5, np.nan, np.inf, -np.inf])
    q = run(LinearQuantize(dtype="int8"), x, np.float32(1), np.int8(3))
    np.testing.assert_array_equal(q, [3, 5, 3, 5, 3, 127, -128])


@settings(max_examples=8)
@given(st.integers(0, 2), st.integers(0, 2**32))
def test_scales_along_an_axis(axis, seed):
    rng = np.random.default_rng(seed)
    q = rng.integers(0, 256, (2, 3, 4)).astype(np.uint8)
    scale = rng.uniform(0.5, 2, q.shape[axis]).astype(np.float32)
    zero = rng.integers(0, 256, q.shape[axis]).astype(np.uint8)
    got = run(LinearDequantize(axis=axis - 3), q, scale, zero)
    for place in np.ndindex(q.shape):
        want = (int(q[place]) - int(zero[place[axis]])) * scale[place[axis]]
        assert got[place] == pytest.approx(want, rel=1e-6)


@settings(max_examples=8)
@given(st.integers(1, 6), st.integers(0, 2**32))
def test_blocks_need_not_come_out_even(block, seed):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((2, 5)).astype(np.float32)
    scale = rng.uniform(0.5, 2, (2, -(-5 // block))).astype(np.float32)
    got = run(LinearQuantize(dtype="int8", axis=1, block=block), x, scale)
    for i, j in np.ndindex(x.shape):
        assert got[i, j] == even(x[i, j] / scale[i, j // block])


def test_a_scale_of_all_axes_is_broadcast():
    q, scale = np.int32([[4, 6], [8, 10]]), np.float32([[1], [0.5]])
    np.testing.assert_array_equal(run(LinearDequantize(), q, scale), [[4, 6], [4, 5]])


@pytest.mark.parametrize("dtype", ["float8_e4m3fn", "float8_e5m2", "float4_e2m1fn"])
def test_floating_types_of_few_bits(dtype):
    x = np.float32([0, 0.1, -0.7, 1.3, 2.9])
    got = run(LinearQuantize(dtype=dtype), x, np.float32(0.5))
    np.testing.assert_array_equal(got, (x / 0.5).astype(getattr(ml_dtypes, dtype)).astype(np.float32))


def test_floating_types_saturate_if_wanted():
    x, one = np.float32([1000, -1000]), np.float32(1)
    np.testing.assert_array_equal(run(LinearQuantize(dtype="float8_e4m3fn"), x, one), [448, -448])
    assert np.isnan(run(LinearQuantize(dtype="float8_e4m3fn", saturate=False), x, one)).all()


def test_dynamic_range():
    x = np.float32([[-1, 0.5], [3, 1.25]])
    q, scale, zero = run(DynamicQuantize(), x, outputs=3)
    assert scale == np.float32(4 / 255)
    assert (zero, zero.dtype) == (64, np.uint8)
    np.testing.assert_array_equal(q, [[0, 96], [255, 144]])


def test_dynamic_range_holds_zero_and_may_be_empty():
    q, scale, zero = run(DynamicQuantize(), np.float32([2, 4]), outputs=3)
    assert (scale, zero) == (np.float32(4 / 255), 0)
    q, scale, zero = run(DynamicQuantize(), np.zeros(3, np.float32), outputs=3)
    assert (scale, zero, q.tolist()) == (1, 0, [0, 0, 0])


def test_errors():
    q, two = np.zeros((2, 3), np.uint8), np.ones(2, np.float32)
    with pytest.raises(ShapeError, match="a scale of 2 does not fit 2x3"):
        run(LinearDequantize(axis=1), q, two)
    with pytest.raises(ShapeError, match="a scale of 2x2 does not fit 2x3"):
        run(LinearDequantize(axis=1, block=3), q, np.ones((2, 2), np.float32))
    with pytest.raises(LayerError, match="dtype must be a type of few bits, got int32"):
        LinearQuantize(dtype="int32")
    with pytest.raises(LayerError, match="block must be at least 0, got -1"):
        LinearDequantize(block=-1)
