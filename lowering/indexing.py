"""How elements are found by their places."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxdnn.errors import ShapeError
from jaxdnn.layers.base import dims, normalize_axis
from jaxdnn.layers.indexing import (
    GatherNd,
    OneHot,
    ScatterNd,
    ScatterUpdate,
    Stitch,
    StridedSlice,
    TopK,
    Window,
)
from jaxdnn.lowering.namespace import namespace
from jaxdnn.lowering.padded import Padded, depends_on_data
from jaxdnn.lowering.registry import lowers

Weights = Mapping[str, jax.Array]


def _known(name: str, value: Any) -> np.ndarray:
    if not isinstance(value, np.ndarray):
        raise depends_on_data(name)
    return value


def _number(name: str, vector: Any, entry: int) -> int:
    return int(_known(name, vector)[entry])


@lowers(StridedSlice, numpy=True, known=lambda layer, count: (2, 3), moves=True)
def strided_slice(layer: StridedSlice, weights: Weights, x: Any, begin: Any, end: Any, step: Any) -> Any:
    """Write the slice as an index; elements at places that the data tells are taken last."""
    del weights
    count = begin.shape[0] if begin.ndim == 1 else -1
    if count < 0 or end.shape != begin.shape or step.shape != begin.shape:
        raise ShapeError(
            f"begin {dims(begin.shape)}, end {dims(end.shape)} and step {dims(step.shape)} differ"
        )
    index: list[Any] = []
    moving: list[tuple[int, Any]] = []
    used = sum(not (layer.new_axis_mask | layer.ellipsis_mask) >> entry & 1 for entry in range(count))
    if used > x.ndim:
        raise ShapeError(f"{used} entries are more than the axes of {dims(x.shape)}")
    axis = kept = 0
    for entry in range(count):
        bit = 1 << entry
        if layer.ellipsis_mask & bit:
            index.append(Ellipsis)
            axis, kept = axis + x.ndim - used, kept + x.ndim - used
        elif layer.new_axis_mask & bit:
            index.append(np.newaxis)
            kept += 1
        elif layer.shrink_axis_mask & bit:
            if isinstance(begin, np.ndarray):
                index.append(_element(int(begin[entry]), x.shape[axis], axis))
            else:
                index.append(slice(None))
                moving.append((kept, begin[entry]))
            axis += 1
        else:
            first = None if layer.begin_mask & bit else _number("begin", begin, entry)
            last = None if layer.end_mask & bit else _number("end", end, entry)
            stride = _number("step", step, entry)
            if stride == 0:
                raise ShapeError(f"the step of entry {entry} is 0")
            index.append(slice(first, last, stride))
            axis, kept = axis + 1, kept + 1
    y = x[tuple(index)]
    for place, element in moving:
        y = lax.dynamic_index_in_dim(y, element, place, keepdims=False)
    return y


def _element(place: int, size: int, axis: int) -> int:
    if not -size <= place < size:
        raise ShapeError(f"element {place} lies outside axis {axis} of size {size}")
    return place


@lowers(Window, numpy=True, known=lambda layer, count: (2,), moves=True)
def window(layer: Window, weights: Weights, x: Any, begin: Any, size: Any) -> Any:
    """See :class:`~jaxdnn.layers.indexing.Window`."""
    del layer, weights
    if begin.shape != (x.ndim,) or size.shape != (x.ndim,):
        raise ShapeError(f"begin {dims(begin.shape)} and size {dims(size.shape)} do not fit {dims(x.shape)}")
    sizes = [_number("size", size, axis) for axis in range(x.ndim)]
    if not isinstance(begin, np.ndarray) and -1 not in sizes:
        return lax.dynamic_slice(x, [begin[axis] for axis in range(x.ndim)], sizes)
    index = []
    for axis, length in enumerate(sizes):
        first = _number("begin", begin, axis)
        last = x.shape[axis] if length == -1 else first + length
        if not 0 <= first <= last <= x.shape[axis]:
            raise ShapeError(f"the window {first} to {last} lies outside axis {axis} of {dims(x.shape)}")
        index.append(slice(first, last))
    return x[tuple(index)]


@lowers(GatherNd, numpy=True, moves=True)
def gather_nd(layer: GatherNd, weights: Weights, x: Any, indices: Any) -> Any:
    """Make batch axes part of the place."""
    del weights
    batch = layer.batch_axes
    depth = indices.shape[-1] if indices.ndim else 0
    if indices.ndim <= batch or batch + depth > x.ndim or indices.shape[:batch] != x.shape[:batch]:
        raise ShapeError(f"indices {dims(indices.shape)} do not fit {dims(x.shape)}")
    xp = namespace(x, indices)
    indices = indices.astype(np.int32)
    lead = indices.shape[:-1]
    places: list[Any] = []
    for axis in range(batch):
        along = [1] * len(lead)
        along[axis] = -1
        places.append(np.broadcast_to(np.arange(x.shape[axis], dtype=np.int32).reshape(along), lead))
    places += [indices[..., axis] for axis in range(depth)]
    if not places:
        return xp.broadcast_to(x.reshape((1,) * len(lead) + x.shape), (*lead, *x.shape))
    if xp is np:
        return x[tuple(places)]
    return jnp.asarray(x).at[tuple(places)].get(mode="fill", fill_value=0)


@lowers(ScatterNd, float32=True)
def scatter_nd(layer: ScatterNd, weights: Weights, indices: jax.Array, values: jax.Array) -> jax.Array:
    """See :class:`~jaxdnn.layers.indexing.ScatterNd`."""
    zeros = jnp.zeros(layer.shape, values.dtype)
    operation = "max" if values.dtype == bool else "add"
    return scatter_update(ScatterUpdate(operation=operation), weights, zeros, indices, values)


@lowers(ScatterUpdate, float32=True)
def scatter_update(
    layer: ScatterUpdate, weights: Weights, x: jax.Array, indices: jax.Array, values: jax.Array
) -> jax.Array:
    """See :class:`~jaxdnn.layers.indexing.ScatterUpdate`."""
    del weights
    depth = indices.shape[-1] if indices.ndim else 0
    if depth > x.ndim or values.shape != indices.shape[:-1] + x.shape[depth:]:
        raise ShapeError(f"values {dims(values.shape)} at {dims(indices.shape)} do not fit {dims(x.shape)}")
    return updated(x, tuple(indices[..., axis] for axis in range(depth)), values, layer.operation)


def updated(x: jax.Array, index: tuple[Any, ...], values: jax.Array, operation: str) -> jax.Array:
    """Return x with elements, or slices, changed by an operation of :data:`~jaxdnn.layers.indexing.UPDATES`."""
    places = x.at[index]
    if operation == "subtract":
        return places.add(-values, mode="drop")
    changed: jax.Array = getattr(places, operation)(values, mode="drop")
    return changed


@lowers(OneHot, numpy=True, moves=True)
def one_hot(layer: OneHot, weights: Weights, indices: Any, on: Any, off: Any) -> Any:
    """Compare each index with all places."""
    del weights
    axis = normalize_axis(layer.axis, indices.ndim + 1)
    xp = namespace(indices, on, off)
    along = [1] * (indices.ndim + 1)
    along[axis] = -1
    places = np.arange(layer.depth, dtype=indices.dtype).reshape(along)
    spread = indices.reshape((*indices.shape[:axis], 1, *indices.shape[axis:]))
    if layer.from_end:
        zero, depth = np.zeros((), indices.dtype), np.asarray(layer.depth, indices.dtype)
        spread = xp.where(spread < zero, spread + depth, spread)
    scalar = (1,) * (indices.ndim + 1)
    return xp.where(spread == places, on.reshape(scalar), off.reshape(scalar))


@lowers(TopK, moves=True)
def top_k(layer: TopK, weights: Weights, x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Both zeros are equal here; XLA's own order puts the negative one behind."""
    del weights
    axis = normalize_axis(layer.axis, x.ndim)
    if layer.count > x.shape[axis]:
        which = "the last axis" if axis == x.ndim - 1 else f"axis {axis}"
        raise ShapeError(f"{layer.count} elements are more than {which} of {dims(x.shape)} has")
    zero = jnp.zeros((), x.dtype)
    keys = jnp.moveaxis(jnp.where(x == zero, zero, x), axis, -1)
    if layer.smallest:
        # The complement turns the order of integers around, the lowest one too, which has no negative.
        keys = -keys if jnp.issubdtype(x.dtype, jnp.floating) else ~keys
        keys = jnp.where(keys == zero, zero, keys)
    indices = jnp.moveaxis(lax.top_k(keys, layer.count)[1].astype(jnp.int32), -1, axis)
    return jnp.take_along_axis(x, indices, axis=axis), indices


