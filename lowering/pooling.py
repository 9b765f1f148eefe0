"""How pooling computes: a window slides along one axis after the other."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import reduce

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxdnn.errors import ShapeError
from jaxdnn.layers.base import dims, normalize_axis
from jaxdnn.layers.pooling import MaxUnpool, Pool, SpatialPyramidPool, Window
from jaxdnn.lowering.recipes import can_slide, slid
from jaxdnn.lowering.registry import lowers

Arrays = tuple[jax.Array, ...]


def slide(
    arrays: Arrays, fills: tuple[float, ...], axis: int, window: Window, combine: Callable[..., Arrays]
) -> Arrays:
    """Combine the cells under each position of a window along one axis.

    Spans of 1, 2, 4, … cells are each combined from two of the spans before; a window is made of those in
    the binary form of its size. So a large window costs a logarithm of its size, and the order of cells is
    kept: ``combine`` has to be associative only.

    Args:
        arrays: of one shape; they are combined together.
        fills: for each array what lies beyond its ends.
        axis: along which the window slides.
        window: its positions.
        combine: ``f(earlier, later)`` of two tuples of arrays.
    """
    reach = (window.count - 1) * window.stride + 1
    apart = window.dilation
    missing = max(0, reach + (window.kernel - 1) * apart - window.before - window.size)
    pads = [(window.before, missing) if i == axis else (0, 0) for i in range(arrays[0].ndim)]
    spans = tuple(jnp.pad(a, pads, constant_values=fill) for a, fill in zip(arrays, fills, strict=True))

    def cut(start: int, stop: int, stride: int = 1) -> Arrays:
        return tuple(lax.slice_in_dim(span, start, stop, stride, axis) for span in spans)

    parts, offset, length = [], 0, 1
    while True:
        if window.kernel & length:
            parts.append(cut(offset * apart, offset * apart + reach, window.stride))
            offset += length
        if offset == window.kernel:
            return reduce(combine, parts)
        size = spans[0].shape[axis]
        spans = combine(cut(0, size - length * apart), cut(length * apart, size))
        length *= 2


def _maximum(a: Arrays, b: Arrays) -> Arrays:
    return (jnp.maximum(a[0], b[0]),)


def add(a: Arrays, b: Arrays) -> Arrays:
    """Combine windows into sums."""
    return (a[0] + b[0],)


def _first_maximum(a: Arrays, b: Arrays) -> Arrays:
    later = b[0] > a[0]
    return tuple(jnp.where(later, y, x) for x, y in zip(a, b, strict=True))


def _sums(layer: Pool | SpatialPyramidPool) -> bool:
    """Return whether windows are summed; a largest element is exact in any type."""
    return layer.statistic != "max"


@lowers(Pool, float32=_sums, moves=True)
def pool(layer: Pool, weights: Mapping[str, jax.Array], x: jax.Array) -> jax.Array | Arrays:
    """See :class:`~jaxdnn.layers.pooling.Pool`."""
    del weights
    return _max_with_indices(layer, x) if layer.indices else _pooled(layer, x)


def _pooled(layer: Pool, x: jax.Array) -> jax.Array:
    windows = layer.windows(x.shape)
    if layer.statistic == "max":
        return _over_plane(layer, x, jnp.max, _maximum, _lowest(x))
    total = _over_plane(layer, x, jnp.sum, add, 0.0)
    if layer.statistic == "sum":
        return total
    if layer.statistic == "average":
        divisor = _divisor(layer, windows).astype(x.dtype)
        behind = (1,) if layer.channels_last else ()
        divisor = divisor.reshape(divisor.shape + behind)
        return total / divisor.reshape((1,) * (x.ndim - divisor.ndim) + divisor.shape)
    squares = _over_plane(layer, x * x, jnp.sum, add, 0.0)
    return jnp.where(total > 0, squares / jnp.where(total > 0, total, 1), 0)


def _lowest(x: jax.Array) -> float:
    if jnp.issubdtype(x.dtype, jnp.integer):
        return int(np.iinfo(x.dtype).min)
    return float(jnp.finfo(x.dtype).min)  # type: ignore[no-untyped-call]


def _over_plane(
    layer: Pool,
    x: jax.Array,
    whole: Callable[..., jax.Array],
    combine: Callable[..., Arrays],
    fill: float,
) -> jax.Array:
    """Combine the cells under a window of all spatial axes; a window that is the plane is one reduction."""
    windows, axes = layer.windows(x.shape), layer.spatial_axes(x.ndim)
    is_plane = all(window == Window(window.size, window.size) for window in windows)

    def plain(x: jax.Array) -> jax.Array:
        if is_plane:
            return whole(x, axis=tuple(axes), keepdims=True)
        # The last axis comes first, so that cells are combined in row order.
        for axis, window in reversed(list(zip(axes, windows, strict=True))):
            (x,) = slide((x,), (fill,), axis, window, combine)
        return x

    if layer.channels_last and can_slide(x, windows):
        height, width = windows
        return slid(plain, (height, width), combine is _maximum, x)
    return plain(x)


def _divisor(layer: Pool, windows: tuple[Window, ...]) -> np.ndarray:
    """Return what each position's sum is divided by, for the spatial axes alone."""
    if layer.divisor == "window":
        return np.array(math.prod(window.kernel for window in windows))
    cells = [window.cells(padded=layer.divisor == "padded") for window in windows]
    return reduce(np.multiply.outer, cells, np.array(1))


