"""How signals compute whose complex numbers are pairs."""

from __future__ import annotations

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxdnn.errors import ShapeError
from jaxdnn.layers.base import dims, normalize_axis
from jaxdnn.layers.signal import CosineWindow, MelWeights, PairedFourierTransform, ShortTimeFourier
from jaxdnn.lowering.registry import lowers

Weights = Mapping[str, jax.Array]


def _parts(x: jax.Array) -> jax.Array:
    """Return the numbers that the last axis holds the parts of: complex ones if there are two."""
    if x.ndim < 2 or x.shape[-1] not in (1, 2):
        raise ShapeError(f"the last axis must hold one or two parts of a number, got {dims(x.shape)}")
    return x[..., 0] if x.shape[-1] == 1 else lax.complex(x[..., 0], x[..., 1])


def _pairs(y: jax.Array) -> jax.Array:
    return jnp.stack([jnp.real(y), jnp.imag(y)], axis=-1)


@lowers(PairedFourierTransform, float32=True)
def paired_fourier_transform(layer: PairedFourierTransform, weights: Weights, x: jax.Array) -> jax.Array:
    """See :class:`~jaxdnn.layers.signal.PairedFourierTransform`."""
    del weights
    axis, numbers = normalize_axis(layer.axis, x.ndim), _parts(x)
    if axis == x.ndim - 1:
        raise ShapeError("the last axis holds the parts of a number and cannot be transformed")
    real = x.shape[-1] == 1
    if layer.onesided and real == layer.inverse:
        wanted = "pairs" if layer.inverse else "real numbers"
        raise ShapeError(f"a one-sided transform takes {wanted}, got {dims(x.shape)}")
    size = layer.size or None
    if not layer.onesided:
        if real:
            return _pairs(_mirrored(numbers, layer.size or x.shape[axis], axis, layer.inverse))
        return _pairs((jnp.fft.ifft if layer.inverse else jnp.fft.fft)(numbers, size, axis))
    if layer.inverse:
        return jnp.fft.irfft(numbers, size, axis)[..., None]
    return _pairs(jnp.fft.rfft(numbers, size, axis))


def _mirrored(x: jax.Array, size: int, axis: int, inverse: bool) -> jax.Array:
    """Transform real numbers: the second half of the result mirrors the first one, exactly."""
    half = jnp.fft.rfft(x, size, axis)
    half = jnp.conj(half) / size if inverse else half
    later = lax.slice_in_dim(half, 1, size - size // 2, axis=axis)
    return jnp.concatenate([half, jnp.conj(jnp.flip(later, axis))], axis)


@lowers(ShortTimeFourier, float32=True)
def short_time_fourier(
    layer: ShortTimeFourier, weights: Weights, x: jax.Array, *window: jax.Array
) -> jax.Array:
    """See :class:`~jaxdnn.layers.signal.ShortTimeFourier`."""
    del weights
    if x.ndim != 3:
        raise ShapeError(f"a signal has three axes, got {dims(x.shape)}")
    length = layer.length or (window[0].size if window else x.shape[1])
    if not 0 < length <= x.shape[1]:
        raise ShapeError(f"a frame has {length} samples, the signal {x.shape[1]}")
    starts = np.arange(0, x.shape[1] - length + 1, layer.step)
    frames = x[:, starts[:, None] + np.arange(length)]
    if window:
        if window[0].shape != (length,):
            raise ShapeError(f"the window is {dims(window[0].shape)}, a frame has {length} samples")
        frames = frames * window[0].reshape(1, 1, length, 1)
    return paired_fourier_transform(PairedFourierTransform(onesided=layer.onesided), {}, frames)


@lowers(CosineWindow, numpy=True)
def cosine_window(layer: CosineWindow, weights: Weights) -> np.ndarray:
    """See :class:`~jaxdnn.layers.signal.CosineWindow`."""
    del weights
    return layer.samples()


@lowers(MelWeights, numpy=True)
def mel_weights(layer: MelWeights, weights: Weights) -> np.ndarray:
    """See :class:`~jaxdnn.layers.signal.MelWeights`."""
    del weights
    return layer.weights()
