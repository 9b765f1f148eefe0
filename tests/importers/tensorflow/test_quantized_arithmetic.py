"""Quantised ops, against what their numbers stand for, in double precision."""

from pathlib import Path

import numpy as np
import pytest

import jaxdnn
from support.tensorflow import Type, compute, const, load, node, placeholder

RNG = np.random.default_rng(0)
QINT32 = 2.0**31
THREE = ("y", "y:1", "y:2")


def real(q, low, high):
    """Return what eight bits stand for; zero is one of their steps."""
    smallest, largest = np.iinfo(q.dtype).min, np.iinfo(q.dtype).max
    step = (float(high) - float(low)) / (largest - smallest)
    steps = float(low) / step
    zero = smallest - np.copysign(np.floor(abs(steps) + 0.5), steps)
    return (q.astype(np.float64) - zero) * step


def limits(low, high):
    return np.float32(low), np.float32(high)


def sums(op, arrays, feeds=(0,), **attributes):
    """Run an op whose results are 32-bit sums; return the numbers that they stand for, and one step."""
    q, low, high = compute(Path(), op, *arrays, outputs=THREE, feeds=feeds, **attributes)
    assert q.dtype == np.int32
    assert np.isclose(low, -high, rtol=1e-6)
    return q * float(high) / QINT32, float(high) / QINT32


IMAGE = RNG.integers(0, 256, (2, 5, 6, 3)).astype(np.uint8)
X = limits(-1, 3)
W = limits(-0.5, 0.7)
UINT8 = {"Tinput": Type("uint8"), "Tfilter": Type("uint8")}
BOTH = {"T1": Type("uint8"), "T2": Type("uint8")}


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def correlate(x, w):
    rows, columns = x.shape[1] - 1, x.shape[2] - 1
    return sum(x[:, i : i + rows, j : j + columns] @ w[i, j] for i in (0, 1) for j in (0, 1))


@pytest.mark.parametrize("feeds", [(0,), (0, 1)])
def test_convolution(feeds):
    w = RNG.integers(0, 256, (2, 2, 3, 4)).astype(np.uint8)
    options = {"strides": [1, 1, 1, 1], "padding": "VALID", "out_type": Type("int32")}
    got, step = sums("QuantizedConv2D", (IMAGE, w, *X, *W), feeds, **UINT8, **options)
    assert np.abs(got - correlate(real(IMAGE, *X), real(w, *W))).max() < 2 * step
    assert np.isclose(step, 4 / 255 * 1.2 / 255)


def test_the_filter_is_a_weight_and_padding_is_zero():
    w = np.full((3, 3, 3, 1), 255, np.uint8)
    names = ("w", "a", "b", "c", "d")
    constants = [const(name, value) for name, value in zip(names, (w, *X, *W), strict=True)]
    options = {"strides": [1, 1, 1, 1], "padding": "SAME", **UINT8}
    net = load(
        Path(),
        placeholder("x", (1, 2, 2, 3), "uint8"),
        *constants,
        node("y", "QuantizedConv2D", "x", *names, **options),
        outputs=list(THREE),
    )
    assert [list(slots) for slots in net.params.values()] == [["weight"]]
    x = IMAGE[:1, :2, :2]
    got = net(x)
    numbers = np.asarray(got["y"]) * float(got["y:2"]) / QINT32
    want = real(x, *X).sum() * real(w, *W)[0, 0, 0, 0]
    np.testing.assert_allclose(numbers, np.full((1, 2, 2, 1), want), rtol=1e-4)


def test_depthwise():
    w = RNG.integers(0, 256, (2, 2, 3, 2)).astype(np.uint8)
    options = {"strides": [1, 1, 1, 1], "padding": "VALID"}
    got, step = sums("QuantizedDepthwiseConv2D", (IMAGE, w, *X, *W), **UINT8, **options)
    x, w = real(IMAGE, *X), real(w, *W)
    want = [correlate(x[..., c : c + 1], w[:, :, c : c + 1]) for c in range(3)]
    assert np.abs(got - np.concatenate(want, -1)).max() < 2 * step


def test_matrix_product():
    a, b = (RNG.integers(0, 256, shape).astype(np.uint8) for shape in ((4, 3), (5, 4)))
    flags = {"transpose_a": True, "transpose_b": True}
    got, step = sums("QuantizedMatMul", (a, b, *X, *W), feeds=(0, 1), **BOTH, **flags)
    assert np.abs(got - real(a, *X).T @ real(b, *W).T).max() < 2 * step


