"""Primitives that order elements. TopK keeps the order of equal elements, as jax's stable sort does."""

from __future__ import annotations

import numpy as np

from jaxdnn.onnx.fallback.registry import converts
from jaxdnn.onnx.fallback.translator import Call
from jaxdnn.onnx.fallback.values import Value


@converts("sort")
def sort(call: Call, *values: Value) -> tuple[str, ...]:
    """Sort arrays by the first ones of them: by the last key first, so that earlier keys decide."""
    axis = call["dimension"]
    count = call.translator.sizes(values[0].shape[axis : axis + 1])
    names = [call.translator.full(value) for value in values]
    for key in reversed(range(call["num_keys"])):
        wide = call.wide(names[key], values[key].dtype)
        _, order = call.e.ops("TopK", 2, wide, count, axis=axis, largest=0, sorted=1)
        names = [call.e.op("GatherElements", name, order, axis=axis) for name in names]
    return tuple(names)


@converts("top_k")
def top_k(call: Call, x: Value) -> tuple[str, str]:
    """Return the largest elements and their places, the earlier one of equals first."""
    axis = call["axis"] if "axis" in call.equations[0].params else -1
    wide = call.wide(call.translator.full(x))
    count = call.translator.sizes((call["k"],))
    found, places = call.e.ops("TopK", 2, wide, count, axis=axis, largest=1, sorted=1)
    return call.narrow(found, x.dtype), call.e.cast(places, call.results[1].dtype)


@converts("approx_top_k")
def approximate_top_k(call: Call, x: Value) -> tuple[str, str]:
    """Return exactly the largest or smallest elements, which an approximation may do."""
    wide = call.wide(call.translator.full(x))
    largest = int(call["is_max_k"])
    count = np.array([call["k"]], np.int64)
    found, places = call.e.ops(
        "TopK", 2, wide, count, axis=call["reduction_dimension"], largest=largest, sorted=1
    )
    return call.narrow(found, x.dtype), call.e.cast(places, call.results[1].dtype)
