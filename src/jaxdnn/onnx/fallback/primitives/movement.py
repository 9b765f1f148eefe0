"""Primitives that move values, join them and give them other shapes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jaxdnn.onnx.fallback.registry import converts
from jaxdnn.onnx.fallback.sizes import OpenSize, Shape, known
from jaxdnn.onnx.fallback.translator import Call
from jaxdnn.onnx.fallback.values import Value

_TO_THE_END = np.iinfo(np.int64).max


@converts("copy", "copy_p", "stop_gradient", "optimization_barrier", "reduce_precision_p", folds=False)
def same(call: Call, *values: Value) -> tuple[Value, ...]:
    """Return what is read."""
    del call
    return values


@converts("broadcast_in_dim", folds=False)
def broadcast_in_dim(call: Call, x: Value, *sizes: Value) -> Value:
    """Stretch axes only where an operator needs it: hold the array with its axes in their places."""
    del sizes
    (result,) = call.results
    places = call["broadcast_dimensions"]
    held: list[int | OpenSize] = [1] * len(result.shape)
    own = (1,) * (x.rank - len(x.held)) + x.held
    for place, size in zip(places, own, strict=True):
        held[place] = size
    first = next((place for place in places if held[place] != 1), len(held))
    shape = tuple(held[first:])
    if x.array is not None:
        return Value(result, shape, array=x.array.reshape(known(shape, "a constant's shape")))
    name = call.translator.name(x)
    return Value(result, shape, name if shape == x.held else call.translator.reshape(name, shape))


@converts("reshape", "squeeze", "expand_dims")
def reshape(call: Call, x: Value, *sizes: Value) -> str | Value:
    """Give an array another shape."""
    del sizes
    (result,) = call.results
    if not x.held or set(x.held) == {1}:  # one element, repeated
        flat = x if not x.held else Value(x.spec, (), call.translator.reshape(call.translator.name(x), ()))
        return Value(result, (), flat.name, flat.array)
    return call.translator.reshape(call.translator.full(x), result.shape)


@converts("transpose")
def transpose(call: Call, x: Value) -> str:
    """Reorder axes."""
    return call.e.transpose(call.translator.full(x), call["permutation"])


@converts("concatenate")
def concatenate(call: Call, *values: Value) -> str:
    """Join arrays along an axis."""
    return call.e.concat([call.translator.full(value) for value in values], call["dimension"])


@converts("stack")
def stack(call: Call, *values: Value) -> str:
    """Join arrays along a new axis."""
    axis = call["axis"]
    return call.e.concat([call.e.unsqueeze(call.translator.full(v), [axis]) for v in values], axis)


@converts("unstack")
def unstack(call: Call, x: Value) -> tuple[str, ...]:
    """Cut an axis into its elements and drop it."""
    axis, name = call["axis"], call.translator.full(x)
    count = len(call.results)
    parts = call.e.split(name, [1] * count, axis) if count > 1 else (name,)
    return tuple(call.e.squeeze(part, [axis]) for part in parts)


@converts("tile")
def tile(call: Call, x: Value) -> str:
    """Repeat an array along its axes."""
    return call.e.op("Tile", call.translator.full(x), call.translator.sizes(call["reps"]))


@converts("split")
def split(call: Call, x: Value) -> tuple[str, ...]:
    """Cut an axis into parts."""
    name, sizes = call.translator.full(x), call["sizes"]
    if len(sizes) == 1:
        return (name,)
    return call.e.ops("Split", len(sizes), name, call.translator.sizes(sizes), axis=call["axis"])


@converts("slice")
def slice_(call: Call, x: Value) -> str:
    """Cut a window out, taking one of so many elements of it."""
    steps = call["strides"] or (1,) * x.rank
    return window(call, call.translator.full(x), x.shape, call["start_indices"], call["limit_indices"], steps)


def window(call: Call, x: str, shape: Shape, starts: Shape, ends: Shape, steps: Sequence[int] = ()) -> str:
    """Cut a window out of an array of a shape; axes that it has in full are left alone."""
    steps = tuple(steps) or (1,) * len(shape)
    cut = [axis for axis, size in enumerate(shape) if (starts[axis], ends[axis], steps[axis]) != (0, size, 1)]
    if not cut:
        return x
    chosen = [_TO_THE_END if ends[axis] == shape[axis] else ends[axis] for axis in cut]
    first, last = (call.translator.sizes(tuple(each)) for each in ([starts[axis] for axis in cut], chosen))
    return call.e.op("Slice", x, first, last, cut, [steps[axis] for axis in cut])


@converts("rev")
def reverse(call: Call, x: Value) -> str:
    """Turn axes around."""
    axes = call["dimensions"]
    name = call.translator.full(x)
    if not axes:
        return name
    ends = [np.iinfo(np.int64).min] * len(axes)
    return call.e.op("Slice", name, [-1] * len(axes), ends, list(axes), [-1] * len(axes))


@converts("pad")
def pad(call: Call, x: Value, value: Value) -> str:
    """Put a value before, behind and between elements; a negative number takes elements away."""
    low, high, between = zip(*call["padding_config"], strict=True) if x.rank else ((), (), ())
    name = call.translator.full(x)
    filler = call.e.op("Reshape", call.translator.full(value), np.zeros(0, np.int64))
    shape: list[int | OpenSize] = list(x.shape)
    for axis, gap in enumerate(between):
        if gap:
            name, shape[axis] = spread(call, name, tuple(shape), axis, gap, x.dtype, filler)
    ends = [*map(_positive, low), *map(_positive, high)]
    if any(ends):
        name = padded(call, name, ends, filler, x.dtype)
        shape = [
            size + before + after for size, before, after in zip(shape, ends, ends[x.rank :], strict=False)
        ]
    starts = tuple(max(-each, 0) for each in low)
    stops = tuple(size - max(-each, 0) for size, each in zip(shape, high, strict=True))
    return window(call, name, tuple(shape), starts, stops)


def padded(call: Call, x: str, ends: Sequence[int | OpenSize], filler: str | None, dtype: str) -> str:
    """Put a scalar, or zeros, before and behind the axes of an array."""
    wide = call.wide_type(dtype)
    filler = call.wide(filler, dtype) if filler else None
    result = call.e.op("Pad", call.wide(x, dtype), call.translator.sizes(tuple(ends)), filler)
    return result if wide == dtype else call.narrow(result, dtype)


def _positive(size: int | OpenSize) -> int | OpenSize:
    return size if isinstance(size, OpenSize) else max(size, 0)


def spread(
    call: Call, x: str, shape: Shape, axis: int, gap: int, dtype: str, filler: str | None = None
) -> tuple[str, int | OpenSize]:
    """Put so many zeros or fillers between neighbours along an axis; return the result and the axis' size."""
    size = shape[axis]
    if size == 0:
        return x, 0
    apart = call.e.unsqueeze(x, [axis + 1])
    ends = [0] * (2 * len(shape) + 2)
    ends[len(shape) + 1 + axis + 1] = gap
    apart = padded(call, apart, ends, filler, dtype)
    longer = (*shape[:axis], size * (gap + 1), *shape[axis + 1 :])
    joined = call.translator.reshape(apart, longer)
    end = size * (gap + 1) - gap
    stops = (*shape[:axis], end, *shape[axis + 1 :])
    return window(call, joined, longer, (0,) * len(shape), stops), end


@converts("iota")
def iota(call: Call, *sizes: Value) -> str | Value:
    """Count along an axis."""
    del sizes
    (result,) = call.results
    axis = call["dimension"]
    end = call.e.op("Reshape", call.translator.size(result.shape[axis]), np.zeros(0, np.int64))
    count = call.e.op("Range", np.array(0, np.int64), end, np.array(1, np.int64))
    count = call.e.cast(count, result.dtype)
    held = (result.shape[axis], *(1 for _ in result.shape[axis + 1 :]))
    name = count if len(held) == 1 else call.translator.reshape(count, held)
    return Value(result, held, name)
