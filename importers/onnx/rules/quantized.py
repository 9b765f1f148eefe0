"""Integers with scale and zero point: to and from floating numbers, and products of them.

A constant that is read back is a constant of floating numbers, so that the weights of a graph of quantise-dequantise
pairs are weights. Convolutions and products of integers add up exactly, in int32.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from jaxdnn.errors import LayerError
from jaxdnn.importers.onnx.builder import OnnxBuilder
from jaxdnn.importers.onnx.dtypes import dtype_attribute, dtype_of
from jaxdnn.importers.onnx.registry import NodeSource, Values, rules
from jaxdnn.importers.onnx.rules.windows import convolution
from jaxdnn.importers.onnx.standard import MICROSOFT
from jaxdnn.layers.arithmetic import Binary, CastLike
from jaxdnn.layers.convolution import Conv
from jaxdnn.layers.integer_products import IntegerConv, IntegerMatMul
from jaxdnn.layers.linear_quantization import DynamicQuantize, LinearDequantize, LinearQuantize
from jaxdnn.layers.normalization import Bias


@rules("QuantizeLinear", inputs=(2, 3))
@rules("QuantizeLinear", inputs=(2, 3), domain=MICROSOFT)
def quantize(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """The zero point's type is the result's, unless that is stated."""
    zero = inputs[2]
    node.attributes.ignore("precision")
    layer = LinearQuantize(
        dtype=dtype_attribute(node, "output_dtype", dtype_of(b, zero) if zero else "uint8"),
        axis=node.attributes.integer("axis", 1),
        block=node.attributes.integer("block_size", 0),
        saturate=node.attributes.flag("saturate", True),
    )
    return b.emit(node, layer, tuple(filter(None, inputs)))


@rules("DequantizeLinear", inputs=(2, 3))
@rules("DequantizeLinear", inputs=(2, 3), domain=MICROSOFT)
def dequantize(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """Scales may belong to the whole, to an axis, or to blocks along it."""
    node.attributes.ignore("output_dtype")
    layer = LinearDequantize(
        axis=node.attributes.integer("axis", 1), block=node.attributes.integer("block_size", 0)
    )
    return (dequantized(b, node, layer, inputs),)


def dequantized(
    b: OnnxBuilder, node: NodeSource, layer: LinearDequantize, inputs: Values, part: str = ""
) -> str:
    """Add what a quantised value stands for; a constant stays one.

    Args:
        b, node, part: see :meth:`OnnxBuilder.emit`.
        layer: what is to be done.
        inputs: value, scale, and zero point or ``""``.
    """
    present = tuple(filter(None, inputs))
    arrays = [b.constant(value) for value in present]
    known = [array for array in arrays if array is not None]
    if len(known) == len(arrays):
        return b.const(node, layer.values(*known), part=part, like=inputs[0])
    return b.emit(node, layer, present, part=part)[0]


def quantised(b: OnnxBuilder, node: NodeSource, real: str, scale: str, zero: str, part: str = "") -> Values:
    """Add the integers that stand for numbers."""
    layer = LinearQuantize(dtype=dtype_of(b, zero) if zero else "uint8")
    return b.emit(node, layer, tuple(filter(None, (real, scale, zero))), part=part)


@rules("DynamicQuantizeLinear")
def dynamic_quantize(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """The range is the data's own."""
    return b.emit(node, DynamicQuantize(), inputs, outputs=3)


def zero_point(b: OnnxBuilder, node: NodeSource, zero: str, integers: str, part: str) -> str:
    """Return the zero point of integers, 0 in their type where none is given."""
    if zero:
        return zero
    nothing = b.const(node, np.array(0, np.int8), part=f"{part}_0")
    return b.emit(node, CastLike(), (nothing, integers), part=part)[0]


def rescaled(
    b: OnnxBuilder, node: NodeSource, factors: Values, divisor: str = "", part: str = "scale"
) -> str:
    """Return the product of two scales, divided by a third one if there is one."""
    first, second = (b.constant(value) for value in factors)
    third = b.constant(divisor) if divisor else np.float32(1)
    if first is not None and second is not None and third is not None:
        return b.const(node, np.asarray(first * second / third.astype(first.dtype)), part=part)
    (scale,) = b.emit(node, Binary(function="multiply"), factors, part=part)
    if divisor:
        (scale,) = b.emit(node, Binary(function="divide"), (scale, divisor), part=f"{part}_ratio")
    return scale


