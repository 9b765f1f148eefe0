"""Arithmetic on quantised numbers: what they stand for is computed, and quantised as the op's result is.

A quantised value goes with the two ends of its range. Eight bits cover theirs (MIN_FIRST: zero is exact); the 32 bits
of sums have a symmetric one. The results' ranges are those that TensorFlow's own kernels give.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from jaxdnn.errors import LayerError
from jaxdnn.importers.tensorflow.builder import TensorFlowBuilder
from jaxdnn.importers.tensorflow.registry import NodeSource, rules
from jaxdnn.importers.tensorflow.rules.convolution import convolution, depthwise_convolution
from jaxdnn.importers.tensorflow.rules.dense import product
from jaxdnn.importers.tensorflow.rules.pooling import window_pool
from jaxdnn.importers.tensorflow.rules.quantized import dequantized
from jaxdnn.importers.tensorflow.rules.resize import resize_layer
from jaxdnn.layers.activation import Clip, Relu
from jaxdnn.layers.arithmetic import Binary, Unary
from jaxdnn.layers.quantization import Dequantize, ProductRange, Quantize
from jaxdnn.layers.reduction import Reduce
from jaxdnn.layers.shape import Concat, Reshape

Values = tuple[str, ...]

OUTPUTS = ("output", "output_min", "output_max")
"""What ops call the integers and the ends of their range."""


def integer_type(node: NodeSource, name: str, default: str = "") -> str:
    """Return numpy's name of a type that must be an integer one."""
    stated = node.attributes.dtype(name).numpy if node.attributes.has(name) or not default else default
    if stated is None or np.dtype(stated).kind not in "iu":
        raise LayerError(f"attribute {name!r} must be a quantised type, got {stated}")
    return stated


def _mode(dtype: str) -> str:
    return "scaled" if np.dtype(dtype).itemsize == 4 else "min_first"


def _real(b: TensorFlowBuilder, node: NodeSource, value: Values, dtype: str, part: str) -> str:
    """Return the numbers that a quantised value stands for; those of a constant are a constant."""
    return dequantized(b, node, Dequantize(mode=_mode(dtype)), value, part=part)


def quantised(b: TensorFlowBuilder, node: NodeSource, real: str, limits: Values, dtype: str) -> Values:
    """Return the value of this range that stands for numbers."""
    layer = Quantize(dtype=dtype, mode=_mode(dtype), exact=True)
    (q, *_) = b.emit(node, layer, (real, *limits), outputs=3)
    return (q, *limits)


