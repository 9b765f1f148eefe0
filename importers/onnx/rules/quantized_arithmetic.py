"""com.microsoft: arithmetic on quantised numbers: what they stand for is computed, and quantised anew."""

from __future__ import annotations

from jaxdnn.errors import LayerError
from jaxdnn.importers.onnx.builder import OnnxBuilder
from jaxdnn.importers.onnx.registry import NodeSource, Values, rules
from jaxdnn.importers.onnx.rules.quantized import dequantized, quantised
from jaxdnn.importers.onnx.standard import MICROSOFT, standard
from jaxdnn.layers.activation import Relu, Sigmoid, Softmax
from jaxdnn.layers.arithmetic import Binary, Select
from jaxdnn.layers.linear_quantization import LinearDequantize
from jaxdnn.layers.pooling import Pool
from jaxdnn.layers.shape import Concat, Permute

_TENSOR = LinearDequantize()
_BINARY = {"QLinearAdd": "add", "QLinearMul": "multiply"}


def real(b: OnnxBuilder, node: NodeSource, value: Values, part: str) -> str:
    """Return what a quantised value stands for: its integers, scale, and zero point or ``""``."""
    return dequantized(b, node, _TENSOR, value, part=part)


@rules(*_BINARY, inputs=(7, 8), domain=MICROSOFT)
def binary(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """Two arrays."""
    operands = (real(b, node, inputs[:3], "a"), real(b, node, inputs[3:6], "b"))
    (y,) = b.emit(node, Binary(function=_BINARY[node.op]), operands, part="real")
    return quantised(b, node, y, *inputs[6:])


@rules("QLinearSigmoid", "QLinearLeakyRelu", "QLinearSoftmax", inputs=(4, 5), domain=MICROSOFT)
def activation(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """One array."""
    attributes = node.attributes
    if node.op == "QLinearSoftmax":
        old = attributes.integer("opset") < 13
        layer: Sigmoid | Relu | Softmax = Softmax(axis=attributes.integer("axis", -1), later_axes=old)
    elif node.op == "QLinearLeakyRelu":
        layer = Relu(negative_slope=attributes.number("alpha", 0.01))
    else:
        layer = Sigmoid()
    (y,) = b.emit(node, layer, (real(b, node, inputs[:3], "x"),), part="real")
    return quantised(b, node, y, *inputs[3:])


@rules("QLinearAveragePool", inputs=(4, 5), domain=MICROSOFT)
def average_pool(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """Channels may be the last axis."""
    last = node.attributes.flag("channels_last", False)
    x = real(b, node, inputs[:3], "x")
    if not last:
        (y,) = standard(b, node, "AveragePool", (x,), part="real")
        return quantised(b, node, y, *inputs[3:])
    rank = 2 + len(node.attributes.integers("kernel_shape"))
    first = b.emit(node, Permute(order=(0, rank - 1, *range(1, rank - 1))), (x,), part="channels_first")
    pooled = standard(b, node, "AveragePool", first, part="pooled")
    (y,) = b.emit(node, Permute(order=(0, *range(2, rank), 1)), pooled, part="real")
    return quantised(b, node, y, *inputs[3:])


@rules("QLinearGlobalAveragePool", inputs=5, domain=MICROSOFT)
def global_average_pool(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """One window over all spatial axes."""
    layer = Pool(statistic="average", kernel=None, channels_last=node.attributes.flag("channels_last", False))
    (y,) = b.emit(node, layer, (real(b, node, inputs[:3], "x"),), part="real")
    return quantised(b, node, y, *inputs[3:])


@rules("QLinearReduceMean", inputs=(4, 5), domain=MICROSOFT)
def reduce_mean(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """Axes are an attribute."""
    (y,) = standard(b, node, "ReduceMean", (real(b, node, inputs[:3], "x"),), part="real")
    return quantised(b, node, y, *inputs[3:])


@rules("QLinearConcat", inputs=(5, None), domain=MICROSOFT)
def concat(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """The result's scale and zero point come first, then values with theirs."""
    scale, zero, *rest = inputs
    if len(rest) % 3:
        raise LayerError(f"takes values with scale and zero point, {len(rest)} inputs given for them")
    values = [real(b, node, tuple(rest[i : i + 3]), f"x{i // 3}") for i in range(0, len(rest), 3)]
    (y,) = b.emit(node, Concat(axis=node.attributes.integer("axis")), tuple(values), part="real")
    return quantised(b, node, y, scale, zero)


@rules("QLinearWhere", inputs=9, domain=MICROSOFT)
def where(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """A condition chooses."""
    operands = (real(b, node, inputs[1:4], "x"), real(b, node, inputs[4:7], "y"))
    (y,) = b.emit(node, Select(), (inputs[0], *operands), part="real")
    return quantised(b, node, y, *inputs[7:])
