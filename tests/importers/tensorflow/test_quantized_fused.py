"""Quantised products joined with what follows them, against what their numbers stand for, in double precision."""

import numpy as np
import pytest

from jaxdnn.errors import LayerError
from support.tensorflow import Type, compute

RNG = np.random.default_rng(0)
THREE = ("y", "y:1", "y:2")
IMAGE = RNG.integers(0, 256, (2, 5, 6, 3)).astype(np.uint8)
FILTER = RNG.integers(-127, 128, (2, 2, 3, 4)).astype(np.int8)
BIAS = np.float32([0.5, -1, 2, 0])
X = (np.float32(0), np.float32(2))
W = (np.float32(-0.7), np.float32(0.7))
OUT = (np.float32(0), np.float32(3))
SIGNED = (np.float32(-3), np.float32(3))
CONV = {"strides": [1, 1, 1, 1], "padding": "VALID", "Tinput": Type("uint8"), "Tfilter": Type("int8")}


def correlate(x, w):
    rows, columns = x.shape[1] - 1, x.shape[2] - 1
    return sum(x[:, i : i + rows, j : j + columns] @ w[i, j] for i in (0, 1) for j in (0, 1))


REAL = correlate(IMAGE * (2.0 / 255), FILTER * (0.7 / 127))


def assert_steps(got, want, ends, bits):
    """Compare integers with the numbers that they stand for, to half a step and its rounding."""
    q, low, high = got
    step = max(abs(float(low)), abs(float(high))) / bits
    assert (float(low), float(high)) == pytest.approx(ends)
    clipped = np.clip(want, -step * bits if q.dtype.kind == "i" else 0, step * bits)
    assert np.abs(q * step - clipped).max() < 0.5001 * step


def run(op, *arrays, feeds=(0,), **attributes):
    return compute(run.folder, op, *arrays, outputs=THREE, feeds=feeds, **attributes)


@pytest.fixture(autouse=True)
def _folder(tmp_path):
    run.folder = tmp_path


class TestConvolution:
    @pytest.mark.parametrize("relu", [False, True])
    @pytest.mark.parametrize("biased", [False, True])
    @pytest.mark.parametrize("feeds", [(0,), (0, 1)])
    def test_sums(self, relu, biased, feeds):
        op = f"QuantizedConv2D{'WithBias' * biased}{'AndRelu' * relu}"
        if op == "QuantizedConv2D":
            op = "QuantizedConv2DPerChannel"
        want = REAL + BIAS * biased
        got = run(op, IMAGE, FILTER, *[BIAS] * biased, *X, *W, feeds=feeds, out_type=Type("int32"), **CONV)
        step = 2 / 255 * 1.4 / 254
        q, low, high = got
        assert (low, high) == pytest.approx((-(2**31) * step, 2**31 * step))
        assert np.abs(q * step - (np.maximum(want, 0) if relu else want)).max() < 2 * step

    @pytest.mark.parametrize("relu", [False, True])
    def test_a_given_range(self, relu):
        op = f"QuantizedConv2DWithBias{'AndRelu' * relu}AndRequantize"
        dtype, ends, bits = ("uint8", OUT, 255) if relu else ("int8", SIGNED, 127)
        got = run(op, IMAGE, FILTER, BIAS, *X, *W, *ends, out_type=Type(dtype), **CONV)
        assert got[0].dtype == dtype
        assert_steps(got, REAL + BIAS, ends, bits)

    def test_a_bias_of_integers_is_in_steps_of_the_sums(self):
        step = 2 / 255 * 1.4 / 254
        bias = np.rint(BIAS / step).astype(np.int32)
        options = {"Tbias": Type("int32"), "out_type": Type("int8"), **CONV}
        got = run("QuantizedConv2DWithBiasAndRequantize", IMAGE, FILTER, bias, *X, *W, *SIGNED, **options)
        assert_steps(got, REAL + BIAS, SIGNED, 127)

    @pytest.mark.parametrize(("kind", "dtype", "bits"), [("", "uint8", 255), ("Signed", "int8", 127)])
    def test_a_summand(self, kind, dtype, bits):
        op = f"QuantizedConv2DWithBias{kind}SumAndReluAndRequantize"
        other = RNG.integers(0, 100, REAL.shape).astype(dtype)
        ends = (np.float32(-1 if kind else 0), np.float32(1))
        options = {"Tsummand": Type(dtype), "out_type": Type("uint8"), **CONV}
        got = run(op, IMAGE, FILTER, BIAS, *X, *W, *OUT, other, *ends, **options)
        assert_steps(got, np.maximum(REAL + BIAS + other / bits, 0), OUT, 255)

    def test_channels_with_ranges_of_their_own(self):
        high = np.float32([0.1, 0.5, 1, 2])
        got = run("QuantizedConv2DPerChannel", IMAGE, FILTER, *X, -high, high, out_type=Type("int32"), **CONV)
        want = correlate(IMAGE * (2.0 / 255), FILTER * (high / 127.0))
        steps = got[2] / 2.0**31
        np.testing.assert_allclose(steps, 2 / 255 * high / 127, rtol=1e-5)
        assert (np.abs(got[0] * steps - want) < 2 * steps).all()

    def test_depthwise(self):
        w = FILTER[:, :, :, :1]
        real = [
            correlate(IMAGE[..., c : c + 1] * (2 / 255), w[:, :, c : c + 1] * (0.7 / 127)) for c in range(3)
        ]
        options = {"out_type": Type("uint8"), **CONV}
        op = "QuantizedDepthwiseConv2DWithBiasAndReluAndRequantize"
        got = run(op, IMAGE, w, BIAS[:3], *X, *W, *OUT, **options)
        assert_steps(got, np.concatenate(real, -1) + BIAS[:3], OUT, 255)

    def test_too_few_inputs(self):
        with pytest.raises(LayerError, match="takes 9 inputs, 7 given"):
            run("QuantizedConv2DWithBiasAndRequantize", IMAGE, FILTER, BIAS, *X, *W, **CONV)


