"""How features of regions compute: masks or weights per axis, one region after the other.

A region's size is known only at run time, so a bin is a mask over all rows and one over all columns. Going
through the regions one by one bounds the memory to one feature map.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
from jax import lax

from jaxdnn.errors import ShapeError
from jaxdnn.layers.base import dims
from jaxdnn.layers.roi import PsRoiPool, RoiAlign, RoiPool
from jaxdnn.lowering.registry import lowers


def _regions(x: jax.Array, regions: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return the regions' image indices (n,) and corners (n, 4)."""
    if x.ndim != 4:
        raise ShapeError(f"the feature map must be batch x channels x height x width, got {dims(x.shape)}")
    if regions.size != 5 * len(regions):
        raise ShapeError(f"regions must have 5 values each (image and corners), got {dims(regions.shape)}")
    regions = regions.reshape(-1, 5)
    return regions[:, 0].astype(jnp.int32), regions[:, 1:]


def _round(x: jax.Array) -> jax.Array:
    """Round halves away from zero, as C does; jnp.round takes them to the even number."""
    whole = jnp.trunc(x)
    return whole + jnp.where(jnp.abs(x - whole) >= 0.5, jnp.sign(x), 0)


def _bin_edges(size: jax.Array, count: int) -> tuple[jax.Array, jax.Array]:
    """Return where the bins of regions (n,) start and end (n, count), unrounded, from the region's start."""
    # XLA multiplies by the reciprocal of a constant divisor, and a bin's edge is then off by one where
    # count/size*size is not exact. It cannot know that this divisor is constant.
    divisor = jnp.where(size > 0, float(count), jnp.inf)
    step = (size / divisor).reshape(-1, 1)
    index = jnp.arange(count, dtype=size.dtype).reshape(1, -1)
    return index * step, (index + 1) * step


def _bin_mask(start: jax.Array, end: jax.Array, length: int) -> jax.Array:
    """Return which elements of an axis lie in the bins [start, end), (n, count, length)."""
    position = jnp.arange(length, dtype=start.dtype).reshape(1, 1, -1)
    return (position >= start[..., None]) & (position < end[..., None])


@lowers(RoiPool, float32=True)
def roi_pool(layer: RoiPool, weights: Mapping[str, jax.Array], x: jax.Array, regions: jax.Array) -> jax.Array:
    """See :class:`~jaxdnn.layers.roi.RoiPool`."""
    del weights
    image, corners = _regions(x, regions)
    corners = _round(corners * layer.spatial_scale)

    def masks(axis: int, count: int, length: int) -> jax.Array:
        first, last = corners[:, axis], corners[:, axis + 2]
        start, end = _bin_edges(jnp.maximum(last - first + 1, 1), count)
        first = first.reshape(-1, 1)
        return _bin_mask(jnp.floor(start) + first, jnp.ceil(end) + first, length)

    def pool(region: tuple[jax.Array, jax.Array, jax.Array]) -> jax.Array:
        index, rows, columns = region
        by_row = jnp.max(jnp.where(rows[None, :, :, None], x[index][:, None], -jnp.inf), axis=2)
        value = jnp.max(jnp.where(columns[None, None], by_row[:, :, None], -jnp.inf), axis=3)
        filled = jnp.any(rows, axis=1).reshape(1, -1, 1) & jnp.any(columns, axis=1).reshape(1, 1, -1)
        return jnp.where(filled, value, 0)

    rows = masks(1, layer.output[0], x.shape[2])
    columns = masks(0, layer.output[1], x.shape[3])
    features: jax.Array = lax.map(pool, (image, rows, columns))
    return features


@lowers(PsRoiPool, float32=True)
def ps_roi_pool(
    layer: PsRoiPool, weights: Mapping[str, jax.Array], x: jax.Array, regions: jax.Array
) -> jax.Array:
    """See :class:`~jaxdnn.layers.roi.PsRoiPool`."""
    del weights
    image, corners = _regions(x, regions)
    bins = layer.groups
    if x.shape[1] != layer.channels * bins * bins:
        raise ShapeError(
            f"{layer.channels} channels of {bins}x{bins} bins need {layer.channels * bins * bins} input "
            f"channels, got {x.shape[1]}"
        )
    low = _round(corners[:, :2]) * layer.spatial_scale
    high = (_round(corners[:, 2:]) + 1) * layer.spatial_scale

    def masks(axis: int, length: int) -> jax.Array:
        begin = low[:, axis]
        start, end = _bin_edges(jnp.maximum(high[:, axis] - begin, 0.1), bins)
        begin = begin.reshape(-1, 1)
        mask = _bin_mask(jnp.floor(start + begin), jnp.ceil(end + begin), length)
        return mask.astype(x.dtype)

    def pool(region: tuple[jax.Array, jax.Array, jax.Array]) -> jax.Array:
        index, rows, columns = region
        planes = x[index].reshape(layer.channels, bins, bins, *x.shape[2:])
        total = jnp.einsum("cijhw,ih,jw->cij", planes, rows, columns)
        area = jnp.sum(rows, axis=1).reshape(1, -1, 1) * jnp.sum(columns, axis=1).reshape(1, 1, -1)
        return total / jnp.maximum(area, 1)

    features: jax.Array = lax.map(pool, (image, masks(1, x.shape[2]), masks(0, x.shape[3])))
    return features


