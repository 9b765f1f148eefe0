"""Quantised numbers. Constants are read as floating numbers while importing, so that weights are weights."""

from __future__ import annotations

import numpy as np

from jaxdnn.errors import LayerError
from jaxdnn.importers.tensorflow.builder import TensorFlowBuilder
from jaxdnn.importers.tensorflow.registry import NodeSource, rules
from jaxdnn.layers.quantization import Bitcast, Dequantize, FakeQuantize, Quantize, QuantizeDequantize

Values = tuple[str, ...]

_MODES = ("MIN_COMBINED", "MIN_FIRST", "SCALED")
_ROUNDINGS = {"HALF_TO_EVEN": "half_even", "HALF_AWAY_FROM_ZERO": "half_away", "HALF_UP": "half_up"}


def _axis(node: NodeSource) -> int | None:
    axis = node.attributes.integer("axis", -1)
    return None if axis == -1 else axis


@rules("Dequantize", inputs=3)
def dequantize(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Mode and axis are attributes."""
    return (dequantized(b, node, layer_of(node), inputs),)


def layer_of(node: NodeSource) -> Dequantize:
    """Return what a Dequantize node says."""
    return Dequantize(
        mode=node.attributes.one_of("mode", _MODES, "MIN_COMBINED").lower(),
        axis=_axis(node),
        narrow_range=node.attributes.boolean("narrow_range", False),
    )


def dequantized(
    b: TensorFlowBuilder, node: NodeSource, layer: Dequantize, inputs: Values, part: str = ""
) -> str:
    """Add what a quantised value stands for; a constant stays one."""
    arrays = [b.constant(value) for value in inputs]
    if layer.axis is None and all(array is not None for array in arrays):
        q, *limits = (np.asarray(array) for array in arrays)
        if any(limit.size != 1 for limit in limits) or q.dtype.kind not in "iu":
            raise LayerError("takes integers and one smallest and one largest value")
        low, high = (limit.reshape(()).astype(np.float32) for limit in limits)
        factor, summand = layer.affine(q.dtype, low, high)
        array = q.astype(np.float32)
        array *= factor
        array += summand
        return b.const(node, array, part=part)
    return b.emit(node, layer, inputs, part=part)[0]


@rules("QuantizeV2", inputs=3, outputs=("output", "output_min", "output_max"))
def quantize(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """The type is an attribute."""
    rounding = node.attributes.one_of("round_mode", tuple(_ROUNDINGS), "HALF_AWAY_FROM_ZERO")
    layer = Quantize(
        dtype=node.attributes.dtype("T").numpy or "",
        mode=node.attributes.one_of("mode", _MODES, "MIN_COMBINED").lower(),
        axis=_axis(node),
        narrow_range=node.attributes.boolean("narrow_range", False),
        rounding=_ROUNDINGS[rounding],
        minimum_range=node.attributes.number("ensure_minimum_range", 0.01),
    )
    return b.emit(node, layer, inputs, outputs=3)


def _both(node: NodeSource, bits: int) -> QuantizeDequantize:
    """Read what the versions have in common."""
    return QuantizeDequantize(
        bits=bits,
        signed=node.attributes.boolean("signed_input", True),
        given=node.attributes.boolean("range_given", False),
        narrow_range=node.attributes.boolean("narrow_range", False),
        rounding=_ROUNDINGS[node.attributes.one_of("round_mode", tuple(_ROUNDINGS), "HALF_TO_EVEN")],
        axis=_axis(node),
    )


@rules("QuantizeAndDequantizeV2", "QuantizeAndDequantizeV4", inputs=3)
def quantize_and_dequantize(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """A range that is not given is the data's own."""
    layer = _both(node, node.attributes.integer("num_bits", 8))
    return b.emit(node, layer, inputs if layer.given else inputs[:1])


@rules("QuantizeAndDequantizeV3", inputs=4)
def quantize_and_dequantize_v3(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Here the number of bits is an input, and the range is given by default."""
    layer = QuantizeDequantize(
        signed=node.attributes.boolean("signed_input", True),
        given=node.attributes.boolean("range_given", True),
        narrow_range=node.attributes.boolean("narrow_range", False),
        axis=_axis(node),
    )
    return b.late(node, layer, inputs[:3] if layer.given else inputs[:1], bits=inputs[3])


def _fake(node: NodeSource) -> FakeQuantize:
    return FakeQuantize(
        bits=node.attributes.integer("num_bits", 8),
        narrow_range=node.attributes.boolean("narrow_range", False),
    )


@rules("FakeQuantWithMinMaxVars", "FakeQuantWithMinMaxVarsPerChannel", inputs=3)
def fake_quantize(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """The range is an input."""
    return b.emit(node, _fake(node), inputs)


@rules("FakeQuantWithMinMaxArgs")
def fake_quantize_args(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """The range is two attributes."""
    limits = (node.attributes.number("min", -6.0), node.attributes.number("max", 6.0))
    values = [
        b.const(node, np.array(limit, np.float32), part=part)
        for part, limit in zip(("min", "max"), limits, strict=True)
    ]
    return b.emit(node, _fake(node), (*inputs, *values))


@rules("Bitcast")
def bitcast(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """A constant stays one; quantised types are plain integers here."""
    dtype = node.attributes.dtype("type").numpy
    if dtype is None or dtype == "bfloat16":
        raise LayerError("nothing can be given this type")
    array = b.constant(inputs[0])
    if array is not None and array.dtype.itemsize == np.dtype(dtype).itemsize:
        return (b.const(node, np.ascontiguousarray(array).view(dtype).reshape(array.shape), like=inputs[0]),)
    return b.emit(node, Bitcast(dtype=dtype), inputs)
