"""Conversions between types."""

from __future__ import annotations

import numpy as np

from jaxdnn.errors import LayerError
from jaxdnn.importers.onnx.builder import OnnxBuilder
from jaxdnn.importers.onnx.dtypes import NARROW_FLOATS, dtype_attribute, dtype_named, dtype_of
from jaxdnn.importers.onnx.registry import NodeSource, Values, rules
from jaxdnn.layers.arithmetic import Cast, CastLike
from jaxdnn.layers.elementwise import Identity
from jaxdnn.layers.quantization import Bitcast

_POWERS = ("up", "down", "nearest")


@rules("Cast")
def cast(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """Before version 6 the type is stated by its name."""
    return _cast(
        b, node, inputs, dtype_named(node, "to") if node.version < 6 else dtype_attribute(node, "to")
    )


def _cast(b: OnnxBuilder, node: NodeSource, inputs: Values, dtype: str) -> Values:
    """Convert; a constant that becomes floating stays one, so that weights in few bits are weights."""
    layer = Cast(
        dtype=dtype,
        saturate=node.attributes.flag("saturate", True),
        powers=node.attributes.one_of("round_mode", _POWERS, "up"),
    )
    array = b.constant(inputs[0])
    if array is not None and array.dtype != object and dtype in ("float16", "float32", "float64"):
        with np.errstate(over="ignore"):
            return (b.const(node, array.astype(dtype), like=inputs[0]),)
    if dtype_of(b, inputs[0]) == "object":
        raise LayerError("casts strings, which cannot be computed with")
    return b.emit(node, layer, inputs)


@rules("CastLike", inputs=2)
def cast_like(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """Only the file tells which type of few bits the second input has."""
    x, other = inputs
    dtype = dtype_of(b, other)
    if dtype in NARROW_FLOATS:
        return _cast(b, node, (x,), dtype)
    if dtype == "object":
        raise LayerError("casts to strings, which cannot be computed with")
    node.attributes.ignore("saturate", "round_mode")
    return b.emit(node, CastLike(), (x, other))


@rules("BitCast")
def bitcast(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """The same bits as a type of the same width; floating numbers of few bits are put into theirs first."""
    dtype, source = dtype_attribute(node, "to"), dtype_of(b, inputs[0])
    if dtype == source:
        return b.emit(node, Identity(), inputs)
    return b.emit(node, Bitcast(dtype=dtype, source=source), inputs)
