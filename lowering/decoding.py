"""How label sequences are decoded: all samples at once, elements moved to the front by a sort."""

from __future__ import annotations

from collections.abc import Mapping

import jax
import jax.numpy as jnp

from jaxdnn.errors import ShapeError
from jaxdnn.layers.base import dims, normalize_axis
from jaxdnn.layers.decoding import CtcGreedyDecode, DenseRows, SparseRows
from jaxdnn.lowering.nms import first_true
from jaxdnn.lowering.padded import Padded
from jaxdnn.lowering.registry import lowers

Weights = Mapping[str, jax.Array]


@lowers(CtcGreedyDecode, float32=True)
def ctc_greedy_decode(
    layer: CtcGreedyDecode, weights: Weights, scores: jax.Array, lengths: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """See :class:`~jaxdnn.layers.decoding.CtcGreedyDecode`."""
    del weights
    if scores.ndim != 3 or lengths.shape != scores.shape[1:2]:
        raise ShapeError(f"scores {dims(scores.shape)} and lengths {dims(lengths.shape)} do not fit")
    steps, _, labels = scores.shape
    blank = normalize_axis(layer.blank, labels, "blank")
    inside = jnp.arange(steps).reshape(1, -1) < lengths.reshape(-1, 1)
    best = jnp.argmax(scores, axis=2).T.astype(jnp.int32)
    total = jnp.sum(jnp.where(inside, jnp.max(scores, axis=2).T, 0), axis=1, keepdims=True)
    kept = inside & (best != blank)
    if layer.merge_repeated and steps:
        kept = kept.at[:, 1:].set(kept[:, 1:] & (best[:, 1:] != best[:, :-1]))
    order = jnp.argsort(~kept, axis=1, stable=True)
    found = jnp.take_along_axis(jnp.where(kept, best, -1), order, axis=1)
    return found, jnp.sum(kept, axis=1).astype(jnp.int32), -total


def _require_rows(values: jax.Array, lengths: jax.Array) -> jax.Array:
    """Return which elements lie in their rows."""
    if values.ndim != 2 or lengths.shape != values.shape[:1]:
        raise ShapeError(f"values {dims(values.shape)} and lengths {dims(lengths.shape)} do not fit")
    return jnp.arange(values.shape[1]).reshape(1, -1) < lengths.reshape(-1, 1)


@lowers(SparseRows)
def sparse_rows(
    layer: SparseRows, weights: Weights, values: jax.Array, lengths: jax.Array
) -> tuple[Padded, Padded, jax.Array]:
    """See :class:`~jaxdnn.layers.decoding.SparseRows`."""
    del layer, weights
    inside = _require_rows(values, lengths)
    places, count = first_true(inside.ravel(), values.size)
    columns = values.shape[1]
    pairs = jnp.stack([places // max(columns, 1), places % max(columns, 1)], axis=1).astype(jnp.int32)
    shape = jnp.stack([jnp.int32(len(values)), jnp.max(lengths, initial=0).astype(jnp.int32)])
    return Padded(pairs, count, axis=0), Padded(values.ravel()[places], count, axis=0), shape


@lowers(DenseRows)
def dense_rows(
    layer: DenseRows, weights: Weights, values: jax.Array, lengths: jax.Array, rest: jax.Array
) -> Padded:
    """See :class:`~jaxdnn.layers.decoding.DenseRows`."""
    del layer, weights
    dense = jnp.where(_require_rows(values, lengths), values, rest.reshape(1, 1).astype(values.dtype))
    return Padded(dense, jnp.max(lengths, initial=0).astype(jnp.int32), axis=1)