@pytest.mark.parametrize("mode", ["MIN_FIRST", "SCALED"])
def test_matrix_product(mode):
    a = RNG.integers(0, 256, (5, 6)).astype(np.uint8)
    w = RNG.integers(-127, 128, (6, 4)).astype(np.int8)
    low = np.float32(-1 if mode == "MIN_FIRST" else 0)
    real = (a - 85.0) * (3 / 255) if mode == "MIN_FIRST" else a * (2 / 255)
    options = {"T1": Type("uint8"), "T2": Type("int8"), "Toutput": Type("uint8"), "input_quant_mode": mode}
    op = "QuantizedMatMulWithBiasAndReluAndRequantize"
    got = run(op, a, w, BIAS, low, np.float32(2), *W, *OUT, **options)
    assert_steps(got, real @ (w * (0.7 / 127)) + BIAS, OUT, 255)


class TestChannels:
    sums = RNG.integers(-(2**30), 2**30, (2, 3, 3, 4)).astype(np.int32)
    high = np.float32([1, 2, 3, 4])

    @pytest.mark.parametrize(("dtype", "ends", "bits"), [("uint8", OUT, 255), ("int8", SIGNED, 127)])
    def test_requantize(self, dtype, ends, bits):
        got = run("RequantizePerChannel", self.sums, -self.high, self.high, *ends, out_type=Type(dtype))
        assert_steps(got, self.sums * (self.high / 2.0**31), ends, bits)

    @pytest.mark.parametrize("clip", [9.0, 0.5])
    @pytest.mark.parametrize("sign", [1, -1])
    def test_range(self, clip, sign):
        sums = self.sums if sign < 0 else np.abs(self.sums)
        low, high = compute(
            run.folder,
            "RequantizationRangePerChannel",
            *(sums, -self.high, self.high),
            outputs=("y", "y:1"),
            clip_value_max=clip,
        )
        want = min(np.abs(sums * (self.high / 2.0**31)).max(), clip)
        assert (low, high) == pytest.approx((-want if sign < 0 else 0, want))


def test_concat_has_the_axis_behind_the_values():
    a, b = IMAGE[..., :2], IMAGE[..., 2:]
    arrays = (a, b, np.int32(3), np.float32(0), np.float32(0), np.float32(2), np.float32(1))
    q, low, high = run("QuantizedConcatV2", *arrays, T=Type("uint8"))
    assert (low, high) == (0, 2)
    np.testing.assert_array_equal(q, np.concatenate([a, np.floor(b / 2 + 0.5).astype(np.uint8)], -1))


@pytest.mark.parametrize("given", [False, True])
def test_instance_norm(given):
    x = IMAGE * (2.0 / 255)
    y = (x - x.mean((1, 2), keepdims=True)) / np.sqrt(x.var((1, 2), keepdims=True) + 0.01)
    options = {"output_range_given": given, "given_y_min": -1.0, "given_y_max": 1.5, "variance_epsilon": 0.01}
    q, low, high = run("QuantizedInstanceNorm", IMAGE, *X, T=Type("uint8"), **options)
    ends = (-1.0, 1.5) if given else (y.min(), y.max())
    assert (low, high) == pytest.approx(ends, rel=1e-5)
    step = (ends[1] - ends[0]) / 255
    zero = np.rint(-ends[0] / step)
    assert np.abs((q - zero) * step - np.clip(y, -zero * step, (255 - zero) * step)).max() < 0.51 * step


def test_batch_norm_has_a_fixed_range():
    eight = [RNG.integers(1, 256, 3).astype(np.uint8) for _ in range(4)]
    mean, variance, bias, scale = (q * (1.0 / 255) for q in eight)
    one = (np.float32(0), np.float32(1))
    arrays = [IMAGE, *X]
    for q in eight:
        arrays += [q, *one]
    options = {"variance_epsilon": 0.01, "scale_after_normalization": True, "out_type": Type("int32")}
    q, low, high = run("QuantizedBatchNormWithGlobalNormalization", *arrays, Tinput=Type("uint8"), **options)
    want = (IMAGE * (2.0 / 255) - mean) / np.sqrt(variance + 0.01) * scale + bias
    assert (low, high) == (-(2**20), 2**20)
    assert np.abs(q * (2.0**20 / 2**31) - want).max() < 2.0**-11
