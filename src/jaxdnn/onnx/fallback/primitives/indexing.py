"""Primitives that read or write at places that are computed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jaxdnn.onnx.fallback.primitives.places import Windows, inverse
from jaxdnn.onnx.fallback.registry import converts
from jaxdnn.onnx.fallback.sizes import Shape, Size
from jaxdnn.onnx.fallback.translator import Call
from jaxdnn.onnx.fallback.values import Value
from jaxdnn.onnx.registry import NotExpressible

_UPDATES = {
    "scatter": None,
    "scatter-add": "add",
    "scatter-mul": "mul",
    "scatter-min": "min",
    "scatter-max": "max",
}


@converts("gather")
def gather(call: Call, x: Value, places: Value) -> str:
    """Read windows at computed places; beyond the array the last one that fits, or a filler."""
    numbers = call["dimension_numbers"]
    windows = Windows(
        call,
        x,
        places,
        numbers.start_index_map,
        numbers.operand_batching_dims,
        numbers.start_indices_batching_dims,
        call["slice_sizes"],
        numbers.collapsed_slice_dims,
    )
    mode = call["mode"].name
    starts, fits = windows.starts() if windows.indexed else ([], "")
    axes = windows.window_axes(numbers.offset_dims)
    result = _read(call, windows, starts)
    if mode == "FILL_OR_DROP" and fits:
        trailing = len(axes) - len(windows.batch)
        fits = call.e.unsqueeze(fits, range(len(windows.batch), len(windows.batch) + trailing))
        wide = call.wide_type()
        filler = np.array(_filler(call, x.dtype), x.dtype).astype(wide)
        result = call.narrow(call.e.op("Where", fits, call.wide(result), filler), x.dtype)
    return call.e.transpose(result, inverse(axes))


def _read(call: Call, windows: Windows, starts: Sequence[str]) -> str:
    """Return windows: axes of the places, windowed axes, whole axes."""
    x = windows.moved(call.translator.full(windows.x))
    if not windows.numbered:
        return (
            call.e.op("Expand", x, call.translator.sizes((*windows.batch, *windows.x.shape)))
            if windows.batch
            else x
        )
    if len(windows.numbered) == 1 and not windows.windowed and starts:
        return call.e.op("Gather", x, starts[0])
    return call.e.op("GatherND", x, windows.indices(starts))


def _filler(call: Call, dtype: str) -> float:
    if call["fill_value"] is not None:
        return float(call["fill_value"])
    kind = np.dtype(dtype).kind
    if kind == "b":
        return 1
    if kind == "f":
        return float("nan")
    limits = np.iinfo(dtype)
    return limits.min if kind == "i" else limits.max


@converts(*_UPDATES)
def scatter(call: Call, x: Value, places: Value, updates: Value) -> str:
    """Write windows at computed places, or combine them with what is there; those that do not fit in are dropped."""
    numbers = call["dimension_numbers"]
    rule = _UPDATES[call.primitive]
    needed = {None: 13, "add": 16, "mul": 16, "min": 18, "max": 18}[rule]
    if call.e.opset < needed:
        raise NotExpressible(f"values are combined where they are written, which needs opset {needed}")
    dropped = numbers.inserted_window_dims
    own = [a for a in range(x.rank) if a not in dropped and a not in numbers.operand_batching_dims]
    sizes: list[Size] = [1] * x.rank
    for axis, place in zip(own, numbers.update_window_dims, strict=True):
        sizes[axis] = updates.shape[place]
    indexed = numbers.scatter_dims_to_operand_dims
    # What a window does not fill of an axis that is not indexed begins at 0.
    if any(sizes[a] != x.shape[a] for a in own if a not in indexed):
        raise NotExpressible("windows are written that are smaller than the array")
    windows = Windows(
        call,
        x,
        places,
        indexed,
        numbers.operand_batching_dims,
        numbers.scatter_indices_batching_dims,
        tuple(sizes),
        dropped,
    )
    data = call.wide(call.translator.full(x))
    new = call.e.transpose(
        call.wide(call.translator.full(updates)), windows.window_axes(numbers.update_window_dims)
    )
    if not windows.numbered:
        raise NotExpressible("a whole array is written")
    starts, fits = windows.starts() if indexed else ([], "")
    moved = windows.moved(data)
    drops = call["mode"].name == "FILL_OR_DROP" and bool(fits)
    if drops:
        # One more row at the end of an indexed axis takes what does not fit in.
        position = len(windows.batching)
        ends = [0] * (2 * x.rank)
        ends[x.rank + position] = 1
        moved = call.e.op("Pad", moved, ends)
        beyond = call.translator.sizes((x.shape[indexed[0]],))
    indices = windows.indices(starts)
    if drops:
        fits = call.e.unsqueeze(
            fits, range(len(windows.batch), len(windows.batch) + len(windows.windowed) + 1)
        )
        mark = np.zeros(len(windows.numbered), bool)
        mark[position] = True
        bad = call.e.op("And", call.e.op("Not", fits), mark)
        indices = call.e.op("Where", bad, beyond, indices)
    result = call.e.op("ScatterND", moved, indices, new, reduction=rule)
    if drops:
        result = call.e.op("Slice", result, [0], beyond, [position])
    return call.narrow(call.e.transpose(result, inverse(windows.order)), x.dtype)


@converts("dynamic_slice")
def dynamic_slice(call: Call, x: Value, *starts: Value) -> str:
    """Cut a window of a known size out, at a computed place."""
    sizes = call["slice_sizes"]
    name = call.translator.full(x)
    axes = [axis for axis in range(x.rank) if sizes[axis] != x.shape[axis]]
    if not axes:
        return name
    first = _cut_starts(call, x, sizes, starts, axes)
    last = call.e.op("Add", first, call.translator.sizes(tuple(sizes[axis] for axis in axes)))
    return call.e.op("Slice", name, first, last, axes)


def _cut_starts(call: Call, x: Value, sizes: Shape, starts: Sequence[Value], axes: Sequence[int]) -> str:
    """Return where a window begins along these axes, an int64 vector, so that it lies in the array."""
    parts = [
        call.e.op("Reshape", call.e.cast(call.translator.full(starts[axis]), "int64"), [1]) for axis in axes
    ]
    last = call.translator.sizes(tuple(x.shape[axis] - sizes[axis] for axis in axes))
    return call.e.op("Max", call.e.op("Min", call.e.concat(parts, 0), last), np.zeros(1, np.int64))


@converts("dynamic_update_slice")
def dynamic_update_slice(call: Call, x: Value, update: Value, *starts: Value) -> str:
    """Replace a window at a computed place: what lies before it, the window, and what lies behind, axis by axis."""
    axes = [axis for axis in range(x.rank) if update.shape[axis] != x.shape[axis]]
    name, new = call.translator.full(x), call.translator.full(update)
    if not axes:
        return new
    first = _cut_starts(call, x, update.shape, starts, axes)
    last = call.e.op("Add", first, call.translator.sizes(tuple(update.shape[axis] for axis in axes)))
    bounds = [
        tuple(call.e.op("Slice", each, [number], [number + 1]) for each in (first, last))
        for number in range(len(axes))
    ]

    def put(old: str, depth: int) -> str:
        """Replace the window in an array that is cut to it along the axes before."""
        if depth == len(axes):
            return new
        axis, (start, end) = [axes[depth]], bounds[depth]
        before = call.e.op("Slice", old, [0], start, axis)
        behind = call.e.op("Slice", old, end, [np.iinfo(np.int64).max], axis)
        inner = call.e.op("Slice", old, start, end, axis) if depth + 1 < len(axes) else ""
        return call.e.concat([before, put(inner, depth + 1), behind], axes[depth])

    return put(name, 0)
