"""What oneDNN's quantised graphs join: products with bias, sum and activation, and ranges of channels.

Here integers with a sign are symmetric, zero is zero, and the smallest one is never used; the channels of a filter may
have ranges of their own. Where the name of an op ends with Requantize its result has a range that is given.
"""

from __future__ import annotations

import numpy as np

from jaxdnn.errors import LayerError
from jaxdnn.importers.tensorflow.builder import TensorFlowBuilder
from jaxdnn.importers.tensorflow.registry import NodeSource, rules
from jaxdnn.importers.tensorflow.rules.convolution import convolution, depthwise_convolution
from jaxdnn.importers.tensorflow.rules.dense import add_bias, product
from jaxdnn.importers.tensorflow.rules.normalization import batch_norm
from jaxdnn.importers.tensorflow.rules.quantized import dequantized
from jaxdnn.importers.tensorflow.rules.quantized_arithmetic import OUTPUTS, integer_type, quantised
from jaxdnn.layers.activation import Relu
from jaxdnn.layers.arithmetic import Binary, Select, Unary
from jaxdnn.layers.quantization import Dequantize, ProductRange, Quantize
from jaxdnn.layers.reduction import Reduce

Values = tuple[str, ...]

_JOINED = (
    *("QuantizedConv2DPerChannel", "QuantizedConv2DAndRelu", "QuantizedConv2DAndRequantize"),
    *("QuantizedConv2DAndReluAndRequantize", "QuantizedConv2DWithBias", "QuantizedConv2DWithBiasAndRelu"),
    *("QuantizedConv2DWithBiasAndRequantize", "QuantizedConv2DWithBiasAndReluAndRequantize"),
    *(
        "QuantizedConv2DWithBiasSumAndReluAndRequantize",
        "QuantizedConv2DWithBiasSignedSumAndReluAndRequantize",
    ),
    *("QuantizedDepthwiseConv2DWithBias", "QuantizedDepthwiseConv2DWithBiasAndRelu"),
    *("QuantizedDepthwiseConv2DWithBiasAndReluAndRequantize", "QuantizedMatMulWithBias"),
    *("QuantizedMatMulWithBiasAndRelu", "QuantizedMatMulWithBiasAndReluAndRequantize"),
    *("QuantizedMatMulWithBiasAndRequantize",),
)