@rules("QuantizedConv2D", "QuantizedDepthwiseConv2D", "QuantizedMatMul", inputs=6, outputs=OUTPUTS)
def multiply_and_add(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Sums of products; the filter's numbers are weights if they are constant."""
    names = ("T1", "T2") if node.op == "QuantizedMatMul" else ("Tinput", "Tfilter")
    dtypes = integer_type(node, names[0]), integer_type(node, names[1])
    a, weight, *limits = inputs
    node.attributes.ignore("padding_list")
    reals = tuple(
        _real(b, node, (value, *limits[2 * i : 2 * i + 2]), dtypes[i], part)
        for i, (value, part) in enumerate(((a, "x"), (weight, "weight")))
    )
    add = {"QuantizedMatMul": product, "QuantizedConv2D": convolution}.get(node.op, depthwise_convolution)
    (y,) = add(b, node, reals, "real")
    ends = b.emit(node, ProductRange(dtypes=dtypes), tuple(limits), outputs=2, part="range")
    return quantised(
        b,
        node,
        y,
        ends,
        integer_type(node, "Toutput" if node.op == "QuantizedMatMul" else "out_type", "int32"),
    )


@rules("QuantizedMul", inputs=6, outputs=OUTPUTS)
def multiply(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Products."""
    dtypes = integer_type(node, "T1"), integer_type(node, "T2")
    (y,) = _both(b, node, inputs, dtypes, "multiply")
    ends = b.emit(node, ProductRange(dtypes=dtypes), inputs[2:], outputs=2, part="range")
    return quantised(b, node, y, ends, integer_type(node, "Toutput", "int32"))


@rules("QuantizedAdd", "QuantizedBiasAdd", inputs=6, outputs=OUTPUTS)
def add(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Sums; their range is 2**14 times the larger one of the two, so that further sums fit too."""
    bias = node.op == "QuantizedBiasAdd"
    (y,) = _both(b, node, inputs, (integer_type(node, "T1"), integer_type(node, "T2")), "add")
    largest = [
        b.emit(node, Unary(function="abs"), (end,), part=f"end{i}")[0] for i, end in enumerate(inputs[2:])
    ]
    while len(largest) > 1:
        part = f"larger{len(largest)}"
        largest = [*largest[2:], *b.emit(node, Binary(function="maximum"), tuple(largest[:2]), part=part)]
    wide = b.const(node, np.array(1 << 14, np.float32), part="headroom")
    high = b.emit(node, Binary(function="multiply"), (*largest, wide), part="high")
    low = b.emit(node, Unary(function="negate"), high, part="low")
    return quantised(
        b, node, y, (*low, *high), integer_type(node, "out_type" if bias else "Toutput", "int32")
    )


def _both(
    b: TensorFlowBuilder, node: NodeSource, inputs: Values, dtypes: tuple[str, str], function: str
) -> Values:
    x, y, *limits = inputs
    reals = (
        _real(b, node, (x, *limits[:2]), dtypes[0], "x"),
        _real(b, node, (y, *limits[2:]), dtypes[1], "y"),
    )
    return b.emit(node, Binary(function=function), reals, part="real")


@rules("QuantizedRelu", "QuantizedRelu6", inputs=3, outputs=OUTPUTS)
def relu(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """The range stays."""
    layer = Relu() if node.op == "QuantizedRelu" else Clip(floor=0.0, ceiling=6.0)
    return _same_range(b, node, inputs, "Tinput", lambda x: b.emit(node, layer, (x,), part="real"))


@rules("QuantizedReluX", inputs=4, outputs=OUTPUTS)
def relu_x(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """The ceiling is an input."""
    x, ceiling, *limits = inputs

    def cut(real: str) -> Values:
        positive = b.emit(node, Relu(), (real,), part="positive")
        return b.emit(node, Binary(function="minimum"), (*positive, ceiling), part="real")

    return _same_range(b, node, (x, *limits), "Tinput", cut)


@rules("QuantizedMaxPool", "QuantizedAvgPool", inputs=3, outputs=OUTPUTS)
def pool(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """The range stays."""
    layer = window_pool(node, "max" if node.op == "QuantizedMaxPool" else "average")
    return _same_range(b, node, inputs, "T", lambda x: b.emit(node, layer, (x,), part="real"))


@rules("QuantizedResizeBilinear", inputs=4, outputs=OUTPUTS)
def resize(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """The range stays."""
    x, size, *limits = inputs
    layer = resize_layer(node, "linear")
    return _same_range(
        b, node, (x, *limits), "T", lambda real: b.late(node, layer, (real,), part="real", size=size)
    )


def _same_range(
    b: TensorFlowBuilder, node: NodeSource, inputs: Values, name: str, compute: Callable[[str], Values]
) -> Values:
    """Compute with the numbers that the first input stands for; the result has its range."""
    dtype = integer_type(node, name)
    node.attributes.ignore("out_type")
    (y,) = compute(_real(b, node, inputs, dtype, "x"))
    return quantised(b, node, y, inputs[1:], dtype)


@rules("QuantizedReshape", inputs=4, outputs=OUTPUTS)
def reshape(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Integers stay what they are."""
    node.attributes.ignore("T", "Tshape")
    x, shape, *limits = inputs
    return (*b.late(node, Reshape(shape=()), (x,), shape=shape), *limits)


@rules("QuantizedConcat", "QuantizedConcatV2", inputs=(7, None), outputs=OUTPUTS)
def concat(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """The range holds all ranges and zero; one of integers with a sign is symmetric. The axis comes first or, in the
    second version, behind the values."""
    dtype, count = integer_type(node, "T"), (len(inputs) - 1) // 3
    place = count if node.op == "QuantizedConcatV2" else 0
    axis, rest = inputs[place], inputs[:place] + inputs[place + 1 :]
    values, lows, highs = rest[:count], rest[count:-count], rest[-count:]
    reals = tuple(
        _real(b, node, (value, low, high), dtype, f"x{i}")
        for i, (value, low, high) in enumerate(zip(values, lows, highs, strict=True))
    )
    y = b.late(node, Concat(axis=0), reals, part="real", axis=axis)
    low, high = b.const(node, np.array(0, np.float32), part="zero"), highs[0]
    for i, end in enumerate(lows):
        (low,) = b.emit(node, Binary(function="minimum"), (low, end), part=f"low{i}")
    for i, end in enumerate(highs[1:]):
        (high,) = b.emit(node, Binary(function="maximum"), (high, end), part=f"high{i}")
    if np.dtype(dtype).kind == "i":
        (distance,) = b.emit(node, Unary(function="negate"), (low,), part="distance")
        (high,) = b.emit(node, Binary(function="maximum"), (distance, high), part="largest")
        (low,) = b.emit(node, Unary(function="negate"), (high,), part="smallest")
    return quantised(b, node, y[0], (low, high), dtype)


@rules("Requantize", inputs=5, outputs=OUTPUTS)
def requantize(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Give the same numbers another range."""
    real = _real(b, node, inputs[:3], integer_type(node, "Tinput", "int32"), "x")
    return quantised(b, node, real, inputs[3:], integer_type(node, "out_type", "uint8"))


@rules("RequantizationRange", inputs=3, outputs=OUTPUTS[1:])
def used_range(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """The smallest and the largest number there is."""
    return _used(b, node, _real(b, node, inputs, integer_type(node, "Tinput", "int32"), "x"))


@rules("QuantizeDownAndShrinkRange", inputs=3, outputs=OUTPUTS)
def shrink(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Give the same numbers the range that they use."""
    real = _real(b, node, inputs, integer_type(node, "Tinput", "int32"), "x")
    return quantised(b, node, real, _used(b, node, real), integer_type(node, "out_type", "uint8"))


def _used(b: TensorFlowBuilder, node: NodeSource, real: str) -> Values:
    """Return the range that numbers use; zero is never above it."""
    (low,) = b.emit(node, Reduce(operation="min"), (real,), part="least")
    (high,) = b.emit(node, Reduce(operation="max"), (real,), part="high")
    zero = b.const(node, np.array(0, np.float32), part="zero")
    return (*b.emit(node, Binary(function="minimum"), (low, zero), part="low"), high)
