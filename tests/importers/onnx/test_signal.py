"""Signals, against the standard's reference implementation and ONNX Runtime."""

import numpy as np
import pytest

from support.onnx_graphs import compute, one_op, reference, runtime

RNG = np.random.default_rng(5)
X = RNG.standard_normal((2, 6, 4, 1)).astype(np.float32)


def agree(folder, op, *arrays, by=runtime, **options):
    (want,) = by(*one_op(op, arrays, **options))
    got = compute(folder, op, *arrays, **options)
    assert got.dtype == want.dtype
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("options", [{"axis": 2}, {"axis": 1, "onesided": 1}, {"inverse": 1}])
def test_the_axis_as_attribute(options, tmp_path):
    agree(tmp_path, "DFT", X, opset=17, **options)
    agree(tmp_path, "DFT", X, np.int64(5), opset=17, **options)


@pytest.mark.parametrize("feeds", [(0,), None])
def test_the_axis_as_input(feeds, tmp_path):
    agree(tmp_path, "DFT", X, None, np.int64(1), feeds=feeds, opset=20)
    agree(tmp_path, "DFT", X, np.int64(8), np.int64(-2), feeds=feeds, onesided=1, opset=20)


def test_frames(tmp_path):
    x, window = RNG.standard_normal((2, 32, 1)).astype(np.float32), np.hanning(8).astype(np.float32)
    agree(tmp_path, "STFT", x, np.int64(4), window)
    agree(tmp_path, "STFT", x, np.int64(4), None, np.int64(10), onesided=0)


@pytest.mark.parametrize("op", ["HannWindow", "HammingWindow", "BlackmanWindow"])
@pytest.mark.parametrize("periodic", [0, 1])
def test_windows(op, periodic, tmp_path):
    agree(tmp_path, op, np.int64(9), periodic=periodic, feeds=())
    agree(tmp_path, op, np.int64(9), periodic=periodic, feeds=None)


def test_mel_scale(tmp_path):
    numbers = np.int64(8), np.int64(64), np.int64(8000), np.float32(20), np.float32(3800)
    agree(tmp_path, "MelWeightMatrix", *numbers, by=reference, feeds=())
