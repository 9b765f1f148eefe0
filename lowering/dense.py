"""How dense layers and matrix products compute."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp

from jaxdnn.errors import ShapeError
from jaxdnn.layers.base import dims, normalize_axis
from jaxdnn.layers.dense import Dense, Embed, MatMul
from jaxdnn.lowering.recipes import row_products
from jaxdnn.lowering.registry import lowers


def _add_bias(y: jax.Array, weights: Mapping[str, jax.Array]) -> jax.Array:
    bias = weights.get("bias")
    return y if bias is None else y + bias.reshape((1,) * (y.ndim - 1) + bias.shape)


@lowers(Dense)
def dense(
    layer: Dense,
    weights: Mapping[str, jax.Array],
    x: jax.Array,
    *,
    product: Callable[[jax.Array, jax.Array], jax.Array] | None = None,
) -> jax.Array:
    """See :class:`~jaxdnn.layers.dense.Dense`."""
    batch = x.shape[: normalize_axis(layer.axis, x.ndim)]
    weight = weights["weight"]
    x = x.reshape(*batch, weight.shape[0 if layer.transpose else 1])
    if product is None and not layer.transpose:
        return _add_bias(row_products(x, weight), weights)
    return _add_bias((product or jnp.matmul)(x, weight if layer.transpose else weight.T), weights)


@lowers(Embed, indices=(0,))
def embed(layer: Embed, weights: Mapping[str, jax.Array], x: jax.Array) -> jax.Array:
    """See :class:`~jaxdnn.layers.dense.Embed`."""
    del layer
    return _add_bias(jnp.take(weights["weight"], x.astype("int32"), axis=0, mode="fill"), weights)


@lowers(MatMul)
def matmul(
    layer: MatMul,
    weights: Mapping[str, jax.Array],
    a: jax.Array,
    b: jax.Array,
    *,
    product: Callable[[jax.Array, jax.Array], jax.Array] = jnp.matmul,
) -> jax.Array:
    """See :class:`~jaxdnn.layers.dense.MatMul`."""
    del weights
    row, column = (layer.vectors and x.ndim == 1 for x in (a, b))
    a, b = a[None] if row else a, b[:, None] if column else b
    if min(a.ndim, b.ndim) < 2:
        raise ShapeError(f"a matrix has two axes or more, got {dims(a.shape)} and {dims(b.shape)}")
    a = a.swapaxes(-1, -2) if layer.transpose_a else a
    b = b.swapaxes(-1, -2) if layer.transpose_b else b
    if a.shape[-1] != b.shape[-2]:
        raise ShapeError(f"the rows of {dims(a.shape)} are not as long as the columns of {dims(b.shape)}")
    rank = max(a.ndim, b.ndim)
    a, b = (x.reshape((1,) * (rank - x.ndim) + x.shape) for x in (a, b))
    y = product(a, b)
    return jnp.squeeze(y, (-2,) * row + (-1,) * column)