@pytest.mark.parametrize(
    ("op", "function"),
    [("QuantizedAdd", np.add), ("QuantizedBiasAdd", np.add), ("QuantizedMul", np.multiply)],
)
def test_two_arrays(op, function):
    b = RNG.integers(0, 256, 3).astype(np.uint8)
    got, step = sums(op, (IMAGE, b, *X, *W), **BOTH)
    assert np.abs(got - function(real(IMAGE, *X), real(b, *W))).max() < 2 * step
    assert np.isclose(step, 3 * 2**14 / QINT32 if function is np.add else 4 / 255 * 1.2 / 255)


EIGHT = {
    "QuantizedRelu": (lambda x: np.maximum(x, 0), (), {}),
    "QuantizedRelu6": (lambda x: np.clip(x, 0, 6), (), {}),
    "QuantizedReluX": (lambda x: np.clip(x, 0, 1.5), (np.float32(1.5),), {}),
    "QuantizedMaxPool": (lambda x: x[:, :4].reshape(2, 2, 2, 3, 2, 3).max((2, 4)), (), {"padding": "VALID"}),
    "QuantizedAvgPool": (lambda x: x[:, :4].reshape(2, 2, 2, 3, 2, 3).mean((2, 4)), (), {"padding": "VALID"}),
    "QuantizedResizeBilinear": (lambda x: x.repeat(1, 1)[:, ::5], (np.int32([1, 6]),), {}),
}


@pytest.mark.parametrize("op", EIGHT)
def test_the_range_stays(op):
    function, further, options = EIGHT[op]
    if "Pool" in op:
        options = {**options, "ksize": [1, 2, 2, 1], "strides": [1, 2, 2, 1]}
    types = {"Tinput" if "Relu" in op else "T": Type("uint8")}
    q, low, high = compute(Path(), op, IMAGE, *further, *X, outputs=THREE, **types, **options)
    assert (low, high) == X
    assert q.dtype == np.uint8
    want = function(real(IMAGE, *X))
    assert np.abs(real(q, low, high) - want).max() <= 0.51 * 4 / 255


def test_reshape():
    q, low, high = compute(
        Path(), "QuantizedReshape", IMAGE, np.int32([2, -1]), *X, outputs=THREE, T=Type("uint8")
    )
    np.testing.assert_array_equal(q, IMAGE.reshape(2, -1))
    assert (low, high) == X


@pytest.mark.parametrize("dtype", ["uint8", "int8"])
def test_concat(dtype):
    a, b = (RNG.integers(0, 100, (2, n)).astype(dtype) for n in (3, 4))
    arrays = (np.int32(1), a, b, np.float32(-1), np.float32(-3), np.float32(2), np.float32(1.5))
    q, low, high = compute(
        Path(), "QuantizedConcat", *arrays, outputs=THREE, feeds=(1, 2), T=Type(dtype), N=2
    )
    assert (low, high) == ((-3, 2) if dtype == "uint8" else (-3, 3))
    want = np.concatenate([real(a, -1, 2), real(b, -3, 1.5)], 1)
    assert np.abs(real(q, low, high) - want).max() <= 0.51 * (high - low) / 255


SUMS = RNG.integers(-(10**6), 2 * 10**6, (3, 4)).astype(np.int32)
RANGE = limits(-2000, 2000)


def test_sums_become_eight_bits():
    numbers = SUMS.astype(np.float64) * 2000 / QINT32
    low, high = compute(
        Path(), "RequantizationRange", SUMS, *RANGE, outputs=("y", "y:1"), Tinput=Type("int32")
    )
    np.testing.assert_allclose([low, high], [numbers.min(), numbers.max()], rtol=1e-5)
    types = {"Tinput": Type("int32"), "out_type": Type("uint8")}
    q, *ends = compute(Path(), "Requantize", SUMS, *RANGE, *limits(-1, 1.5), outputs=THREE, **types)
    assert tuple(ends) == (-1, 1.5)
    assert np.abs(real(q, *ends) - numbers.clip(-1, 1.5)).max() < 1.02 * 2.5 / 255
    q, *ends = compute(Path(), "QuantizeDownAndShrinkRange", SUMS, *RANGE, outputs=THREE, **types)
    np.testing.assert_allclose(ends, [numbers.min(), numbers.max()], rtol=1e-5)
    assert np.abs(real(q, *ends) - numbers).max() < 0.51 * (ends[1] - ends[0]) / 255


def test_positive_sums_have_a_range_that_begins_at_zero():
    low, _ = compute(
        Path(), "RequantizationRange", abs(SUMS), *RANGE, outputs=("y", "y:1"), Tinput=Type("int32")
    )
    assert low == 0


def test_a_type_that_is_not_quantised():
    with pytest.raises(
        jaxdnn.LayerError,
        match=r"'y' \(QuantizedRelu\): attribute 'Tinput' must be a quantised type, got float32",
    ):
        compute(Path(), "QuantizedRelu", IMAGE, *X, outputs=THREE, Tinput=Type("float32"))