def _stored(b: OnnxBuilder, node: NodeSource, weight: str, zero: str) -> tuple[str | None, str]:
    """Return the reference of a constant weight as int8, or None, and its zero point: ``""`` where it is 0."""
    array, shift = b.constant(weight), b.constant(zero) if zero else np.array(0, np.int8)
    if array is None or shift is None or str(array.dtype) not in ("int8", "uint8"):
        return None, zero_point(b, node, zero, weight, "w_zero")
    if zero and shift.dtype != array.dtype:
        raise LayerError(f"the zero point of {array.dtype} numbers is {shift.dtype}")
    if array.dtype == np.uint8:
        array, shift = ((a.astype(np.int16) - 128).astype(np.int8) for a in (array, shift.astype(np.uint8)))
    reference = b.param(b.owner(weight, "weight"), "weight", array)
    return reference, b.const(node, shift, part="w_zero") if shift.any() else ""


def integer_conv(b: OnnxBuilder, node: NodeSource, inputs: Values, part: str = "") -> Values:
    """Add the sums of a convolution.

    Args:
        b, node, part: see :meth:`OnnxBuilder.emit`.
        inputs: x and its zero point, the weight and its zero point; zero points may be ``""``.
    """
    x, x_zero, weight, zero = inputs
    layer = Conv(
        **convolution(node),
        channels_last=node.attributes.flag("channels_last", False),
    )
    kernel = node.attributes.integers("kernel_shape", ())
    reference, zero = _stored(b, node, weight, zero)
    rest = (zero_point(b, node, x_zero, x, "x_zero"), *filter(None, (zero,)))
    if reference is None:
        return b.emit(node, IntegerConv(layer=layer, weight_zero=True), (x, *rest, weight), part=part)
    shape = b.stored_shape(reference)
    if len(shape) < 3 or (kernel and kernel != shape[2:]):
        raise LayerError(f"the filter has the shape {shape}, and kernel_shape is {kernel}")
    layer = replace(layer, filters=shape[0], kernel=shape[2:])
    whole = IntegerConv(layer=layer, weight_zero=bool(zero))
    return b.emit(node, whole, (x, *rest), {"weight": reference}, part=part)


@rules("ConvInteger", inputs=(2, 4))
def conv_integer(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """The sums as they are."""
    x, weight, x_zero, weight_zero = inputs
    return integer_conv(b, node, (x, x_zero, weight, weight_zero))


@rules("QLinearConv", inputs=(8, 9))
@rules("QLinearConv", inputs=(8, 9), domain=MICROSOFT)
def quantised_conv(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """The bias has the steps of the sums."""
    x, x_scale, x_zero, weight, weight_scale, weight_zero, y_scale, y_zero, bias = inputs
    axis = -1 if node.attributes.flag("channels_last", False) else 1
    sums = integer_conv(b, node, (x, x_zero, weight, weight_zero), part="sums")
    if bias:
        sums = b.emit(node, Bias(axis=axis), (*sums, bias), part="biased")
    return _requantised(b, node, sums, (x_scale, weight_scale, y_scale), y_zero, axis)


def _requantised(
    b: OnnxBuilder, node: NodeSource, sums: Values, scales: Values, zero: str, axis: int
) -> Values:
    """Bring sums from the product of the first two scales to the third one, by one factor."""
    ratio = rescaled(b, node, scales[:2], scales[2])
    (steps_,) = b.emit(node, LinearDequantize(axis=axis), (*sums, ratio), part="steps")
    return quantised(b, node, steps_, b.const(node, np.array(1, np.float32), part="one"), zero)


def integer_matmul(b: OnnxBuilder, node: NodeSource, inputs: Values, part: str = "") -> Values:
    """Add the sums of a matrix product, see :func:`integer_conv`."""
    x, x_zero, weight, zero = inputs
    array = b.constant(weight)
    x_zero = zero_point(b, node, x_zero, x, "x_zero")
    reference = None
    if array is not None and array.ndim == 2:
        reference, zero = _stored(b, node, weight, zero)
    if reference is None:
        zero = zero_point(b, node, zero, weight, "zero")
        return b.emit(node, IntegerMatMul(), (x, x_zero, zero, weight), part=part)
    zero = zero or b.const(node, np.array(0, np.int8), part="zero")
    layer = IntegerMatMul(weight=b.stored_shape(reference))
    return b.emit(node, layer, (x, x_zero, zero), {"weight": reference}, part=part)


@rules("MatMulInteger", inputs=(2, 4))
def matmul_integer(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """The sums as they are."""
    x, weight, x_zero, weight_zero = inputs
    return integer_matmul(b, node, (x, x_zero, weight, weight_zero))


@rules("QLinearMatMul", inputs=8)
def quantised_matmul(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """Rows of the first factor and columns of the second one may have scales of their own."""
    x, x_scale, x_zero, weight, weight_scale, weight_zero, y_scale, y_zero = inputs
    sums = integer_matmul(b, node, (x, x_zero, weight, weight_zero), part="sums")
    array = b.constant(x_scale)
    if array is not None and array.ndim == 1 and array.size > 1:
        x_scale = b.const(node, array[:, None], part="x_scale")
    return _requantised(b, node, sums, (x_scale, weight_scale, y_scale), y_zero, -1)
