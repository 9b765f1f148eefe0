"""Primitives that make one number of many, or of each number and those before it."""

from __future__ import annotations

import numpy as np

from jaxdnn.onnx.fallback.primitives.movement import padded, window
from jaxdnn.onnx.fallback.registry import converts
from jaxdnn.onnx.fallback.sizes import Shape, Size, known
from jaxdnn.onnx.fallback.translator import Call
from jaxdnn.onnx.fallback.values import Value
from jaxdnn.onnx.registry import NotExpressible

_REDUCTIONS = {
    "reduce_sum": "Sum",
    "reduce_max": "Max",
    "reduce_min": "Min",
    "reduce_prod": "Prod",
    "reduce_or": "Max",
    "reduce_and": "Min",
}
_RUNNING = {"cummax": "Max", "cummin": "Min", "cumprod": "Mul"}


@converts(*_REDUCTIONS)
def reduce(call: Call, x: Value) -> str:
    """Reduce axes; truth values as the numbers 0 and 1."""
    if call.primitive in ("reduce_or", "reduce_and") and x.dtype != "bool":
        raise NotExpressible(f"jax's {call.primitive!r} of bits has no operator")
    axes = call["axes"]
    wide = call.wide(call.translator.full(x))
    if call.primitive != "reduce_sum" and any(x.shape[axis] == 0 for axis in axes):
        raise NotExpressible("an axis of size 0 is reduced")
    return call.narrow(call.e.reduce(_REDUCTIONS[call.primitive], wide, axes, keepdims=False), x.dtype)


@converts("argmax", "argmin")
def argument(call: Call, x: Value) -> str:
    """Return the place of the largest or smallest element, the first one among equals."""
    operator = "ArgMax" if call.primitive == "argmax" else "ArgMin"
    (axis,) = call["axes"]
    wide = call.wide(call.translator.full(x))
    if call.wide_type() == "int64":  # runtimes have these operators for int32 and floats
        wide = call.e.cast(wide, "float64")
    return call.e.cast(call.e.op(operator, wide, axis=axis, keepdims=0), call.results[0].dtype)


@converts("cumsum")
def cumulative_sum(call: Call, x: Value) -> str:
    """Return the sum of each element and those before it."""
    wide = call.wide(call.translator.full(x))
    axis = np.array(call["axis"], np.int64)
    return call.narrow(call.e.op("CumSum", wide, axis, reverse=int(call["reverse"])), x.dtype)


@converts(*_RUNNING)
def running(call: Call, x: Value) -> str:
    """Combine each element with that 1, 2, 4 … places before it."""
    axis = call["axis"]
    (size,) = known(x.shape[axis : axis + 1], "the length of what is accumulated")
    wide = call.wide(call.translator.full(x))
    reach = 1
    while reach < size:
        wide = _combined(call, wide, x, axis, reach)
        reach *= 2
    return call.narrow(wide, x.dtype)


def _combined(call: Call, name: str, x: Value, axis: int, reach: int) -> str:
    """Combine elements with those so many places before them, or behind them if it goes backwards."""
    size = x.shape[axis]

    def part(start: Size, end: Size) -> str:
        starts: list[Size] = [0] * x.rank
        ends = list(x.shape)
        starts[axis], ends[axis] = start, end
        return window(call, name, x.shape, tuple(starts), tuple(ends))

    both = call.e.op(_RUNNING[call.primitive], part(0, size - reach), part(reach, size))
    rest = [both, part(size - reach, size)] if call["reverse"] else [part(0, reach), both]
    return call.e.concat(rest, axis)


@converts("reduce_window_max", "reduce_window_min", "reduce_window_sum")
def reduce_window(call: Call, x: Value) -> str:
    """Reduce windows, one axis after the other: the elements that taps of the window see are combined."""
    sizes, strides = call["window_dimensions"], call["window_strides"]
    if {*call["base_dilation"], *call["window_dilation"]} - {1}:
        raise NotExpressible("windows with gaps are reduced")
    operator = {"max": "Max", "min": "Min", "sum": "Add"}[call.primitive.rpartition("_")[2]]
    name, shape = call.wide(call.translator.full(x)), list(x.shape)
    low, high = zip(*call["padding"], strict=True) if x.rank else ((), ())
    if any((*low, *high)):
        filler = call.e.constant(np.array(_neutral(operator, call.wide_type()), call.wide_type()))
        name = padded(call, name, [*low, *high], filler, call.wide_type())
        shape = [size + a + b for size, a, b in zip(shape, low, high, strict=True)]
    for axis, (size, stride) in enumerate(zip(sizes, strides, strict=True)):
        if size == 1 and stride == 1:
            continue
        count = call.results[0].shape[axis]
        name = _taps(call, operator, name, tuple(shape), axis, (size, stride, count))
        shape[axis] = count
    return call.narrow(name, x.dtype)


def _neutral(operator: str, dtype: str) -> float:
    """Return the number that changes nothing."""
    if operator == "Add":
        return 0
    info = None if np.dtype(dtype).kind == "f" else np.iinfo(dtype)
    if operator == "Max":
        return -np.inf if info is None else info.min
    return np.inf if info is None else info.max


def _taps(call: Call, operator: str, x: str, shape: Shape, axis: int, geometry: tuple[int, int, Size]) -> str:
    """Combine the elements of each window along an axis.

    Args:
        call: the equation.
        operator: of two elements.
        x: an array of this shape.
        shape: see above.
        axis: along which windows lie.
        geometry: the windows' size, their step, and how many there are.
    """
    size, stride, count = geometry
    parts = []
    for tap in range(size):
        starts: list[Size] = [0] * len(shape)
        ends, steps = list(shape), [1] * len(shape)
        starts[axis], steps[axis] = tap, stride
        ends[axis] = (count - 1) * stride + tap + 1
        parts.append(window(call, x, shape, tuple(starts), tuple(ends), steps))
    result = parts[0]
    for part in parts[1:]:
        result = call.e.op(operator, result, part)
    return result
