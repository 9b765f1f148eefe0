"""Quantisation, against the formulas in double precision, one number at a time."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxdnn import LayerError, ShapeError
from jaxdnn.layers.quantization import (
    Bitcast,
    Dequantize,
    FakeQuantize,
    ProductRange,
    Quantize,
    QuantizeDequantize,
)
from support.layer import assert_close, run

TYPES = ("uint8", "int8", "uint16", "int16")
LOW = st.floats(-4, -0.25).map(np.float32)
HIGH = st.floats(0.25, 4).map(np.float32)


def away(x):
    return math.copysign(math.floor(abs(x) + 0.5), x)


def integers(dtype, seed, shape=(3, 5)):
    limits = np.iinfo(dtype)
    return np.random.default_rng(seed).integers(limits.min, limits.max, shape, endpoint=True).astype(dtype)


def dequantized(q, low, high, mode, narrow=False):
    a, b = int(np.iinfo(q.dtype).min), int(np.iinfo(q.dtype).max)
    step = (float(high) - float(low)) / (b - a)
    if mode == "min_combined":
        return [(int(v) - a) * step + float(low) for v in q.ravel()]
    if mode == "min_first":
        return [(int(v) - a) * step + away(float(low) / step) * step for v in q.ravel()]
    step = max(float(low) / (a + narrow), high / b) if a else high / b
    return [int(v) * step for v in q.ravel()]


@given(st.sampled_from(TYPES), st.sampled_from(("min_combined", "min_first", "scaled")), LOW, HIGH)
def test_dequantize(dtype, mode, low, high):
    q = integers(dtype, 1)
    want = np.reshape(dequantized(q, low, high, mode), q.shape)
    tolerance = 1e-5 if "8" in dtype else 1e-4
    assert_close(run(Dequantize(mode=mode), q, low, high), want, tolerance)


def test_dequantize_along_an_axis():
    q, low, high = integers("int8", 2, (2, 3, 4)), -np.float32([1, 2, 3]), np.float32([3, 2, 1])
    got = run(Dequantize(mode="scaled", axis=1, narrow_range=True), q, low, high)
    for i in range(3):
        want = dequantized(q[:, i], low[i], high[i], "scaled", narrow=True)
        assert_close(got[:, i], np.reshape(want, (2, 4)))
    with pytest.raises(ShapeError, match="a range of 3 does not fit 2x3x4"):
        run(Dequantize(), q, low, high)


@given(st.sampled_from(TYPES), st.sampled_from(("min_combined", "min_first", "scaled")), LOW, HIGH)
def test_quantize_is_the_nearest_that_dequantizes(dtype, mode, low, high):
    x = np.random.default_rng(3).uniform(float(low), float(high), (4, 6)).astype(np.float32)
    if mode == "scaled" and dtype[0] == "u":
        x = np.abs(x).clip(0, high)
    q, first, last = run(Quantize(dtype=dtype, mode=mode), x, low, high, outputs=3)
    assert q.dtype == dtype
    got = run(Dequantize(mode=mode), q, first, last)
    step = (float(last) - float(first)) / (2 ** (8 * q.itemsize) - 1)
    assert np.abs(got - x).max() <= 1.01 * step + 1e-4


def test_quantize_by_hand():
    x = np.float32([-3, -0.5, 0, 0.25, 9])
    q, low, high = run(Quantize(dtype="uint8"), x, np.float32(-1), np.float32(1), outputs=3)
    np.testing.assert_array_equal(q, [0, 64, 128, 159, 255])
    assert (low, high) == (-1, 1)
    q, low, high = run(Quantize(dtype="int8", mode="scaled"), x, np.float32(-2), np.float32(1), outputs=3)
    np.testing.assert_array_equal(q, [-128, -32, 0, 16, 127])
    assert_close(np.stack([low, high]), [-2, 127 / 64])
    q, low, high = run(Quantize(dtype="uint8"), x, np.float32(0), np.float32(0), outputs=3)
    assert_close(np.stack([low, high]), [0, 0.01])


@pytest.mark.parametrize("bits", [2, 4, 8])
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("narrow", [False, True])
def test_quantize_dequantize(bits, signed, narrow):
    x = np.random.default_rng(bits).uniform(-2, 2, 40).astype(np.float32)
    a, b = (-(2 ** (bits - 1)) + narrow, 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    scale = min(a / -1.5 if a else math.inf, b / 1.25)
    want = [round(min(max(float(v), a / scale), b / scale) * scale) / scale for v in x]
    layer = QuantizeDequantize(bits=bits, signed=signed, narrow_range=narrow)
    assert_close(run(layer, x, np.float32(-1.5), np.float32(1.25)), want)


def test_quantize_dequantize_by_the_data():
    x = np.float32([[-1, 0.5, 0.3], [8, -4, 1]])
    whole = run(QuantizeDequantize(bits=4, given=False), x)
    assert_close(whole, np.rint(x * 7 / 8) * 8 / 7)
    rows = run(QuantizeDequantize(bits=4, given=False, axis=0, rounding="half_up"), x)
    assert_close(rows, [np.floor(x[0] * 8 + 0.5) / 8, np.floor(x[1] * 7 / 8 + 0.5) * 8 / 7])


def test_a_range_that_is_taken_as_it_is():
    x = np.float32([-9, 0.5, 1, 1.5, 9])
    q, *limits = run(
        Quantize(dtype="uint8", mode="min_first", exact=True), x, np.float32(0.5), np.float32(1.5), outputs=3
    )
    assert limits == [0.5, 1.5]
    # Zero would be -127.5 below the first one: a step is 1/255.
    np.testing.assert_array_equal(q, [0, 0, 127, 255, 255])
    q, *_ = run(
        Quantize(dtype="uint8", mode="min_first", exact=True), x, np.float32(0), np.float32(0), outputs=3
    )
    np.testing.assert_array_equal(q, [0] * 5)


def test_the_range_of_products():
    limits = np.float32([-1, 2, 0, 0.5])
    low, high = run(ProductRange(dtypes=("uint8", "int16")), *limits, outputs=2)
    step = 3 / 255 * 0.5 / 65535
    assert_close(np.stack([low, high]), [-(2**31) * step, (2**31 - 1) * step])
    with pytest.raises(ShapeError, match="a range of 2 and scalar, two numbers expected"):
        run(ProductRange(dtypes=("uint8", "uint8")), limits[:2], *limits[1:], outputs=2)


def faked(x, low, high, bits, narrow):
    a, b = int(narrow), 2**bits - 1
    step = (high - low) / (b - a)
    zero = away(min(max(a - low / step, a), b))
    low, high = (a - zero) * step, (b - zero) * step
    return [math.floor((min(max(v, low), high) - low) / step + 0.5) * step + low for v in x]


@given(st.integers(2, 8), st.booleans(), st.floats(-3, 0.5), st.floats(1, 4))
def test_fake_quantize(bits, narrow, low, high):
    low, high = np.float32(low), np.float32(high)
    x = np.random.default_rng(0).uniform(-4, 5, 30).astype(np.float32)
    got = run(FakeQuantize(bits=bits, narrow_range=narrow), x, low, high)
    want = np.array(faked(x.tolist(), float(low), float(high), bits, narrow))
    step = (float(high) - float(low)) / (2**bits - 1 - narrow)
    # Where a number lies just between two steps, either one will do.
    assert np.abs(got - want).max() <= step * 1.001
    assert np.mean(np.abs(got - want) > 1e-4) < 0.1


def test_fake_quantize_per_channel_and_empty_range():
    x = np.float32([[0.5, 0.5], [3, 3]])
    got = run(FakeQuantize(bits=2), x, np.float32([0, 0]), np.float32([3, 0]))
    assert_close(got, [[1, 0], [3, 0]])


def test_bitcast():
    x = np.float32([1, -2])
    np.testing.assert_array_equal(run(Bitcast(dtype="int32"), x), x.view(np.int32))
    np.testing.assert_array_equal(run(Bitcast(dtype="uint8"), x), x.view(np.uint8).reshape(2, 4))


def test_what_is_refused():
    for layer, attributes in (
        (Dequantize, {"mode": "middle"}),
        (Quantize, {"dtype": "float32"}),
        (Quantize, {"dtype": "int8", "rounding": "half_up"}),
        (QuantizeDequantize, {"bits": 1}),
        (FakeQuantize, {"bits": 17}),
        (ProductRange, {"dtypes": ("uint8", "float32")}),
    ):
        with pytest.raises(LayerError, match="must be"):
            layer(**attributes)


def test_bits_of_a_type_that_is_computed_in_another():
    x = np.float32([1.5, -2, 0.1])
    want = x.astype(np.float16).view(np.uint16)
    np.testing.assert_array_equal(run(Bitcast(dtype="uint16", source="float16"), x), want)
    np.testing.assert_array_equal(run(Bitcast(dtype="float16"), want), x.astype(np.float16))
    np.testing.assert_array_equal(run(Bitcast(dtype="uint8"), np.array([True, False])), [1, 0])
    np.testing.assert_array_equal(run(Bitcast(dtype="bool"), np.uint8([1, 0])), [True, False])


def test_bits_of_64_need_64():
    with pytest.raises(LayerError, match="the bits of int64 are 64: enable jax_enable_x64"):
        run(Bitcast(dtype="int64"), np.float32([1, 2]))
