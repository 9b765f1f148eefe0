"""How activations compute. Exponentials and logarithms keep to float32."""

from __future__ import annotations

from collections.abc import Mapping

import jax
import jax.numpy as jnp

from jaxdnn.layers.activation import (
    Clip,
    Elu,
    Gelu,
    HardSigmoid,
    HardSwish,
    LogSoftmax,
    Mish,
    PRelu,
    Relu,
    Selu,
    Sigmoid,
    Softmax,
    Softplus,
    Softsign,
    Swish,
    Tanh,
    Threshold,
)
from jaxdnn.layers.base import normalize_axis
from jaxdnn.lowering.registry import lower_function, lowers

lower_function(Sigmoid, jax.nn.sigmoid)
lower_function(Tanh, jnp.tanh)
lower_function(Mish, jax.nn.mish, float32=True)
lower_function(HardSwish, lambda x: x * _hard_sigmoid(x, 1 / 6, 0.5))
lower_function(Softplus, jax.nn.softplus, float32=True)
lower_function(Softsign, jax.nn.soft_sign)


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
    return jnp.maximum(jnp.minimum(x, layer.ceiling), layer.floor)


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


@lowers(Threshold)
def threshold(layer: Threshold, weights: Mapping[str, jax.Array], x: jax.Array) -> jax.Array:
    """See :class:`~jaxdnn.layers.activation.Threshold`."""
    del weights
    return (x > layer.threshold).astype(x.dtype)


@lowers(Softmax, float32=True)
def softmax(layer: Softmax, weights: Mapping[str, jax.Array], x: jax.Array) -> jax.Array:
    """See :class:`~jaxdnn.layers.activation.Softmax`."""
    del weights
    return jax.nn.softmax(x, axis=normalize_axis(layer.axis, x.ndim))


@lowers(LogSoftmax, float32=True)
def log_softmax(layer: LogSoftmax, weights: Mapping[str, jax.Array], x: jax.Array) -> jax.Array:
    """See :class:`~jaxdnn.layers.activation.LogSoftmax`."""
    del weights
    return jax.nn.log_softmax(x, axis=normalize_axis(layer.axis, x.ndim))
