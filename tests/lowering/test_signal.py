"""Signals of pairs, against numpy's transforms and the formulas."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxdnn import LayerError, ShapeError
from jaxdnn.layers.signal import CosineWindow, MelWeights, PairedFourierTransform, ShortTimeFourier
from support.layer import assert_close, run


def numbers(*shape):
    return np.random.default_rng(5).standard_normal(shape).astype(np.float32)


def pairs(y):
    return np.stack([y.real, y.imag], -1)


def joined(x):
    return x[..., 0] + 1j * x[..., 1] if x.shape[-1] == 2 else x[..., 0]


@settings(max_examples=8)
@given(st.sampled_from((0, 1, -2)), st.integers(0, 9), st.sampled_from((1, 2)), st.booleans())
def test_both_sides(axis, size, parts, inverse):
    x = numbers(4, 5, parts)
    got = run(PairedFourierTransform(axis=axis, size=size, inverse=inverse), x)
    transform = np.fft.ifft if inverse else np.fft.fft
    assert_close(got, pairs(transform(joined(x), size or None, axis if axis >= 0 else 1)))


@settings(max_examples=8)
@given(st.sampled_from((0, 1)), st.integers(0, 9))
def test_one_side_and_back(axis, size):
    x = numbers(4, 6, 1)
    half = run(PairedFourierTransform(axis=axis, size=size, onesided=True), x)
    assert_close(half, pairs(np.fft.rfft(x[..., 0], size or None, axis)))
    back = run(PairedFourierTransform(axis=axis, size=size, onesided=True, inverse=True), half)
    assert_close(back, np.fft.irfft(joined(half), size or None, axis)[..., None])


def test_real_numbers_mirror_exactly():
    y = run(PairedFourierTransform(axis=0), numbers(8, 1))
    np.testing.assert_array_equal(y[[0, 4], 1], [0, 0])
    np.testing.assert_array_equal(y[5:], y[3:0:-1] * np.float32([1, -1]))


@settings(max_examples=8)
@given(st.integers(1, 5), st.integers(1, 9), st.booleans(), st.booleans())
def test_frames(step, length, windowed, onesided):
    x, window = numbers(2, 16, 1), numbers(length)
    layer = ShortTimeFourier(step=step, length=0 if windowed else length, onesided=onesided)
    got = run(layer, x, *[window] * windowed)
    transform = np.fft.rfft if onesided else np.fft.fft
    for frame in range((16 - length) // step + 1):
        part = x[:, frame * step : frame * step + length, 0] * (window if windowed else 1)
        assert_close(got[:, frame], pairs(transform(part)))
    assert got.shape[1] == (16 - length) // step + 1


def test_frames_of_complex_numbers_are_as_long_as_the_signal_by_default():
    x = numbers(2, 6, 2)
    got = run(ShortTimeFourier(step=1, onesided=False), x)
    assert_close(got, pairs(np.fft.fft(joined(x)))[:, None])


def test_windows():
    hann = CosineWindow(size=7, coefficients=(0.5, 0.5), periodic=False)
    assert_close(run(hann), np.hanning(7))
    assert_close(run(CosineWindow(size=6, coefficients=(0.5, 0.5))), np.hanning(7)[:6])
    blackman = CosineWindow(size=9, coefficients=(0.42, 0.5, 0.08), periodic=False)
    assert_close(run(blackman), np.blackman(9))
    assert_close(run(CosineWindow(size=1, coefficients=(0.5, 0.5), periodic=False)), [1])


def test_mel_scale():
    got = run(MelWeights(bands=5, length=64, rate=8000, lower=100.0, upper=3500.0))
    low, high = (2595 * math.log10(1 + f / 700) for f in (100, 3500))
    edges = [low + i * (high - low) / 7 for i in range(7)]
    edges = [int(65 * 700 * (10 ** (m / 2595) - 1) / 8000) for m in edges]
    assert got.shape == (33, 5)
    for band in range(5):
        left, centre, right = edges[band : band + 3]
        for i in range(33):
            want = 1.0 if i == centre else 0.0
            if left <= i < centre:
                want = (i - left) / (centre - left)
            if centre < i < right:
                want = (right - i) / (right - centre)
            assert got[i, band] == pytest.approx(want)


def test_errors():
    x = numbers(4, 6, 1)
    with pytest.raises(ShapeError, match="the last axis must hold one or two parts of a number, got 4x6x3"):
        run(PairedFourierTransform(), numbers(4, 6, 3))
    with pytest.raises(ShapeError, match="the last axis holds the parts of a number and cannot be"):
        run(PairedFourierTransform(axis=-1), x)
    with pytest.raises(ShapeError, match="a one-sided transform takes pairs, got 4x6x1"):
        run(PairedFourierTransform(onesided=True, inverse=True), x)
    with pytest.raises(ShapeError, match="a one-sided transform takes real numbers, got 4x6x2"):
        run(PairedFourierTransform(onesided=True), numbers(4, 6, 2))
    with pytest.raises(ShapeError, match="a frame has 7 samples, the signal 6"):
        run(ShortTimeFourier(step=1, length=7), x)
    with pytest.raises(ShapeError, match="the window is 3, a frame has 4 samples"):
        run(ShortTimeFourier(step=1, length=4), x, numbers(3))
    with pytest.raises(ShapeError, match="a signal has three axes, got 6x1"):
        run(ShortTimeFourier(step=1), x[0])
    with pytest.raises(LayerError, match="step must be at least 1, got 0"):
        ShortTimeFourier(step=0)
    with pytest.raises(LayerError, match=r"lower 2.0 and upper 1.0 make no range"):
        MelWeights(bands=1, length=1, rate=1, lower=2.0, upper=1.0)
