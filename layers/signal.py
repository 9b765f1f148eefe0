"""Signals whose complex numbers are pairs along a last axis, and what they are weighted by."""

from __future__ import annotations

import math

import numpy as np

from jaxdnn.layers.base import Layer, Shape, require, require_at_least


def _transform_flops(inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], length: int) -> int:
    """Count ``5 n log2(n)`` per transform of n numbers."""
    numbers = max(math.prod(shape[:-1]) for shape in (inputs[0], outputs[0]))
    return math.ceil(5 * numbers * math.log2(max(2, length)))


class PairedFourierTransform(Layer):
    """The discrete Fourier transform of an axis: ``y[k] = sum of x[n] * exp(-2πi k n / N)``, complex numbers as pairs.

    Inputs: x, whose last axis holds the real and the imaginary part, or the real part alone.

    The inverse has the other sign, and divides by N. One-sided, the forward transform takes real numbers and gives the
    first ``N // 2 + 1`` complex ones, the others being their mirror image; the inverse takes these and gives real
    numbers. Everything else gives complex ones.

    Attributes:
        axis: which is transformed, not the last one.
        inverse: whether the inverse is meant.
        onesided: see above.
        size: N, to which zeros are added or elements cut off first; 0 for the axis' own size, of the one-sided inverse
            ``2 * (size - 1)``.
    """

    axis: int = -2
    inverse: bool = False
    onesided: bool = False
    size: int = 0

    def __post_init__(self) -> None:
        require_at_least(0, size=self.size)

    def flops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> int:
        """Count ``5 n log2(n)`` per transform of n numbers."""
        return _transform_flops(inputs, outputs, max(shape[self.axis] for shape in (inputs[0], outputs[0])))


class ShortTimeFourier(Layer):
    """The Fourier transforms of a signal's frames, complex numbers as pairs.

    Inputs: the signal (N, samples, 1), or (N, samples, 2) if it is complex; optionally a window (length,), which weighs
    each frame.

    Output: (N, frames, bins, 2) with ``frames = (samples - length) // step + 1`` and ``bins = length``, or
    ``length // 2 + 1`` if ``onesided``, which takes real numbers.

    Attributes:
        step: from one frame to the next, in samples.
        length: of a frame; 0 for that of the window, or of the signal if there is none.
        onesided: see :class:`PairedFourierTransform`.
    """

    step: int
    length: int = 0
    onesided: bool = True

    def __post_init__(self) -> None:
        require_at_least(1, step=self.step)
        require_at_least(0, length=self.length)

    def flops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> int:
        """Count ``5 n log2(n)`` per frame of n numbers."""
        return _transform_flops(inputs, outputs, outputs[0][2])


class CosineWindow(Layer):
    """A window that is a sum of cosines: ``y[n] = sum over k of (-1)^k c[k] cos(2π k n / N)``, a constant (size,).

    N is ``size`` of a periodic window, else ``size - 1``; a window of one sample is 1.

    Attributes:
        size: the number of samples.
        coefficients: c.
        periodic: see above.
    """

    size: int
    coefficients: tuple[float, ...]
    periodic: bool = True

    def __post_init__(self) -> None:
        require_at_least(0, size=self.size)

    def samples(self) -> np.ndarray:
        """Return y, float32."""
        if self.size == 1 and not self.periodic:
            return np.ones(1, np.float32)
        angle = 2 * math.pi * np.arange(self.size) / (self.size if self.periodic else self.size - 1)
        terms = ((-1) ** k * c * np.cos(k * angle) for k, c in enumerate(self.coefficients))
        samples: np.ndarray = np.sum(list(terms), axis=0)
        return samples.astype(np.float32)


class MelWeights(Layer):
    """How much each bin of a one-sided Fourier transform counts in each band of the mel scale, a constant.

    Output: (length // 2 + 1, bands). With ``mel(f) = 2595 log10(1 + f / 700)``, ``bands + 2`` edges lie at
    ``mel(lower) + i * (mel(upper) - mel(lower)) / (bands + 2)``; e[i] is the bin ``floor((length + 1) * f / rate)`` of
    the i-th one's frequency f. Band j rises from 0 at e[j] to 1 at e[j + 1] and falls to 0 at e[j + 2].

    Attributes:
        bands: how many there are.
        length: of the transform.
        rate: samples per second.
        lower, upper: the frequencies at the ends, in hertz.
    """

    bands: int
    length: int
    rate: int
    lower: float
    upper: float

    def __post_init__(self) -> None:
        require_at_least(1, bands=self.bands, length=self.length, rate=self.rate)
        require(0 <= self.lower <= self.upper, f"lower {self.lower} and upper {self.upper} make no range")

    def weights(self) -> np.ndarray:
        """Return the matrix, float32."""
        low, high = (2595 * math.log10(1 + f / 700) for f in (self.lower, self.upper))
        mel = low + np.arange(self.bands + 2) * (high - low) / (self.bands + 2)
        frequency = 700 * (10 ** (mel / 2595) - 1)
        edges = np.floor((self.length + 1) * frequency / self.rate)
        left, centre, right = edges[:-2], edges[1:-1], edges[2:]
        place = np.arange(self.length // 2 + 1)[:, None]
        with np.errstate(divide="ignore", invalid="ignore"):
            rising, falling = (place - left) / (centre - left), (right - place) / (right - centre)
        weights = np.where((place >= left) & (place < centre), rising, 0)
        weights = np.where((place > centre) & (place < right), falling, weights)
        return np.where(place == centre, 1, weights).astype(np.float32)