def _max_with_indices(layer: Pool, x: jax.Array) -> Arrays:
    windows, axes = layer.windows(x.shape), layer.spatial_axes(x.ndim)
    first = {"plane": axes.start, "sample": min(1, axes.start), "batch": 0}[layer.index_of]
    counted = [axis for axis in range(first, x.ndim) if layer.index_of != "plane" or axis in axes]
    sizes = [x.shape[axis] for axis in counted]
    along = [x.shape[axis] if axis in counted else 1 for axis in range(x.ndim)]
    places = jnp.arange(math.prod(sizes), dtype=jnp.int32)
    if layer.first_fastest:
        outer, plane = sizes[: -len(axes)], sizes[-len(axes) :]
        places = jnp.moveaxis(
            places.reshape(math.prod(outer), *plane[::-1]), range(1, len(axes) + 1), range(len(axes), 0, -1)
        )
    places = places.reshape(along)
    pair: Arrays = (x, jnp.broadcast_to(places, x.shape))
    for axis, window in reversed(list(zip(axes, windows, strict=True))):
        pair = slide(pair, (_lowest(x), -1), axis, window, _first_maximum)
    return pair


@lowers(MaxUnpool, indices=(1,), moves=True)
def max_unpool(
    layer: MaxUnpool, weights: Mapping[str, jax.Array], x: jax.Array, indices: jax.Array, *like: jax.Array
) -> jax.Array:
    """Find for each output the last input that points at it, then gather."""
    del weights
    size = layer.output_size(x.shape, indices.shape, *(array.shape for array in like))
    outer = x.shape[: normalize_axis(layer.axis, x.ndim) + 1]
    count, plane = math.prod(x.shape[len(outer) :]), math.prod(size)
    if layer.index_of == "batch":
        count, plane = x.size, math.prod(outer) * plane
    values = x.reshape(-1, count)
    targets = indices.astype(jnp.int32).reshape(-1, count)
    rows = jnp.arange(len(values), dtype=jnp.int32).reshape(-1, 1)
    targets = jnp.where(targets < 0, plane, targets)  # a negative index would count from the end
    order = jnp.broadcast_to(jnp.arange(count, dtype=jnp.int32).reshape(1, -1), targets.shape)
    last = jnp.full((len(values), plane), -1, jnp.int32)
    last = last.at[rows, targets].max(order, mode="drop")
    taken = jnp.take_along_axis(values, jnp.maximum(last, 0), axis=1)
    y = jnp.where(last < 0, 0, taken).reshape(*outer, *size)
    if not layer.shape:
        return y
    if len(layer.shape) != y.ndim:
        raise ShapeError(f"the shape {dims(layer.shape)} does not fit values of {dims(x.shape)}")
    y = y[tuple(map(slice, layer.shape))]
    return jnp.pad(y, [(0, n - old) for n, old in zip(layer.shape, y.shape, strict=True)])


@lowers(SpatialPyramidPool, float32=_sums, moves=True)
def spatial_pyramid_pool(
    layer: SpatialPyramidPool, weights: Mapping[str, jax.Array], x: jax.Array
) -> jax.Array:
    """Run the levels' pools."""
    del weights
    axis = normalize_axis(layer.axis, x.ndim)
    levels = [_pooled(layer.pool(level, x.shape), x) for level in range(layer.levels)]
    if layer.levels == 1:
        return levels[0]
    return jnp.concatenate([y.reshape(*y.shape[:axis], -1) for y in levels], axis=axis)
