"""How activations compute. Exponentials and logarithms keep to float32."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np

from jaxdnn.errors import ShapeError
from jaxdnn.layers.activation import (
    Clip,
    Elu,
    Gelu,
    GroupedSoftmax,
    Hardmax,
    HardMish,
    HardSigmoid,
    HardSwish,
    LogSoftmax,
    Mish,
    NormalizeAlong,
    PiecewiseLinear,
    PRelu,
    Relu,
    Selu,
    Sigmoid,
    Softmax,
    Softplus,
    Softsign,
    Stair,
    Swish,
    Tanh,
    Threshold,
)
from jaxdnn.layers.base import dims, normalize_axis
from jaxdnn.lowering.registry import lower_function, lowers

lower_function(Sigmoid, jax.nn.sigmoid)
lower_function(Tanh, jnp.tanh)
lower_function(Mish, jax.nn.mish, float32=True)
lower_function(HardSwish, lambda x: x * _hard_sigmoid(x, 1 / 6, 0.5))
lower_function(HardMish, lambda x: jnp.where(x > 0, x, jnp.where(x > -2, x * x / 2 + x, 0)))
lower_function(Softplus, jax.nn.softplus, float32=True)
lower_function(Softsign, jax.nn.soft_sign)
lower_function(Stair, lambda x: jnp.floor(x / 2) + jnp.maximum(x - 2 * jnp.floor(x / 2) - 1, 0))


def _hard_sigmoid(x: jax.Array, alpha: float, beta: float) -> jax.Array:
    return jnp.clip(alpha * x + beta, 0, 1)


@lowers(Relu)
def relu(layer: Relu, weights: Mapping[str, jax.Array], x: jax.Array) -> jax.Array:
    """See :class:`~jaxdnn.layers.activation.Relu`."""
    del weights
    if layer.negative_slope == 0:
        return jnp.maximum(x, 0)
    return jnp.where(x > 0, x, layer.negative_slope * x)


@lowers(PRelu)
def prelu(layer: PRelu, weights: Mapping[str, jax.Array], x: jax.Array) -> jax.Array:
    """See :class:`~jaxdnn.layers.activation.PRelu`."""
    shape = [1] * x.ndim
    shape[normalize_axis(layer.axis, x.ndim)] = -1
    return jnp.where(x > 0, x, weights["slope"].reshape(shape) * x)


@lowers(Clip)
def clip(layer: Clip, weights: Mapping[str, jax.Array], x: jax.Array) -> jax.Array:
    """See :class:`~jaxdnn.layers.activation.Clip`."""
    del weights
    floor, ceiling = layer.floor, layer.ceiling
    if jnp.issubdtype(x.dtype, jnp.integer):
        limits = np.iinfo(x.dtype)
        floor = math.ceil(min(max(floor, limits.min), limits.max))
        ceiling = math.floor(min(max(ceiling, limits.min), limits.max))
    return jnp.maximum(jnp.minimum(x, ceiling), floor)


@lowers(Elu, float32=True)
def elu(layer: Elu, weights: Mapping[str, jax.Array], x: jax.Array) -> jax.Array:
    """See :class:`~jaxdnn.layers.activation.Elu`."""
    del weights
    return jax.nn.elu(x, layer.alpha)


@lowers(Selu, float32=True)
def selu(layer: Selu, weights: Mapping[str, jax.Array], x: jax.Array) -> jax.Array:
    """See :class:`~jaxdnn.layers.activation.Selu`."""
    del weights
    return layer.scale * jax.nn.elu(x, layer.alpha)


@lowers(Gelu)
def gelu(layer: Gelu, weights: Mapping[str, jax.Array], x: jax.Array) -> jax.Array:
    """See :class:`~jaxdnn.layers.activation.Gelu`."""
    del weights
    return jax.nn.gelu(x, approximate=layer.approximation == "tanh")


@lowers(Swish)
def swish(layer: Swish, weights: Mapping[str, jax.Array], x: jax.Array) -> jax.Array:
    """See :class:`~jaxdnn.layers.activation.Swish`."""
    del weights
    return x * jax.nn.sigmoid(layer.beta * x)


@lowers(HardSigmoid)
def hard_sigmoid(layer: HardSigmoid, weights: Mapping[str, jax.Array], x: jax.Array) -> jax.Array:
    """See :class:`~jaxdnn.layers.activation.HardSigmoid`."""
    del weights
    return _hard_sigmoid(x, layer.alpha, layer.beta)


@lowers(PiecewiseLinear)
def piecewise_linear(layer: PiecewiseLinear, weights: Mapping[str, jax.Array], x: jax.Array) -> jax.Array:
    """Choose each line in turn by its left end."""
    del weights
    (left, bottom), *_ = layer.points
    y = bottom + layer.first_slope * (x - left)
    slopes = [(d - b) / (c - a) for (a, b), (c, d) in pairwise(layer.points)]
    for (left, bottom), slope in zip(layer.points, [*slopes, layer.last_slope], strict=True):
        y = jnp.where(x > left, bottom + slope * (x - left), y)
    return y


@lowers(Threshold)
def threshold(layer: Threshold, weights: Mapping[str, jax.Array], x: jax.Array) -> jax.Array:
    """See :class:`~jaxdnn.layers.activation.Threshold`."""
    del weights
    return (x > layer.threshold).astype(x.dtype)


@lowers(Softmax, float32=True)
def softmax(layer: Softmax, weights: Mapping[str, jax.Array], x: jax.Array) -> jax.Array:
    """See :class:`~jaxdnn.layers.activation.Softmax`."""
    del weights
    return jax.nn.softmax(x, axis=_axes(layer, x.ndim))


def _axes(layer: Softmax | LogSoftmax | Hardmax, rank: int) -> tuple[int, ...]:
    axis = normalize_axis(layer.axis, rank)
    return tuple(range(axis, rank)) if layer.later_axes else (axis,)


@lowers(Hardmax, float32=True)
def hardmax(layer: Hardmax, weights: Mapping[str, jax.Array], x: jax.Array) -> jax.Array:
    """See :class:`~jaxdnn.layers.activation.Hardmax`."""
    del weights
    axes = _axes(layer, x.ndim)
    flat = x.reshape(*x.shape[: axes[0]], -1, *x.shape[axes[-1] + 1 :])
    best = jnp.argmax(flat, axes[0])
    return jax.nn.one_hot(best, flat.shape[axes[0]], dtype=x.dtype, axis=axes[0]).reshape(x.shape)


@lowers(GroupedSoftmax, float32=True)
def grouped_softmax(layer: GroupedSoftmax, weights: Mapping[str, jax.Array], x: jax.Array) -> jax.Array:
    """Find each run's maximum and sum, and spread them over the run."""
    del weights
    axis = normalize_axis(layer.axis, x.ndim)
    count = len(layer.groups)
    if sum(layer.groups) != x.shape[axis]:
        raise ShapeError(
            f"the groups have {sum(layer.groups)} elements, axis {axis} of {dims(x.shape)} differs"
        )
    group = np.repeat(np.arange(count), layer.groups)
    x = jnp.moveaxis(x, axis, 0)
    y = jnp.exp(x - jax.ops.segment_max(x, group, count, indices_are_sorted=True)[group])
    total = jax.ops.segment_sum(y, group, count, indices_are_sorted=True)
    return jnp.moveaxis(y / total[group], 0, axis)


@lowers(LogSoftmax, float32=True)
def log_softmax(layer: LogSoftmax, weights: Mapping[str, jax.Array], x: jax.Array) -> jax.Array:
    """See :class:`~jaxdnn.layers.activation.LogSoftmax`."""
    del weights
    return jax.nn.log_softmax(x, axis=_axes(layer, x.ndim))


@lowers(NormalizeAlong, float32=True)
def normalize_along(layer: NormalizeAlong, weights: Mapping[str, jax.Array], x: jax.Array) -> jax.Array:
    """See :class:`~jaxdnn.layers.activation.NormalizeAlong`."""
    del weights
    axis = normalize_axis(layer.axis, x.ndim)
    if layer.subtract_max:
        x = x - jnp.max(x, axis, keepdims=True)
    y = jnp.exp(x) if layer.function == "exp" else jnp.maximum(x, 0)
    return y / (layer.epsilon + jnp.sum(y, axis, keepdims=True))
