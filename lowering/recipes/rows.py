"""The product of rows with a matrix that is stored row by row."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
from jax import lax

from jaxdnn.lowering.recipes.platforms import by_platform

_FEW, _FEW_FOR_LARGE = 64, 128
"""Rows up to which the weight had better be the first factor; and up to which a large one had."""
_LARGE = 1 << 20


def row_products(x: jax.Array, weight: jax.Array) -> jax.Array:
    """Return ``x @ weight.T``; x (..., k), weight (units, k)."""
    y: jax.Array = by_platform(_weight_first, _rows_first, x, weight, note=lambda: "weight first")
    return y


def _rows_first(x: jax.Array, weight: jax.Array) -> jax.Array:
    return jnp.matmul(x, weight.T)


def _weight_first(x: jax.Array, weight: jax.Array) -> jax.Array:
    """Multiply in the order in which the weight is not copied: each call puts the second factor into another one.

    XLA lets factors change places and takes the transpose into the product, unless there is one row. A barrier keeps
    it from that where there are few.
    """
    y = lax.dot_general(weight, x, (((1,), (x.ndim - 1,)), ((), ())))
    if _are_few(math.prod(x.shape[:-1]), math.prod(weight.shape)):
        y = lax.optimization_barrier(y)  # type: ignore[no-untyped-call]
    return jnp.moveaxis(y, 0, -1)


def _are_few(rows: int, size: int) -> bool:
    return isinstance(rows, int) and rows <= (_FEW_FOR_LARGE if size >= _LARGE else _FEW)
