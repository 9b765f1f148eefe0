"""The product of rows with a matrix that is stored row by row."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import lax

from jaxdnn.lowering.recipes.platforms import by_platform


def row_products(x: jax.Array, weight: jax.Array) -> jax.Array:
    """Return ``x @ weight.T``; x (..., k), weight (units, k)."""
    y: jax.Array = by_platform(_weight_first, _rows_first, x, weight, note=lambda: "weight first")
    return y


def _rows_first(x: jax.Array, weight: jax.Array) -> jax.Array:
    return jnp.matmul(x, weight.T)


def _weight_first(x: jax.Array, weight: jax.Array) -> jax.Array:
    """Multiply in the order in which a single row needs no transposed copy of the weight."""
    return jnp.moveaxis(lax.dot_general(weight, x, (((1,), (x.ndim - 1,)), ((), ()))), 0, -1)
