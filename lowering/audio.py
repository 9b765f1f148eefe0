"""How sound computes: windows and bands are constants."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdnn.errors import ShapeError
from jaxdnn.layers.audio import MelCepstrum, Spectrogram
from jaxdnn.layers.base import dims
from jaxdnn.lowering.padded import depends_on_data
from jaxdnn.lowering.registry import lowers

Weights = Mapping[str, jax.Array]


@lowers(Spectrogram, float32=True)
def spectrogram(layer: Spectrogram, weights: Weights, x: jax.Array) -> jax.Array:
    """See :class:`~jaxdnn.layers.audio.Spectrogram`."""
    del weights
    if x.ndim != 2:
        raise ShapeError(f"samples and channels expected, got {dims(x.shape)}")
    rows = max(0, (x.shape[0] - layer.window) // layer.stride + 1)
    first = np.arange(rows, dtype=np.int32).reshape(-1, 1) * layer.stride
    places = first + np.arange(layer.window, dtype=np.int32)
    weight = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(layer.window) / layer.window)
    windows = x.T[:, places] * jnp.asarray(weight, x.dtype).reshape(1, 1, -1)
    transformed = jnp.fft.rfft(windows, layer.length)
    squares = jnp.square(transformed.real) + jnp.square(transformed.imag)
    return squares if layer.squared else jnp.sqrt(squares)


@lowers(MelCepstrum, float32=True, numpy=True, known=lambda layer, count: (1,))
def mel_cepstrum(layer: MelCepstrum, weights: Weights, x: Any, rate: Any) -> jax.Array:
    """Two products with constant matrices."""
    del weights
    if x.ndim != 3 or x.shape[2] < 2:
        raise ShapeError(f"channels, rows and two bins or more expected, got {dims(x.shape)}")
    if not isinstance(rate, np.ndarray):
        raise depends_on_data("the rate")
    if rate.size != 1 or rate.reshape(()) <= 0:
        raise ShapeError(f"the rate must be one positive number, got {rate.tolist()}")
    bands = _bands(layer, x.shape[2], float(rate.reshape(())))
    energy = jnp.sqrt(jnp.asarray(x)) @ jnp.asarray(bands, x.dtype)
    angle = np.outer(np.arange(layer.bands) + 0.5, np.arange(layer.coefficients)) * np.pi / layer.bands
    cosines = np.sqrt(2 / layer.bands) * np.cos(angle)
    return jnp.log(jnp.maximum(energy, 1e-12)) @ jnp.asarray(cosines, x.dtype)


def _mel(frequency: Any) -> Any:
    return 1127 * np.log1p(np.asarray(frequency, np.float64) / 700)


def _bands(layer: MelCepstrum, bins: int, rate: float) -> np.ndarray:
    """Return the weight of each bin in each band."""
    width = rate / 2 / (bins - 1)
    index = np.arange(bins)
    # Position on a scale where band j has its centre at j + 1.
    low, high = _mel(layer.lower), _mel(layer.upper)
    position = (_mel(index * width) - low) / (high - low) * (layer.bands + 1)
    weight = 1 - np.abs(position.reshape(-1, 1) - np.arange(1, layer.bands + 1))
    first, last = int(1.5 + layer.lower / width), int(layer.upper / width)
    inside = (index >= first) & (index <= last)
    return np.where(inside.reshape(-1, 1), np.maximum(weight, 0), 0)
