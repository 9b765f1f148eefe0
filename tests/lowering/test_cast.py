"""Types of few bits, against ml_dtypes and by hand."""

import ml_dtypes
import numpy as np
import pytest

from jaxdnn import LayerError
from jaxdnn.layers.arithmetic import Cast, CastLike
from support.layer import run

FEW_BITS = ("float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz")


@pytest.mark.parametrize("dtype", FEW_BITS)
def test_floating_types_of_eight_bits(dtype):
    kind = getattr(ml_dtypes, dtype)
    largest = float(ml_dtypes.finfo(kind).max)
    x = np.float32([0, 0.3, -1.7, 3 * largest, -np.inf, np.nan])
    with np.errstate(invalid="ignore", over="ignore"):
        np.testing.assert_array_equal(run(Cast(dtype=dtype), x), x.astype(kind).astype(np.float32))
        want = np.float32([*x[:3].astype(kind).astype(np.float32), largest, -largest, np.nan])
    np.testing.assert_array_equal(run(Cast(dtype=dtype, saturate=True), x), want)


def test_powers_of_two_in_eight_bits():
    x = np.float32([1, 1.2, 1.5, 1.8, 2, 0.75, 3e38, np.inf, np.nan])
    powers = {
        "up": [1, 2, 2, 2, 2, 1, 2.0**127, 2.0**127, np.nan],
        "down": [1, 1, 1, 1, 2, 0.5, 2.0**127, 2.0**127, np.nan],
        "nearest": [1, 1, 2, 2, 2, 1, 2.0**127, 2.0**127, np.nan],
    }
    for way, want in powers.items():
        layer = Cast(dtype="float8_e8m0fnu", saturate=True, powers=way)
        np.testing.assert_array_equal(run(layer, x), np.float32(want), err_msg=way)
    open_end = run(Cast(dtype="float8_e8m0fnu"), x)
    np.testing.assert_array_equal(np.isnan(open_end), [False] * 6 + [True] * 3)
    with pytest.raises(LayerError, match="powers must be one of up, down, nearest, got 'sideways'"):
        Cast(dtype="float8_e8m0fnu", powers="sideways")


@pytest.mark.parametrize("dtype", ["int4", "uint4", "int2", "uint2"])
def test_integers_of_few_bits_lose_their_upper_bits(dtype):
    bits, signed = int(dtype[-1]), dtype[0] == "i"
    x = np.arange(-9, 18, dtype=np.int32)
    want = (x % 2**bits) - 2**bits * (signed & (x % 2**bits >= 2 ** (bits - 1)))
    got = run(Cast(dtype=dtype), x)
    assert got.dtype == dtype
    np.testing.assert_array_equal(got.astype(int), want)
    np.testing.assert_array_equal(run(Cast(dtype="int32"), got), want)


@pytest.mark.parametrize("dtype", ["int8", "uint16", "int32", "float32", "bool"])
def test_cast_like(dtype):
    x = np.float32([[0, 1.7, 3]])
    got = run(CastLike(), x, np.zeros(2, dtype))
    assert got.dtype == dtype
    np.testing.assert_array_equal(got, x.astype(dtype))