@lowers(Stitch, numpy=True, moves=True)
def stitch(layer: Stitch, weights: Weights, *inputs: Any) -> Any:
    """Find for each place the last row that goes there, then gather."""
    del layer, weights
    count = len(inputs) // 2
    places, arrays = inputs[:count], inputs[count:]
    xp = namespace(*arrays)
    rows = []
    for where, array in zip(places, arrays, strict=True):
        if array.shape[: where.ndim] != where.shape:
            raise ShapeError(f"places {dims(where.shape)} do not fit an array of {dims(array.shape)}")
        rows.append(array.reshape(where.size, *array.shape[where.ndim :]))
    if not all(isinstance(where, np.ndarray) for where in places):
        return _stitch_by_data(places, rows)
    flat = np.concatenate([where.reshape(-1) for where in places])
    zero = xp.zeros((1, *rows[0].shape[1:]), rows[0].dtype)
    source = np.full(flat.max(initial=-1) + 1, len(flat), np.int32)
    source[flat] = np.arange(len(flat), dtype=np.int32)
    return xp.take(xp.concatenate([*rows, zero]), source, axis=0)


def _stitch_by_data(places: tuple[Any, ...], rows: list[Any]) -> Padded:
    """Write one array after the other, so that the last row that goes to a place stays."""
    size = sum(len(array) for array in rows)
    y = jnp.zeros((size, *rows[0].shape[1:]), rows[0].dtype)
    largest = jnp.int32(-1)
    for where, array in zip(places, rows, strict=True):
        flat = jnp.asarray(where, jnp.int32).reshape(-1)
        # A negative place would count from the end; one behind the end is dropped.
        y = y.at[jnp.where(flat < 0, size, flat)].set(jnp.asarray(array), mode="drop")
        largest = jnp.maximum(largest, jnp.max(flat, initial=-1))
    return Padded(y, largest + 1, axis=0)
