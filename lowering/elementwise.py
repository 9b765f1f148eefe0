"""How elementwise arithmetic computes. Products, powers, exponentials and logarithms keep to float32."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping

import jax
import jax.numpy as jnp

from jaxdnn.errors import LayerError, ShapeError
from jaxdnn.layers.base import dims, normalize_axis
from jaxdnn.layers.elementwise import (
    Abs,
    Axpy,
    Dropout,
    Eltwise,
    Exp,
    Identity,
    Log,
    Power,
    Sqrt,
    Square,
    WeightedSum,
)
from jaxdnn.lowering.namespace import namespace
from jaxdnn.lowering.registry import lower_function, lowers

_OPERATIONS = {
    "sum": "add",
    "product": "multiply",
    "max": "maximum",
    "min": "minimum",
    "division": "divide",
}

lower_function(Abs, jnp.abs)
lower_function(Square, jnp.square, float32=True)
lower_function(Sqrt, jnp.sqrt, float32=True)


@lowers(Power, float32=True)
def power(layer: Power, weights: Mapping[str, jax.Array], x: jax.Array) -> jax.Array:
    """A whole exponent becomes products, which are exact and take any base."""
    del weights
    base = layer.shift + layer.scale * x if layer.scale else jnp.full_like(x, layer.shift)
    return jnp.power(base, int(layer.power) if layer.power % 1 == 0 else layer.power)


@lowers(Exp, float32=True)
def exp(layer: Exp, weights: Mapping[str, jax.Array], x: jax.Array) -> jax.Array:
    """See :class:`~jaxdnn.layers.elementwise.Exp`."""
    del weights
    return jnp.exp(math.log(layer.base) * (layer.shift + layer.scale * x))


@lowers(Log, float32=True)
def log(layer: Log, weights: Mapping[str, jax.Array], x: jax.Array) -> jax.Array:
    """See :class:`~jaxdnn.layers.elementwise.Log`."""
    del weights
    return jnp.log(layer.shift + layer.scale * x) / math.log(layer.base)


@lowers(Identity, numpy=True, moves=True)
def identity(layer: Identity, weights: Mapping[str, jax.Array], x: jax.Array) -> jax.Array:
    """See :class:`~jaxdnn.layers.elementwise.Identity`."""
    del layer, weights
    return x


@lowers(Dropout)
def dropout(layer: Dropout, weights: Mapping[str, jax.Array], x: jax.Array) -> jax.Array:
    """See :class:`~jaxdnn.layers.elementwise.Dropout`."""
    del weights
    return x if layer.scale_train else (1 - layer.ratio) * x


@lowers(Eltwise, float32=lambda layer: layer.operation in ("product", "division"), numpy=True)
def eltwise(layer: Eltwise, weights: Mapping[str, jax.Array], *inputs: jax.Array) -> jax.Array:
    """See :class:`~jaxdnn.layers.elementwise.Eltwise`."""
    del weights
    shapes = [x.shape for x in inputs]
    if not layer.broadcast and len(set(shapes)) > 1:
        raise ShapeError(f"shapes differ, {' and '.join(map(dims, shapes))}, and nothing is broadcast")
    if layer.coefficients and len(layer.coefficients) != len(inputs):
        raise LayerError(f"{len(layer.coefficients)} coefficients are given for {len(inputs)} inputs")
    rank = max(map(len, shapes))
    terms = [x.reshape((1,) * (rank - x.ndim) + x.shape) for x in inputs]
    if layer.coefficients:
        terms = [x if c == 1 else c * x for c, x in zip(layer.coefficients, terms, strict=True)]
    return functools.reduce(getattr(namespace(*inputs), _OPERATIONS[layer.operation]), terms)


@lowers(WeightedSum, float32=True)
def weighted_sum(layer: WeightedSum, weights: Mapping[str, jax.Array], *inputs: jax.Array) -> jax.Array:
    """See :class:`~jaxdnn.layers.elementwise.WeightedSum`."""
    shapes = [x.shape for x in inputs]
    if len(set(shapes)) > 1:
        raise ShapeError(f"shapes differ, {' and '.join(map(dims, shapes))}, and nothing is broadcast")
    weight = weights["weight"]
    if layer.normalization == "relu":
        weight = jnp.maximum(weight, 0)
    elif layer.normalization == "softmax":
        weight = jnp.exp(weight - jnp.max(weight, axis=0, keepdims=True))
    if layer.normalization != "none":
        weight = weight / (layer.epsilon + jnp.sum(weight, axis=0, keepdims=True))
    along = [1] * inputs[0].ndim
    along[normalize_axis(layer.axis, inputs[0].ndim)] = -1
    terms: list[jax.Array] = [w.reshape(along) * x for w, x in zip(weight, inputs, strict=True)]
    return sum(terms[1:], start=terms[0])


@lowers(Axpy)
def axpy(
    layer: Axpy, weights: Mapping[str, jax.Array], scale: jax.Array, x: jax.Array, y: jax.Array
) -> jax.Array:
    """See :class:`~jaxdnn.layers.elementwise.Axpy`."""
    del layer, weights
    if x.shape != y.shape:
        raise ShapeError(f"x of {dims(x.shape)} and y of {dims(y.shape)} have different shapes")
    if scale.shape[:2] != x.shape[:2] or math.prod(scale.shape[2:]) != 1:
        raise ShapeError(f"scale of {dims(scale.shape)} is not one number per channel of x, {dims(x.shape)}")
    return scale.reshape(x.shape[:2] + (1,) * (x.ndim - 2)) * x + y