@lowers(RoiAlign, float32=True)
def roi_align(
    layer: RoiAlign, weights: Mapping[str, jax.Array], x: jax.Array, regions: jax.Array
) -> jax.Array:
    """Contract the map with the interpolation weights of the rows, then of the columns."""
    del weights
    image, corners = _regions(x, regions)
    # The number of samples depends on the corners, and a loop of unknown length has no gradient in reverse.
    corners = lax.stop_gradient(corners * layer.spatial_scale)
    if layer.half_pixel:
        corners = corners - 0.5

    def align(region: tuple[jax.Array, jax.Array]) -> jax.Array:
        index, corners = region
        if layer.statistic == "corner_max":
            return _corner_max(layer, x[index], corners)
        rows = _sample_weights(layer, corners[1], corners[3], layer.output[0], x.shape[2])
        columns = _sample_weights(layer, corners[0], corners[2], layer.output[1], x.shape[3])
        return jnp.einsum("chw,ih,jw->cij", x[index], rows, columns)

    features: jax.Array = lax.map(align, (image, corners))
    return features


def _corner_max(layer: RoiAlign, x: jax.Array, corners: jax.Array) -> jax.Array:
    """Return the largest product of an element with its weight (channels, *output)."""
    axes = tuple(
        _samples(layer, corners[start], corners[start + 2], bins, length)
        for start, bins, length in ((1, layer.output[0], x.shape[1]), (0, layer.output[1], x.shape[2]))
    )
    (rows, row_at), (columns, column_at) = axes

    def add(sample: jax.Array, largest: jax.Array) -> jax.Array:
        pairs = itertools.product(row_at(sample // columns), column_at(sample % columns))
        for (row, row_weight), (column, column_weight) in pairs:
            share = row_weight.reshape(1, -1, 1) * column_weight.reshape(1, 1, -1)
            largest = jnp.maximum(largest, x[:, row.reshape(-1, 1), column.reshape(1, -1)] * share)
        return largest

    lowest = jnp.full((x.shape[0], *layer.output), -jnp.inf, x.dtype)
    largest: jax.Array = lax.fori_loop(0, rows * columns, add, lowest)
    return largest


Corners = tuple[tuple[jax.Array, jax.Array], tuple[jax.Array, jax.Array]]


def _samples(
    layer: RoiAlign, start: jax.Array, end: jax.Array, bins: int, length: int
) -> tuple[int | jax.Array, Callable[[jax.Array], Corners]]:
    """Return how many samples a bin has along an axis, and a function to the two elements around one, with weights."""
    samples, position = _positions(layer, start, end, bins)

    def at(sample: jax.Array) -> Corners:
        place = position(sample).reshape(-1)
        inside = ((place >= -1) & (place <= length)).astype(place.dtype)
        place = jnp.clip(place, 0, length - 1)
        first = jnp.floor(place)
        share = place - first
        whole = first.astype(jnp.int32)
        return (whole, (1 - share) * inside), (jnp.minimum(whole + 1, length - 1), share * inside)

    return samples, at


def _positions(
    layer: RoiAlign, start: jax.Array, end: jax.Array, bins: int
) -> tuple[int | jax.Array, Callable[[jax.Array], jax.Array]]:
    """Return how many samples a bin has along an axis, and a function to where one lies in each bin (bins, 1)."""
    extent = end - start if layer.half_pixel else jnp.maximum(end - start, 1)
    step = extent / bins
    samples = layer.samples or jnp.maximum(jnp.ceil(step), 1).astype(jnp.int32)
    index = jnp.arange(bins, dtype=start.dtype).reshape(-1, 1)
    share = 1 / jnp.asarray(samples, start.dtype)
    return samples, lambda sample: start + (index + (jnp.asarray(sample, start.dtype) + 0.5) * share) * step


def _sample_weights(layer: RoiAlign, start: jax.Array, end: jax.Array, bins: int, length: int) -> jax.Array:
    """Return what each element of an axis weighs in the mean of each bin's samples (bins, length)."""
    samples, place = _positions(layer, start, end, bins)
    dtype = start.dtype
    share = 1 / jnp.asarray(samples, dtype)
    position = jnp.arange(length, dtype=dtype).reshape(1, -1)

    def add(sample: jax.Array, total: jax.Array) -> jax.Array:
        at = place(sample)
        weight = jnp.maximum(1 - jnp.abs(jnp.clip(at, 0, length - 1) - position), 0)
        return total + jnp.where((at >= -1) & (at <= length), weight * share, 0)

    weights: jax.Array = lax.fori_loop(0, samples, add, jnp.zeros((bins, length), dtype))
    return weights
