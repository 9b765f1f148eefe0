"""How rows are joined and counted by their numbers: by scatters."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxdnn.errors import ShapeError
from jaxdnn.layers.base import dims
from jaxdnn.layers.segments import (
    CountSequences,
    CountValues,
    Histogram,
    InTop,
    InvertPermutation,
    SearchSorted,
    SegmentReduce,
)
from jaxdnn.lowering.namespace import namespace
from jaxdnn.lowering.padded import depends_on_data
from jaxdnn.lowering.registry import lowers

Weights = Mapping[str, jax.Array]

_REDUCTIONS = {
    "product": jax.ops.segment_prod,
    "max": jax.ops.segment_max,
    "min": jax.ops.segment_min,
}


@lowers(
    SegmentReduce,
    float32=True,
    numpy=True,
    known=lambda layer, count: (1,) if layer.segments is None else (),
)
def segment_reduce(layer: SegmentReduce, weights: Weights, x: Any, numbers: Any) -> jax.Array:
    """See :class:`~jaxdnn.layers.segments.SegmentReduce`."""
    del weights
    if x.shape[: numbers.ndim] != numbers.shape:
        raise ShapeError(f"numbers {dims(numbers.shape)} do not fit {dims(x.shape)}")
    count = layer.segments
    if count is None:
        if not isinstance(numbers, np.ndarray):
            raise depends_on_data("the number of each row")
        if numbers.ndim != 1 or np.any(np.diff(numbers) < 0) or numbers.min(initial=0) < 0:
            raise ShapeError(f"{numbers.tolist()} do not number the rows of {dims(x.shape)}")
        count = int(numbers.max(initial=-1)) + 1
    row = x.shape[numbers.ndim :]
    rows = jnp.asarray(x).reshape(numbers.size, *row)
    flat = jnp.asarray(numbers, jnp.int32).reshape(-1)
    flat = jnp.where(flat < 0, count, flat)  # a negative number would count from the end
    if layer.operation in _REDUCTIONS:
        y = _REDUCTIONS[layer.operation](rows, flat, count)
        empty = _sizes(flat, count, len(row)) == 0
        if layer.segments is None and layer.operation != "product":
            return jnp.where(empty, jnp.zeros((), y.dtype), y)
        return jnp.where(empty & jnp.isinf(y), jnp.nan_to_num(y), y) if y.dtype.kind == "f" else y
    y = jax.ops.segment_sum(rows, flat, count)
    if layer.operation == "sum":
        return y
    sizes = jnp.maximum(_sizes(flat, count, len(row)), 1)
    if layer.operation == "root_mean":
        return y / jnp.sqrt(sizes.astype(y.dtype))
    return lax.div(y, jnp.broadcast_to(sizes.astype(y.dtype), y.shape))


def _sizes(numbers: jax.Array, count: int, rank: int) -> jax.Array:
    """Return the number of rows of each segment, (count, 1, …)."""
    sizes: jax.Array = jax.ops.segment_sum(jnp.ones_like(numbers), numbers, count)
    return sizes.reshape((count,) + (1,) * rank)


@lowers(CountValues, float32=True)
def count_values(layer: CountValues, weights: Weights, x: jax.Array, *given: jax.Array) -> jax.Array:
    """See :class:`~jaxdnn.layers.segments.CountValues`."""
    del weights
    each = [array for array in given if array.size]
    if each and each[0].shape != x.shape:
        raise ShapeError(f"weights {dims(each[0].shape)} do not fit {dims(x.shape)}")
    rows = x.shape[0] if layer.rows and x.ndim == 2 else 1
    flat = x.astype(jnp.int32).reshape(rows, -1)
    dtype = given[0].dtype if given else jnp.int32
    added = each[0].reshape(flat.shape) if each else jnp.ones(flat.shape, dtype)
    flat = jnp.where(flat < 0, layer.size, flat)
    row = jnp.arange(rows, dtype=jnp.int32).reshape(-1, 1)
    y = jnp.zeros((rows, layer.size), added.dtype).at[row, flat]
    counts = y.set(jnp.ones_like(added), mode="drop") if layer.binary else y.add(added, mode="drop")
    return counts if layer.rows and x.ndim == 2 else counts[0]


@lowers(CountSequences, float32=True)
def count_sequences(layer: CountSequences, weights: Weights, x: jax.Array, sequences: jax.Array) -> jax.Array:
    """Compare all windows of each step with all sequences."""
    del weights
    if x.ndim == 0 or sequences.ndim != 2:
        raise ShapeError(f"sequences {dims(sequences.shape)} cannot be looked for in {dims(x.shape)}")
    count, length = sequences.shape
    total = jnp.zeros((*x.shape[:-1], count), jnp.float32)
    for step in range(1, (layer.skips if length > 1 else 0) + 2):
        windows = x.shape[-1] - (length - 1) * step
        if windows < 1:
            break
        same = jnp.ones((*x.shape[:-1], windows, count), bool)
        for place in range(length):
            part = x[..., place * step : place * step + windows, None]
            same &= part == sequences[:, place].reshape((1,) * x.ndim + (count,))
        total += jnp.sum(same, axis=-2, dtype=jnp.float32)
    return total


@lowers(Histogram, float32=True)
def histogram(layer: Histogram, weights: Weights, x: jax.Array, limits: jax.Array) -> jax.Array:
    """See :class:`~jaxdnn.layers.segments.Histogram`."""
    if limits.shape != (2,):
        raise ShapeError(f"the range is {dims(limits.shape)}, two numbers expected")
    low, high = limits.astype(jnp.float32)
    part = jnp.floor((x.astype(jnp.float32) - low) / (high - low) * layer.count)
    part = jnp.clip(part, 0, layer.count - 1).astype(jnp.int32)
    return count_values(CountValues(size=layer.count), weights, part)


@lowers(SearchSorted, float32=True)
def search_sorted(layer: SearchSorted, weights: Weights, ordered: jax.Array, values: jax.Array) -> jax.Array:
    """See :class:`~jaxdnn.layers.segments.SearchSorted`."""
    del weights
    if not ordered.ndim or (ordered.ndim > 1 and ordered.shape[:-1] != values.shape[:-1]):
        raise ShapeError(f"sorted rows {dims(ordered.shape)} do not fit values {dims(values.shape)}")
    if ordered.dtype != values.dtype:
        ordered, values = ordered.astype(jnp.float32), values.astype(jnp.float32)
    lines = math.prod(ordered.shape[:-1])

    def search(line: jax.Array, value: jax.Array) -> jax.Array:
        return jnp.searchsorted(line, value, side=layer.side).astype(jnp.int32)

    found = jax.vmap(search)(
        ordered.reshape(lines, ordered.shape[-1]), values.reshape(lines, values.size // max(lines, 1))
    )
    return found.reshape(values.shape)


@lowers(InTop, float32=True)
def in_top(layer: InTop, weights: Weights, scores: jax.Array, classes: jax.Array) -> jax.Array:
    """See :class:`~jaxdnn.layers.segments.InTop`."""
    del weights
    if scores.ndim != 2 or classes.shape != scores.shape[:1]:
        raise ShapeError(f"classes {dims(classes.shape)} do not fit scores {dims(scores.shape)}")
    place = jnp.clip(classes, 0, scores.shape[1] - 1).astype(jnp.int32).reshape(-1, 1)
    own = jnp.take_along_axis(scores, place, axis=1)
    higher = jnp.sum(scores > own, axis=1)
    exists = (classes >= 0) & (classes < scores.shape[1]) & jnp.isfinite(own[:, 0])
    return exists & (higher < layer.count)


@lowers(InvertPermutation, numpy=True)
def invert_permutation(layer: InvertPermutation, weights: Weights, x: Any) -> Any:
    """See :class:`~jaxdnn.layers.segments.InvertPermutation`."""
    del layer, weights
    if x.ndim != 1:
        raise ShapeError(f"a vector expected, got {dims(x.shape)}")
    if isinstance(x, np.ndarray) and not np.array_equal(np.sort(x), np.arange(len(x))):
        raise ShapeError(f"{x.tolist()} does not hold each of its places once")
    return namespace(x).argsort(x).astype(x.dtype)
