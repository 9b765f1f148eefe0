"""How elements are chosen by the data: exactly with numpy where it is constant, else padded, with a count."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdnn.errors import ShapeError
from jaxdnn.layers.base import dims
from jaxdnn.layers.selection import NonZero, Partition, Unique
from jaxdnn.lowering.nms import first_true
from jaxdnn.lowering.padded import Padded
from jaxdnn.lowering.registry import lowers

Weights = Mapping[str, jax.Array]


@lowers(NonZero, numpy=True)
def non_zero(layer: NonZero, weights: Weights, x: Any) -> Any:
    """See :class:`~jaxdnn.layers.selection.NonZero`."""
    del layer, weights
    if isinstance(x, np.ndarray):
        return np.argwhere(x).astype(np.int32)
    if not x.ndim:
        return Padded(jnp.zeros((1, 0), jnp.int32), jnp.sum(x != jnp.zeros((), x.dtype)), axis=0)
    places = jnp.stack(jnp.nonzero(x, size=x.size, fill_value=0), axis=1)
    return Padded(places.astype(jnp.int32), jnp.sum(x != jnp.zeros((), x.dtype)), axis=0)


@lowers(Unique, numpy=True, moves=True)
def unique(layer: Unique, weights: Weights, x: Any) -> tuple[Any, Any, Any]:
    """Each element's number is that of its first appearance, counted among first appearances."""
    del layer, weights
    if x.ndim != 1:
        raise ShapeError(f"a vector expected, got {dims(x.shape)}")
    size = len(x)
    same = x.reshape(-1, 1) == x.reshape(1, -1)
    if isinstance(x, np.ndarray):
        earliest = np.argmax(same, axis=1) if size else np.zeros(0, int)
        kept = np.flatnonzero(earliest == np.arange(size))
        places = np.searchsorted(kept, earliest).astype(np.int32)
        return x[kept], places, np.bincount(places, minlength=len(kept)).astype(np.int32)
    if not size:
        return x, np.zeros(0, np.int32), np.zeros(0, np.int32)
    first = jnp.argmax(same, axis=1).astype(jnp.int32)
    begins = first == jnp.arange(size, dtype=jnp.int32)
    starts, count = first_true(begins, size)
    numbers = (jnp.cumsum(begins) - 1)[first].astype(jnp.int32)
    counts = jnp.zeros(size, jnp.int32).at[numbers].add(jnp.int32(1))
    return Padded(x[starts], count, axis=0), numbers, Padded(counts, count, axis=0)


@lowers(Partition, numpy=True, moves=True)
def partition(layer: Partition, weights: Weights, x: Any, parts: Any) -> tuple[Any, ...]:
    """See :class:`~jaxdnn.layers.selection.Partition`."""
    del weights
    if x.shape[: parts.ndim] != parts.shape:
        raise ShapeError(f"parts {dims(parts.shape)} do not fit {dims(x.shape)}")
    x = x.reshape(parts.size, *x.shape[parts.ndim :])
    parts = parts.reshape(-1)
    if isinstance(parts, np.ndarray):
        return tuple(x[np.flatnonzero(parts == part)] for part in range(layer.parts))
    return tuple(_part(x, parts == part) for part in range(layer.parts))


def _part(x: Any, chosen: jax.Array) -> Padded:
    order, count = first_true(chosen, len(chosen))
    rows = jnp.asarray(x)[order]
    valid = (jnp.arange(len(chosen)) < count).reshape((-1,) + (1,) * (rows.ndim - 1))
    behind = jnp.asarray(-1 if jnp.issubdtype(rows.dtype, jnp.signedinteger) else 0, rows.dtype)
    return Padded(jnp.where(valid, rows, behind), count, axis=0)
