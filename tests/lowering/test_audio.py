"""Sound, against the formulas, one window, bin and band at a time."""

import cmath
import math

import numpy as np
import pytest

from jaxdnn import LayerError, ShapeError
from jaxdnn.layers.audio import MelCepstrum, Spectrogram
from jaxdnn.lowering import LOWERINGS
from support.layer import assert_close, run

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("squared", [False, True])
@pytest.mark.parametrize(("window", "stride"), [(5, 3), (8, 8), (6, 1)])
def test_spectrogram(window, stride, squared):
    x = RNG.normal(size=(20, 2)).astype(np.float32)
    length = next(2**k for k in range(9) if 2**k >= window)
    want = []
    for channel in x.T.astype(float):
        rows = []
        for start in range(0, 20 - window + 1, stride):
            part = [
                channel[start + n] * (0.5 - 0.5 * math.cos(2 * math.pi * n / window)) for n in range(window)
            ]
            sums = [
                sum(v * cmath.exp(-2j * math.pi * k * n / length) for n, v in enumerate(part))
                for k in range(length // 2 + 1)
            ]
            rows.append([abs(value) ** (2 if squared else 1) for value in sums])
        want.append(rows)
    got = run(Spectrogram(window=window, stride=stride, squared=squared), x)
    assert_close(got, want)


def test_fewer_samples_than_a_window():
    assert run(Spectrogram(window=8, stride=2), np.zeros((5, 1), np.float32)).shape == (1, 0, 5)
    with pytest.raises(ShapeError, match="samples and channels expected, got 5"):
        run(Spectrogram(window=2, stride=1), np.zeros(5, np.float32))


def mel(frequency):
    return 1127 * math.log(1 + frequency / 700)


def bands(bins, rate, lower, upper, count):
    """Return the share of each bin in the band below it and the one above, as a table (bins, bands)."""
    step = (mel(upper) - mel(lower)) / (count + 1)
    centres = [mel(lower) + step * (i + 1) for i in range(count + 1)]
    width = rate / 2 / (bins - 1)
    table = np.zeros((bins, count))
    for i in range(int(1.5 + lower / width), min(int(upper / width), bins - 1) + 1):
        place = mel(i * width)
        band = sum(centre < place for centre in centres[:count]) - 1
        below = centres[band] if band >= 0 else mel(lower)
        weight = (centres[band + 1] - place) / (centres[band + 1] - below)
        if band >= 0:
            table[i, band] += weight
        if band + 1 < count:
            table[i, band + 1] += 1 - weight
    return table


@pytest.mark.parametrize(("rate", "upper"), [(16000, 4000.0), (8000, 4000.0), (16000, 7500.0)])
def test_mel_cepstrum(rate, upper):
    x = RNG.uniform(0.1, 4, (1, 3, 257)).astype(np.float32)
    layer = MelCepstrum(upper=upper, bands=40, coefficients=13)
    energy = np.log(np.maximum(np.sqrt(x.astype(float)) @ bands(257, rate, 20, upper, 40), 1e-12))
    want = np.empty((1, 3, 13))
    for k in range(13):
        cosines = [math.cos(k * math.pi * (j + 0.5) / 40) for j in range(40)]
        want[..., k] = math.sqrt(2 / 40) * energy @ cosines
    got = LOWERINGS[MelCepstrum].function(layer, {}, x, np.array(rate, np.int32))
    assert_close(np.asarray(got), want, 1e-4)
    np.testing.assert_array_equal(run(layer, x, np.array(rate, np.int32)), got)


def test_what_does_not_fit():
    with pytest.raises(LayerError, match="lower must lie between 0 and upper, got 30"):
        MelCepstrum(lower=30.0, upper=20.0)
    with pytest.raises(LayerError, match="50 coefficients are more than the 40 bands"):
        MelCepstrum(coefficients=50)
    function = LOWERINGS[MelCepstrum].function
    with pytest.raises(ShapeError, match="channels, rows and two bins or more expected, got 3x4"):
        function(MelCepstrum(), {}, np.zeros((3, 4), np.float32), np.array(8000, np.int32))
    with pytest.raises(ShapeError, match="the rate must be one positive number, got 0"):
        function(MelCepstrum(), {}, np.zeros((1, 3, 4), np.float32), np.array(0, np.int32))
