"""How normalisation computes."""

from __future__ import annotations

from collections.abc import Mapping

import jax
import jax.numpy as jnp
from jax import lax

from jaxdnn.layers.base import normalize_axis
from jaxdnn.layers.normalization import (
    BatchNorm,
    Bias,
    LocalResponseNorm,
    MeanVarianceNorm,
    Normalize,
    Scale,
    operand_shape,
)
from jaxdnn.layers.pooling import Window
from jaxdnn.lowering.pooling import add, slide
from jaxdnn.lowering.registry import lowers


@lowers(BatchNorm, float32=True)
def batch_norm(layer: BatchNorm, weights: Mapping[str, jax.Array], x: jax.Array) -> jax.Array:
    """Fold variance and scale into one factor per channel."""
    axis = x.ndim if layer.axis == x.ndim else normalize_axis(layer.axis, x.ndim)
    along = tuple(layer.channels(x.shape) if i == axis else 1 for i in range(x.ndim))
    if layer.use_batch_statistics:
        others = tuple(i for i in range(x.ndim) if i != axis)
        mean = jnp.mean(x, others, keepdims=True)
        variance = jnp.mean(jnp.square(x - mean), others, keepdims=True)
    else:
        mean, variance = weights["mean"].reshape(along), weights["variance"].reshape(along)
    factor = lax.rsqrt(variance + layer.epsilon)
    if layer.scale:
        factor = factor * weights["scale"].reshape(along)
    y = (x - mean) * factor
    return y + weights["bias"].reshape(along) if layer.bias else y


@lowers(Scale)
def scale(layer: Scale, weights: Mapping[str, jax.Array], x: jax.Array, *factor: jax.Array) -> jax.Array:
    """See :class:`~jaxdnn.layers.normalization.Scale`."""
    _, along = operand_shape(layer, x.shape, *(array.shape for array in factor))
    y = x * (factor[0] if factor else weights["scale"]).reshape(along)
    return y + weights["bias"].reshape(along) if layer.bias else y


@lowers(Bias)
def bias(layer: Bias, weights: Mapping[str, jax.Array], x: jax.Array, *summand: jax.Array) -> jax.Array:
    """See :class:`~jaxdnn.layers.normalization.Bias`."""
    _, along = operand_shape(layer, x.shape, *(array.shape for array in summand))
    return x + (summand[0] if summand else weights["bias"]).reshape(along)


@lowers(LocalResponseNorm, float32=True)
def local_response_norm(
    layer: LocalResponseNorm, weights: Mapping[str, jax.Array], x: jax.Array
) -> jax.Array:
    """Slide a window over the squares."""
    del weights
    axes = layer.axes(x.ndim)
    energy = squares = x * x
    for axis in axes:
        size = x.shape[axis]
        # What reaches further than the other end of the axis adds nothing.
        before, after = min((layer.size - 1) // 2, size - 1), min(layer.size // 2, size - 1)
        window = Window(size, before + 1 + after, 1, before, after, size)
        (energy,) = slide((energy,), (0.0,), axis, window, add)
    if layer.left_out is not None:
        index = normalize_axis(layer.left_out, x.shape[layer.axis], "left_out")
        energy = energy - lax.slice_in_dim(squares, index, index + 1, axis=normalize_axis(layer.axis, x.ndim))
    count = layer.size ** len(axes) if layer.average else 1
    return x * _inverse_power(layer.bias + layer.alpha / count * energy, layer.beta)


def _inverse_power(x: jax.Array, exponent: float) -> jax.Array:
    """Return ``x**-exponent``; for the exponents that networks have by roots, which cost a tenth of a power."""
    if exponent == 1:
        return 1 / x
    if exponent not in (0.5, 0.75):
        return x**-exponent
    root = lax.rsqrt(x)
    return root if exponent == 0.5 else root * lax.sqrt(root)


@lowers(MeanVarianceNorm, float32=True)
def mean_variance_norm(layer: MeanVarianceNorm, weights: Mapping[str, jax.Array], x: jax.Array) -> jax.Array:
    """See :class:`~jaxdnn.layers.normalization.MeanVarianceNorm`."""
    del weights
    first = layer.axis if layer.axis == x.ndim else normalize_axis(layer.axis, x.ndim)
    axes = tuple(range(first, x.ndim))
    y = x - jnp.mean(x, axes, keepdims=True) if layer.subtract_mean else x
    if not layer.normalize_variance:
        return y
    variance = jnp.mean(jnp.square(y), axes, keepdims=True)
    if layer.epsilon_inside:
        return y / jnp.sqrt(variance + layer.epsilon)
    return y / (jnp.sqrt(variance) + layer.epsilon)


@lowers(Normalize, float32=True)
def normalize(layer: Normalize, weights: Mapping[str, jax.Array], x: jax.Array) -> jax.Array:
    """See :class:`~jaxdnn.layers.normalization.Normalize`."""
    axis = normalize_axis(layer.axis, x.ndim)
    axes = tuple(range(axis, x.ndim)) if layer.across_spatial else axis
    if layer.order == 1:
        y = x / (jnp.sum(jnp.abs(x), axes, keepdims=True) + layer.epsilon)
    else:
        y = x * lax.rsqrt(jnp.sum(x * x, axes, keepdims=True) + layer.epsilon)
    if layer.scale == "none":
        return y
    return y * weights["scale"].reshape((1,) * axis + (-1,) + (1,) * (x.ndim - axis - 1))
