"""How elements are chosen by the data: exactly with numpy where it is constant, else padded, with a count."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdnn.errors import ShapeError
from jaxdnn.layers.base import dims, normalize_axis
from jaxdnn.layers.selection import NonZero, Partition, Unique, UniqueSlices
from jaxdnn.lowering.namespace import namespace
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


@lowers(UniqueSlices, numpy=True, moves=True)
def unique_slices(layer: UniqueSlices, weights: Weights, x: Any) -> tuple[Any, ...]:
    """Sort the slices, so that equal ones lie together, and put the first ones of them in order."""
    del weights
    axis = 0 if layer.axis is None else normalize_axis(layer.axis, x.ndim)
    xp = namespace(x)
    rows = x.reshape(-1) if layer.axis is None else xp.moveaxis(x, axis, 0)
    size = len(rows)
    keys = rows.reshape(size, math.prod(rows.shape[1:]))
    order = xp.lexsort(tuple(keys.T[::-1])) if keys.shape[1] else xp.arange(size)
    ordered = keys[order]
    begins = xp.concatenate([np.ones(min(size, 1), bool), (ordered[1:] != ordered[:-1]).any(axis=1)])
    numbers = _scattered(xp, size, order, xp.cumsum(begins) - 1)
    counts = _added(xp, size, numbers)
    if xp is np:
        firsts = order[begins]
        rank = np.arange(len(firsts)) if layer.ordered else np.argsort(firsts, kind="stable")
        numbers, counts, firsts = np.argsort(rank)[numbers], counts[: len(firsts)][rank], firsts[rank]
        return np.moveaxis(rows[firsts], 0, axis), *(_whole(each) for each in (firsts, numbers, counts))
    starts, count = first_true(begins, size)
    valid = jnp.arange(size) < count
    begun = jnp.where(valid, order[starts], size)
    if not layer.ordered:
        moved = jnp.argsort(begun, stable=True)
        begun, counts = begun[moved], counts[moved]
        numbers = jnp.argsort(moved)[numbers]
    found = jnp.moveaxis(rows[jnp.where(valid, begun, 0)], 0, axis)
    places, repeats = (Padded(_whole(each), count, axis=0) for each in (begun, counts))
    return Padded(found, count, axis=axis), places, _whole(numbers), repeats


def _whole(x: Any) -> Any:
    return x.astype(np.int32)


def _scattered(xp: Any, size: int, places: Any, values: Any) -> Any:
    if xp is np:
        found = np.zeros(size, np.int32)
        found[places] = values
        return found
    return jnp.zeros(size, jnp.int32).at[places].set(values.astype(jnp.int32))


def _added(xp: Any, size: int, places: Any) -> Any:
    if xp is np:
        return np.bincount(places, minlength=size)
    return jnp.zeros(size, jnp.int32).at[places].add(jnp.int32(1))


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
