"""How products of 8-bit integers with zero points compute: as those of int8, less the zero points' share.

``sum (x - p)(w - q) = sum x w - p sum w - q sum x + n p q``. What is unsigned is moved down by 128 with its zero point.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxdnn.errors import ShapeError
from jaxdnn.layers.dense import MatMul
from jaxdnn.layers.integer_products import IntegerConv, IntegerMatMul
from jaxdnn.lowering.convolution import conv
from jaxdnn.lowering.dense import matmul
from jaxdnn.lowering.quantized import integer_convolution
from jaxdnn.lowering.registry import lowers

Weights = Mapping[str, jax.Array]


def _signed(x: jax.Array) -> jax.Array:
    """Return 8-bit integers as int8, unsigned ones 128 lower."""
    if x.dtype == np.int8:
        return x
    if x.dtype != np.uint8:
        raise ShapeError(f"integers of 8 bits expected, got {x.dtype}")
    return (x ^ np.uint8(128)).astype(np.int8)


@lowers(IntegerConv)
def integer_conv(
    layer: IntegerConv, weights: Weights, x: jax.Array, x_zero: jax.Array, *rest: jax.Array
) -> jax.Array:
    """See :class:`~jaxdnn.layers.integer_products.IntegerConv`."""
    zero = _signed(x_zero.reshape(()))
    other = _signed(rest[0]).astype(np.int32).reshape(-1) if layer.weight_zero else None
    given = tuple(map(_signed, rest[layer.weight_zero :]))

    def product(
        x: jax.Array, weight: jax.Array, *, padding: Sequence[tuple[int, int]], **options: Any
    ) -> jax.Array:
        last = options["dimension_numbers"][0].endswith("C")
        spatial = [(low, high, 0) for low, high in padding]
        ends = [(0, 0, 0), *spatial, (0, 0, 0)] if last else [(0, 0, 0), (0, 0, 0), *spatial]
        x = lax.pad(x, zero, ends)
        options["padding"] = [(0, 0)] * len(padding)
        y = integer_convolution(x, weight, **options)
        shape = [1] * y.ndim
        shape[-1 if last else 1] = -1
        sums = jnp.sum(weight, tuple(range(1, weight.ndim)), dtype=np.int32)
        y = y - zero.astype(np.int32) * sums.reshape(shape)
        if other is None:
            return y
        groups, filters = options["feature_group_count"], weight.shape[0]
        ones = jnp.ones((groups, *weight.shape[1:]), np.int8)
        windows = jnp.repeat(integer_convolution(x, ones, **options), filters // groups, -1 if last else 1)
        terms = np.int32(math.prod(weight.shape[1:]))
        return y - other.reshape(shape) * (windows - terms * zero.astype(np.int32))

    stored = {slot: weight.astype(np.int8) for slot, weight in weights.items()}
    return conv(layer.layer, stored, _signed(x), *given, product=product)


@lowers(IntegerMatMul)
def integer_matmul(layer: IntegerMatMul, weights: Weights, a: jax.Array, *rest: jax.Array) -> jax.Array:
    """See :class:`~jaxdnn.layers.integer_products.IntegerMatMul`."""
    a_zero, b_zero = (_signed(zero).astype(np.int32) for zero in rest[:2])
    b = _signed(rest[2]) if layer.weight is None else weights["weight"].astype(np.int8)

    def product(a: jax.Array, b: jax.Array) -> jax.Array:
        row_zero, column_zero = _along(a_zero, a.ndim, -2), _along(b_zero, b.ndim, -1)
        y = jnp.matmul(a, b, preferred_element_type=np.int32)
        columns = jnp.sum(b, -2, dtype=np.int32, keepdims=True)
        rows = jnp.sum(a, -1, dtype=np.int32, keepdims=True)
        terms = np.int32(a.shape[-1])
        return y - row_zero * columns - column_zero * (rows - terms * row_zero)

    return matmul(MatMul(vectors=True), {}, _signed(a), b, product=product)


def _along(zero: jax.Array, rank: int, axis: int) -> jax.Array:
    """Give a zero point, or a vector of them along an axis, a rank."""
    if zero.size == 1:
        return zero.reshape((1,) * rank)
    if zero.ndim == 1:
        return jnp.expand_dims(zero, tuple(i for i in range(rank) if i != rank + axis))
    return zero.reshape((1,) * (rank - zero.ndim) + zero.shape)
