"""How slices are cut, and elements picked and changed, along axes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdnn.errors import ShapeError
from jaxdnn.layers.base import dims, normalize_axis
from jaxdnn.layers.elements import GatherElements, ReplaceWindow, ScatterElements, SliceAxes
from jaxdnn.lowering.indexing import updated
from jaxdnn.lowering.namespace import namespace
from jaxdnn.lowering.padded import depends_on_data
from jaxdnn.lowering.registry import lowers

Weights = Mapping[str, jax.Array]


@lowers(SliceAxes, numpy=True, known=lambda layer, count: range(1, count), moves=True)
def slice_axes(layer: SliceAxes, weights: Weights, x: Any, *bounds: Any) -> Any:
    """See :class:`~jaxdnn.layers.elements.SliceAxes`."""
    del weights
    lists = []
    for name, vector in zip(("starts", "ends", "steps"), bounds, strict=False):
        if not isinstance(vector, np.ndarray):
            raise depends_on_data(name)
        lists.append(vector.reshape(-1).tolist())
    starts, ends, *steps = lists
    axes = layer.axes or tuple(range(len(starts)))
    entries = [starts, ends, *steps]
    if any(len(entry) != len(axes) for entry in entries):
        counts = " and ".join(str(len(entry)) for entry in entries)
        raise ShapeError(f"{counts} starts, ends and steps are given for {len(axes)} axes")
    index = [slice(None)] * x.ndim
    for axis, start, end, step in zip(axes, starts, ends, *(steps or [[1] * len(axes)]), strict=True):
        if step == 0:
            raise ShapeError(f"the step along axis {axis} is 0")
        index[normalize_axis(axis, x.ndim)] = slice(start, end, step)
    return x[tuple(index)]


@lowers(GatherElements, numpy=True, indices=(1,), moves=True)
def gather_elements(layer: GatherElements, weights: Weights, x: Any, indices: Any) -> Any:
    """See :class:`~jaxdnn.layers.elements.GatherElements`."""
    del weights
    axis = _axis(layer.axis, x, indices)
    window = tuple(slice(None) if i == axis else slice(size) for i, size in enumerate(indices.shape))
    if namespace(x, indices) is np:
        size = x.shape[axis]
        if np.any((indices < -size) | (indices >= size)):
            raise ShapeError(f"the indices {indices.tolist()} leave axis {axis} of size {size}")
        return np.take_along_axis(x[window], indices, axis)
    return jnp.take_along_axis(jnp.asarray(x[window]), jnp.asarray(indices), axis)


@lowers(ScatterElements, float32=True, indices=(1,))
def scatter_elements(
    layer: ScatterElements, weights: Weights, x: jax.Array, indices: jax.Array, values: jax.Array
) -> jax.Array:
    """The other axes' places are those of the values."""
    del weights
    axis = _axis(layer.axis, x, indices)
    if values.shape != indices.shape:
        raise ShapeError(f"values {dims(values.shape)} do not fit indices {dims(indices.shape)}")
    places = list(jnp.indices(indices.shape, dtype=indices.dtype, sparse=True))
    places[axis] = indices
    return updated(x, tuple(places), values, layer.operation)


def _axis(axis: int, x: Any, indices: Any) -> int:
    """Return the axis from the front, of arrays that fit each other."""
    axis = normalize_axis(axis, x.ndim)
    fits = indices.ndim == x.ndim and all(
        i == axis or size <= x.shape[i] for i, size in enumerate(indices.shape)
    )
    if not fits:
        raise ShapeError(f"indices {dims(indices.shape)} along axis {axis} do not fit {dims(x.shape)}")
    return axis


@lowers(ReplaceWindow, indices=(2,), moves=True)
def replace_window(
    layer: ReplaceWindow, weights: Weights, x: jax.Array, values: jax.Array, *starts: jax.Array
) -> jax.Array:
    """See :class:`~jaxdnn.layers.elements.ReplaceWindow`."""
    del weights
    axis = normalize_axis(layer.axis, x.ndim)
    size, count = x.shape[axis], values.shape[axis] if values.ndim == x.ndim else -1
    if axis == 0 or not 0 <= count <= size or values.shape != (*x.shape[:axis], count, *x.shape[axis + 1 :]):
        raise ShapeError(f"values {dims(values.shape)} along axis {axis} do not fit {dims(x.shape)}")
    first = starts[0] if starts else jnp.zeros(len(x), jnp.int32)
    if first.shape != x.shape[:1]:
        raise ShapeError(f"{dims(first.shape)} starts do not fit a batch of {len(x)}")
    place = first.astype(jnp.int32).reshape(-1, 1) + jnp.arange(count, dtype=jnp.int32).reshape(1, -1)
    place = place % jnp.int32(size) if layer.wraps else place
    image = jnp.arange(len(x), dtype=jnp.int32).reshape(-1, 1)
    moved: jax.Array = (
        jnp.moveaxis(x, axis, 1).at[image, place].set(jnp.moveaxis(values, axis, 1), mode="drop")
    )
    return jnp.moveaxis(moved, 1, axis)
