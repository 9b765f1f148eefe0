"""Elements by their places."""

from __future__ import annotations

import numpy as np

from jaxdnn.layers.base import normalize_axis
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
from jaxdnn.onnx.exporter import Exporter
from jaxdnn.onnx.registry import NotExpressible, exports

_END = np.iinfo(np.int64).max


def _known(e: Exporter, *indices: int) -> list[list[int]]:
    arrays = [e.inputs[index].known for index in indices]
    if any(array is None for array in arrays):
        raise NotExpressible("where a slice begins or ends follows from the batch or the data")
    return [[int(value) for value in array] for array in arrays if array is not None]


@exports(StridedSlice)
def strided_slice(e: Exporter, layer: StridedSlice, x: str, *bounds: str) -> str:
    """Slice, drop the axes of which one element is taken, and insert new ones."""
    begin, end, step = _known(e, *range(1, 1 + len(bounds)))
    rank, count = e.inputs[0].rank, len(begin)
    used = sum(not (layer.new_axis_mask | layer.ellipsis_mask) >> entry & 1 for entry in range(count))
    slices: list[tuple[int, int, int, int]] = []
    dropped: list[int] = []
    inserted: list[int] = []
    axis = kept = 0
    for entry in range(count):
        bit = 1 << entry
        if layer.ellipsis_mask & bit:
            axis, kept = axis + rank - used, kept + rank - used
        elif layer.new_axis_mask & bit:
            inserted.append(kept)
            kept += 1
        elif layer.shrink_axis_mask & bit:
            slices.append((begin[entry], begin[entry] + 1 or _END, axis, 1))
            dropped.append(axis)
            axis += 1
        else:
            stride = step[entry]
            ends = (0, _END) if stride > 0 else (-1, -_END)
            first = ends[0] if layer.begin_mask & bit else begin[entry]
            last = ends[1] if layer.end_mask & bit else end[entry]
            if (first, last, stride) != (0, _END, 1):
                slices.append((first, last, axis, stride))
            axis, kept = axis + 1, kept + 1
    if slices:
        starts, stops, axes, steps = zip(*slices, strict=True)
        x = e.slice(x, starts, stops, axes, steps)
    return e.unsqueeze(e.squeeze(x, dropped), inserted)


@exports(Window)
def window(e: Exporter, layer: Window, x: str, *bounds: str) -> str:
    """See :class:`~jaxdnn.layers.indexing.Window`."""
    del layer, bounds
    begin, size = _known(e, 1, 2)
    ends = [_END if length == -1 else first + length for first, length in zip(begin, size, strict=True)]
    return e.slice(x, begin, ends, range(len(begin))) if begin else x


@exports(GatherNd)
def gather_nd(e: Exporter, layer: GatherNd, x: str, indices: str) -> str:
    """See :class:`~jaxdnn.layers.indexing.GatherNd`."""
    if e.inputs[1].sizes[-1] == 0:
        raise NotExpressible("places without numbers have no operator")
    return e.op("GatherND", x, e.cast(indices, "int64"), batch_dims=layer.batch_axes)


@exports(ScatterNd)
def scatter_nd(e: Exporter, layer: ScatterNd, indices: str, values: str) -> str:
    """See :class:`~jaxdnn.layers.indexing.ScatterNd`."""
    del layer
    output = e.outputs[0]
    if output.dtype == "bool":
        raise NotExpressible("booleans that are joined have no operator")
    zeros = e.expand(np.zeros(1, output.dtype), output.sizes)
    return _scatter(e, zeros, indices, values, "add")


@exports(ScatterUpdate)
def scatter_update(e: Exporter, layer: ScatterUpdate, x: str, indices: str, values: str) -> str:
    """See :class:`~jaxdnn.layers.indexing.ScatterUpdate`."""
    if layer.operation == "subtract":
        return _scatter(e, x, indices, e.op("Neg", values), "add")
    return _scatter(e, x, indices, values, layer.operation)


_SINCE = {"set": 13, "add": 16, "multiply": 16, "max": 18, "min": 18}


def _scatter(e: Exporter, x: str, indices: str, values: str, operation: str) -> str:
    if e.opset < _SINCE[operation]:
        raise NotExpressible(f"scattering with {operation} needs opset {_SINCE[operation]}")
    reduction = {"set": None, "multiply": "mul"}.get(operation, operation)
    return e.op("ScatterND", x, e.cast(indices, "int64"), values, reduction=reduction)


@exports(OneHot)
def one_hot(e: Exporter, layer: OneHot, indices: str, on: str, off: str) -> str:
    """Compare each index with all places: the operator would count negative ones from the end."""
    source = e.inputs[0]
    axis = normalize_axis(layer.axis, source.rank + 1)
    along = (-1, *(1,) * (source.rank - axis))
    places = np.arange(layer.depth, dtype=source.dtype).reshape(along)
    spread = e.unsqueeze(indices, [axis])
    found = e.op("Equal", spread, places)
    if layer.from_end:
        found = e.op("Or", found, e.op("Equal", spread, places - np.array(layer.depth, source.dtype)))
    return e.op("Where", found, on, off)


@exports(TopK)
def top_k(e: Exporter, layer: TopK, x: str) -> tuple[str, str]:
    """See :class:`~jaxdnn.layers.indexing.TopK`."""
    if e.inputs[0].dtype != "int32":
        e.require_floats()
    values, places = e.ops("TopK", 2, x, [layer.count], axis=layer.axis, largest=int(not layer.smallest))
    return values, e.cast(places, "int32")


@exports(Stitch)
def stitch(e: Exporter, layer: Stitch, *inputs: str) -> str:
    """Find beforehand which row goes to each place; a row of zeros stands behind all."""
    del layer
    count = len(inputs) // 2
    places = [each.known for each in e.inputs[:count]]
    flat = np.concatenate([where.reshape(-1) for where in places if where is not None])
    if any(where is None for where in places):
        raise NotExpressible("places that depend on the data have no operator")
    output = e.outputs[0]
    rest = output.sizes[1:]
    rows = [
        e.reshape(x, (where.size, *rest))
        for x, where in zip(inputs[count:], places, strict=True)
        if where is not None
    ]
    zero = e.expand(np.zeros(1, output.dtype), (1, *rest))
    source = np.full(flat.max(initial=-1) + 1, len(flat), np.int64)
    source[flat] = np.arange(len(flat))
    return e.op("Gather", e.concat([*rows, zero], 0), source, axis=0)
