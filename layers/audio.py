"""Sound: spectrograms, and the cepstrum on the scale of hearing."""

from __future__ import annotations

import math

from jaxdnn.layers.base import Layer, Shape, require, require_at_least


class Spectrogram(Layer):
    """How much of each frequency there is in windows of sound.

    Inputs: samples (samples, channels).

    A window of ``window`` samples, weighted by ``(1 - cos(2π n / window)) / 2`` and followed by zeros up to the next
    power of two, N, is Fourier transformed; the absolute values of the first ``N/2 + 1`` numbers are its row.

    Output: (channels, rows, N/2 + 1), ``rows = 1 + (samples - window) // stride``, or 0 if there are fewer samples.

    Attributes:
        window: length of a window, in samples.
        stride: from one window to the next.
        squared: whether the squares of the absolute values are meant.
    """

    window: int
    stride: int
    squared: bool = False

    def __post_init__(self) -> None:
        require_at_least(2, window=self.window)
        require_at_least(1, stride=self.stride)

    @property
    def length(self) -> int:
        """N."""
        return 1 << (self.window - 1).bit_length()

    def flops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> int:
        """Count ``2.5 N log2(N)`` per window, what a transform of real numbers takes."""
        del inputs
        channels, rows, _ = outputs[0]
        return math.ceil(channels * rows * 2.5 * self.length * math.log2(self.length))


class MelCepstrum(Layer):
    """The cosine transform of the logarithm of the energy in bands of equal width on the mel scale.

    Inputs: a spectrogram of squares (channels, rows, bins); the rate, the number of samples per second, a scalar that
    is known while the program is traced.

    ``mel(f) = 1127 log(1 + f / 700)``. The bands' centres divide mel(lower) … mel(upper) into ``bands + 1`` equal
    parts; a band is a triangle between the neighbouring centres. Bin i lies at the frequency ``i * rate / 2 /
    (bins - 1)``; bins below 1.5 bins above ``lower`` (rounded down), and those above ``upper``, count nothing. The
    roots of the spectrogram, weighted by the triangles, are summed to a band's energy e, at least 1e-12, and
    ``y[k] = sqrt(2 / bands) * sum of log(e[j]) cos(k π (j + 1/2) / bands)``.

    Output: (channels, rows, coefficients).

    Attributes:
        lower, upper: ends of the range of frequencies, in hertz.
        bands: number of bands.
        coefficients: number of results.
    """

    lower: float = 20.0
    upper: float = 4000.0
    bands: int = 40
    coefficients: int = 13

    def __post_init__(self) -> None:
        require_at_least(1, bands=self.bands, coefficients=self.coefficients)
        require(
            0 <= self.lower < self.upper,
            f"lower must lie between 0 and upper, got {self.lower} and {self.upper}",
        )
        require(
            self.coefficients <= self.bands,
            f"{self.coefficients} coefficients are more than the {self.bands} bands",
        )
