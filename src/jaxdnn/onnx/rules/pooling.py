"""Pools of every rounding and divisor, their inverse, and pyramids of them."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Sequence

import numpy as np

from jaxdnn.layers.base import normalize_axis
from jaxdnn.layers.pooling import MaxUnpool, Pool, SpatialPyramidPool, Window
from jaxdnn.onnx.exporter import Exporter
from jaxdnn.onnx.registry import NotExpressible, exports
from jaxdnn.onnx.rules.layout import ChannelsFirst, channels_first
from jaxdnn.onnx.sizes import Sizes, product, static

Windows = Sequence[Window]


@exports(Pool)
def pool(e: Exporter, layer: Pool, x: str) -> str | tuple[str, ...]:
    """See :class:`~jaxdnn.layers.pooling.Pool`."""
    e.require_floats()
    moved = channels_first(e, e.inputs[0], layer.axis, layer.channels_last)
    if moved.flat:
        raise NotExpressible("a pool without spatial axes has no operator")
    if layer.indices:
        return _max_with_indices(e, layer, moved)
    return moved.restore(pooled(e, layer, moved))


def pooled(e: Exporter, layer: Pool, moved: ChannelsFirst) -> str:
    """Pool a value whose channels lie on axis 1."""
    windows = _windows(layer, moved)
    if layer.statistic == "max":
        return _max(e, moved.name, windows)
    if layer.statistic == "sum":
        return _sum(e, moved.name, windows)
    if layer.statistic == "average":
        return _average(e, layer, moved.name, windows)
    total = _window_average(e, moved.name, windows)
    squares = _window_average(e, e.op("Mul", moved.name, moved.name), windows)
    positive = e.op("Greater", total, 0.0)
    quotient = e.op("Div", squares, e.op("Where", positive, total, 1.0))
    return e.op("Where", positive, quotient, 0.0)


def _windows(layer: Pool, moved: ChannelsFirst) -> Windows:
    shape = (1, *moved.spatial, 1) if layer.channels_last else (1,) * (layer.axis + 1) + moved.spatial
    return layer.windows(shape)


def _is_plane(windows: Windows) -> bool:
    return all(window == Window(window.size, window.size) for window in windows)


def _missing(windows: Windows) -> list[int]:
    """Return how many cells the last window of each axis lacks."""
    return [max(0, (w.count - 1) * w.stride + _extent(w) - w.before - w.size) for w in windows]


def _extent(window: Window) -> int:
    return window.dilation * (window.kernel - 1) + 1


def _needs_cells(windows: Windows) -> bool:
    """Whether padding has to become cells: runtimes want less of it than the window has cells."""
    return any(max(w.before, pad) >= w.kernel for pad, w in zip(_missing(windows), windows, strict=True))


def _options(e: Exporter, operator: str, windows: Windows) -> dict[str, list[int]]:
    """Return the attributes that all windows have."""
    dilations = [w.dilation for w in windows]
    options = {"kernel_shape": [w.kernel for w in windows], "strides": [w.stride for w in windows]}
    if max(dilations) == 1:
        return options
    if operator == "AveragePool" and e.opset < 19:
        raise NotExpressible("an average over dilated windows needs opset 19")
    return {**options, "dilations": dilations}


def _slide(e: Exporter, operator: str, x: str, windows: Windows, fill: np.ndarray, **options: int) -> str:
    """Slide windows over a value; those that lie outside of it hold nothing but what fills the padding."""
    outside = [_outside(window) for window in windows]
    windows = tuple(_without(window, *ends) for window, ends in zip(windows, outside, strict=True))
    pads = [w.before for w in windows], _missing(windows)
    if _needs_cells(windows):
        x = e.pad(x, [0, 0, *pads[0]], [0, 0, *pads[1]], value=fill)
        pads = [0] * len(windows), [0] * len(windows)
    y = e.op(operator, x, pads=[*pads[0], *pads[1]], **_options(e, operator, windows), **options)
    front, back = zip(*outside, strict=True)
    return e.pad(y, [0, 0, *front], [0, 0, *back], value=fill) if any(front + back) else y


def _outside(window: Window) -> tuple[int, int]:
    """Return how many windows lie wholly before the values, and how many behind them."""
    starts = np.arange(window.count) * window.stride - window.before
    front, back = int(np.sum(starts + _extent(window) <= 0)), int(np.sum(starts >= window.size))
    front = min(front, window.before // window.stride)  # what is left begins in the padding, not behind it
    return (front, back) if front + back < window.count else (0, 0)


def _without(window: Window, front: int, back: int) -> Window:
    before, count = window.before - front * window.stride, window.count - front - back
    return dataclasses.replace(window, before=before, count=count)


def _lowest(e: Exporter) -> np.ndarray:
    return np.array(np.finfo(e.type).min, e.type)


def _max(e: Exporter, x: str, windows: Windows) -> str:
    if _is_plane(windows):
        return e.op("GlobalMaxPool", x)
    return _slide(e, "MaxPool", x, windows, _lowest(e))


def _window_average(e: Exporter, x: str, windows: Windows) -> str:
    """Divide sums by the number of all cells of a window."""
    return _slide(e, "AveragePool", x, windows, np.array(0, e.type), count_include_pad=1)


def _sum(e: Exporter, x: str, windows: Windows) -> str:
    if _is_plane(windows):
        return e.reduce("Sum", x, range(2, 2 + len(windows)))
    count = math.prod(window.kernel for window in windows)
    return e.op("Mul", _window_average(e, x, windows), float(count))


def _average(e: Exporter, layer: Pool, x: str, windows: Windows) -> str:
    if _is_plane(windows):
        return e.op("GlobalAveragePool", x)
    if layer.divisor == "valid" and not _needs_cells(windows):
        return _slide(e, "AveragePool", x, windows, np.array(0, e.type), count_include_pad=0)
    y = _window_average(e, x, windows)
    if layer.divisor == "window":
        return y
    cells = [window.cells(padded=layer.divisor == "padded") for window in windows]
    divisor = functools.reduce(np.multiply.outer, cells, np.array(1))
    count = math.prod(window.kernel for window in windows)
    with np.errstate(divide="ignore"):  # a window without cells: 0 times inf is NaN, as 0 / 0 is
        share = (count / divisor).astype(e.type)
    return y if np.all(divisor == count) else e.op("Mul", y, share)


def _max_with_indices(e: Exporter, layer: Pool, moved: ChannelsFirst) -> tuple[str, ...]:
    """ONNX counts the elements of the whole batch, channels first."""
    windows = _windows(layer, moved)
    if _needs_cells(windows):
        raise NotExpressible("places are not counted in so much padding")
    y, places = e.ops(
        "MaxPool",
        2,
        moved.name,
        pads=[*(w.before for w in windows), *_missing(windows)],
        storage_order=int(layer.first_fastest),
        **_options(e, "MaxPool", windows),
    )
    plane = math.prod(moved.spatial)
    if layer.channels_last:
        places = _channels_last(e, layer, e.op("Mod", places, np.int64(plane)), moved)
    elif layer.index_of == "plane":
        places = e.op("Mod", places, np.int64(plane))
    elif layer.index_of == "sample" and layer.axis > 0:
        counted = product((*e.inputs[0].sizes[1 : layer.axis], moved.channels, plane))
        places = e.op("Mod", places, np.array(static((counted,))[0], np.int64))
    return moved.restore(y), e.cast(moved.restore(places, e.outputs[1]), "int32")


def _channels_last(e: Exporter, layer: Pool, places: str, moved: ChannelsFirst) -> str:
    """Turn places in planes into places among elements whose channels count fastest."""
    if layer.index_of == "plane":
        return places
    along = (-1, *(1,) * len(moved.spatial))
    places = e.op("Mul", places, np.int64(moved.channels))
    places = e.op("Add", places, np.arange(moved.channels).reshape(along))
    if layer.index_of == "sample":
        return places
    (batch,) = static(e.inputs[0].sizes[:1], "an index in the batch")
    sample = moved.channels * math.prod(moved.spatial)
    return e.op("Add", places, sample * np.arange(batch).reshape(-1, 1, *along[1:]))


@exports(MaxUnpool)
def max_unpool(e: Exporter, layer: MaxUnpool, x: str, indices: str, *like: str) -> str:
    """Scatter into planes with one more element, to which all places outside of a plane go."""
    del like
    source, output = e.inputs[0], e.outputs[0]
    first = normalize_axis(layer.axis, source.rank) + 1
    rows = product(source.sizes[:first])
    count = product(static(source.sizes[first:]))
    plane = math.prod(static(output.sizes[first:]))
    places = e.reshape(e.cast(indices, "int64"), (rows, count))
    outside = e.op("Or", e.op("Less", places, np.int64(0)), e.op("Greater", places, np.int64(plane)))
    places = e.op("Where", outside, np.int64(plane), places)
    zeros = e.expand(np.zeros(1, output.dtype), (rows, plane + 1))
    filled = e.op("ScatterElements", zeros, places, e.reshape(x, (rows, count)), axis=1)
    return e.reshape(e.slice(filled, [0], [plane], [1]), output.sizes)


@exports(SpatialPyramidPool)
def spatial_pyramid_pool(e: Exporter, layer: SpatialPyramidPool, x: str) -> str:
    """Pool by each level, and join."""
    del x
    moved = channels_first(e, e.inputs[0], layer.axis, False)
    sizes: Sizes = e.inputs[0].sizes
    first = normalize_axis(layer.axis, len(sizes))
    shape = (1,) * first + (moved.channels, *moved.spatial)
    pools = [layer.pool(level, shape) for level in range(layer.levels)]
    levels = [pooled(e, each, moved) for each in pools]
    if layer.levels == 1:
        return moved.restore(levels[0])
    flat = [e.op("Flatten", level, axis=1) for level in levels]
    joined = e.concat(flat, 1)
    return joined if first == 1 else e.reshape(joined, e.outputs[0].sizes)