@rules(*_JOINED, inputs=(6, 12), outputs=OUTPUTS)
def joined(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """The op's name tells what is joined, and so which inputs there are."""
    op = node.op
    biased, requantized = "WithBias" in op, op.endswith("Requantize")
    summed = "SumAnd" in op
    wanted = 6 + biased + 2 * requantized + 3 * summed
    if len(inputs) != wanted:
        raise LayerError(f"takes {wanted} inputs, {len(inputs)} given")
    bias, ranges = inputs[2 : 2 + biased], inputs[2 + biased : 6 + biased]
    node.attributes.ignore("padding_list", "is_filter_const", "is_weight_const", "is_bias_const")
    dtypes, y = _product(b, node, inputs[:2], ranges)
    ends = b.emit(node, ProductRange(dtypes=dtypes, narrow_range=True), ranges, outputs=2, part="range")
    if biased:
        y = _add_bias(b, node, y, bias[0], ends)
    if summed:
        dtype = integer_type(node, "Tsummand", "uint8")
        other = _symmetric_real(b, node, inputs[-3:], dtype, None, "summand")
        y = b.emit(node, Binary(function="add"), (*y, other), part="sum")
    if "AndRelu" in op:
        y = b.emit(node, Relu(), y, part="relu")
    if requantized:
        limits = inputs[-5:-3] if summed else inputs[-2:]
        name = "Toutput" if "MatMul" in op else "out_type"
        return _symmetric(
            b, node, y, limits, integer_type(node, name, "uint8" if "AndRelu" in op else "int8")
        )
    layer = Quantize(dtype="int32", mode="scaled", axis=-1, exact=True)
    return (b.emit(node, layer, (*y, *ends), outputs=3)[0], *ends)


def _product(
    b: TensorFlowBuilder, node: NodeSource, factors: Values, ranges: Values
) -> tuple[tuple[str, str], Values]:
    """Return the factors' types and the convolution or matrix product of what they stand for."""
    matrix, depthwise = "MatMul" in node.op, "Depthwise" in node.op
    names = ("T1", "T2") if matrix else ("Tinput", "Tfilter")
    dtypes = integer_type(node, names[0], "uint8"), integer_type(node, names[1], "int8")
    first = (factors[0], *ranges[:2])
    mode = node.attributes.one_of("input_quant_mode", ("MIN_FIRST", "SCALED"), "MIN_FIRST") if matrix else ""
    if mode == "MIN_FIRST":
        x = dequantized(b, node, Dequantize(mode="min_first"), first, part="x")
    else:
        x = _symmetric_real(b, node, first, dtypes[0], None, "x")
    ends = [b.constant(end) for end in ranges[2:]]
    # Weights stay weights where there is one range.
    axis = None if all(end is not None and end.size == 1 for end in ends) else -2 if depthwise else -1
    weight = _symmetric_real(b, node, (factors[1], *ranges[2:]), dtypes[1], axis, "weight")
    add = product if matrix else depthwise_convolution if depthwise else convolution
    return dtypes, add(b, node, (x, weight), "real")


def _symmetric_real(
    b: TensorFlowBuilder, node: NodeSource, value: Values, dtype: str, axis: int | None, part: str
) -> str:
    narrow = np.dtype(dtype).kind == "i"
    return dequantized(b, node, Dequantize(mode="scaled", axis=axis, narrow_range=narrow), value, part=part)


def _add_bias(b: TensorFlowBuilder, node: NodeSource, y: Values, bias: str, ends: Values) -> Values:
    """Add a bias of floating numbers, or of integers in the steps of the sums."""
    if node.attributes.has("Tbias") and node.attributes.dtype("Tbias").numpy == "int32":
        (bias,) = b.emit(node, Dequantize(mode="scaled", axis=-1), (bias, *ends), part="bias_real")
    return add_bias(b, node, (*y, bias), -1, "biased")


@rules("RequantizePerChannel", inputs=5, outputs=OUTPUTS)
def requantize_channels(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Each channel has a range; they get one in common."""
    real = b.emit(node, Dequantize(mode="scaled", axis=-1), inputs[:3], part="x")
    return _symmetric(b, node, real, inputs[3:], integer_type(node, "out_type", "uint8"))


def _symmetric(b: TensorFlowBuilder, node: NodeSource, real: Values, limits: Values, dtype: str) -> Values:
    """Return the value of this range that stands for numbers, halves rounded to even."""
    narrow = np.dtype(dtype).kind == "i"
    layer = Quantize(dtype=dtype, mode="scaled", narrow_range=narrow, rounding="half_even", exact=True)
    (q, *_) = b.emit(node, layer, (*real, *limits), outputs=3)
    return (q, *limits)


@rules("RequantizationRangePerChannel", inputs=3, outputs=OUTPUTS[1:])
def used_channel_range(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """The largest magnitude there is, up to a limit, and its negative or zero if nothing is negative."""
    largest = b.const(node, np.array(node.attributes.number("clip_value_max"), np.float32), part="largest")
    zero = b.const(node, np.array(0, np.float32), part="zero")
    real = b.emit(node, Dequantize(mode="scaled", axis=-1), inputs, part="x")
    (least,) = b.emit(node, Reduce(operation="min"), real, part="least")
    (distance,) = b.emit(node, Unary(function="abs"), real, part="distance")
    (furthest,) = b.emit(node, Reduce(operation="max"), (distance,), part="furthest")
    (high,) = b.emit(node, Binary(function="minimum"), (furthest, largest), part="high")
    opposite = b.emit(node, Unary(function="negate"), (high,), part="opposite")
    negative = b.emit(node, Binary(function="less"), (least, zero), part="negative")
    return (*b.emit(node, Select(), (*negative, *opposite, zero), part="low"), high)


@rules("QuantizedInstanceNorm", inputs=3, outputs=("y", "y_min", "y_max"))
def instance_norm(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Each channel of each image; the range is given, or what the numbers use, and not too narrow."""
    x = dequantized(b, node, Dequantize(mode="min_first"), inputs, part="x")
    spatial_mean = Reduce(operation="mean", axes=(1, 2), keepdims=True)
    epsilon, separation = (
        b.const(node, np.array(node.attributes.number(name, default), np.float32), part=name)
        for name, default in (("variance_epsilon", 1e-5), ("min_separation", 1e-3))
    )
    (mean,) = b.emit(node, spatial_mean, (x,), part="mean")
    distance = b.emit(node, Binary(function="subtract"), (x, mean), part="distance")
    squares = b.emit(node, Unary(function="square"), distance, part="squares")
    variance = b.emit(node, spatial_mean, squares, part="variance")
    positive = b.emit(node, Binary(function="add"), (*variance, epsilon), part="positive")
    factor = b.emit(node, Unary(function="rsqrt"), positive, part="factor")
    y = b.emit(node, Binary(function="multiply"), (*distance, *factor), part="real")
    if node.attributes.boolean("output_range_given", False):
        low, high = (
            b.const(node, np.array(node.attributes.number(f"given_y_{end}", 0.0), np.float32), part=end)
            for end in ("min", "max")
        )
    else:
        node.attributes.ignore("given_y_min", "given_y_max")
        low, high = (b.emit(node, Reduce(operation=end), y, part=end)[0] for end in ("min", "max"))
    least = b.emit(node, Binary(function="add"), (low, separation), part="least")
    (high,) = b.emit(node, Binary(function="maximum"), (high, *least), part="high")
    return quantised(b, node, y[0], (low, high), "uint8")


@rules("QuantizedBatchNormWithGlobalNormalization", inputs=15, outputs=("result", "result_min", "result_max"))
def quantized_batch_norm(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """The range is fixed: a million to either side. TensorFlow computes in its steps, we do in floating numbers."""
    parts = ("x", "mean", "variance", "bias", "scale")
    reals = {
        part: dequantized(b, node, Dequantize(mode="min_first"), inputs[3 * i : 3 * i + 3], part=part)
        for i, part in enumerate(parts)
    }
    if not node.attributes.boolean("scale_after_normalization"):
        del reals["scale"]
    (y,) = batch_norm(b, node, reals.pop("x"), reals, node.attributes.number("variance_epsilon"), -1, "real")
    ends = (
        b.const(node, np.array(end, np.float32), part=f"end{i}") for i, end in enumerate((-(2**20), 2**20))
    )
    return quantised(b, node, y, tuple(ends), "int32")
