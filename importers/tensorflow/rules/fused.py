"""What TensorFlow's own optimiser joins: convolutions and products with what follows them."""

from __future__ import annotations

from collections.abc import Callable

from jaxdnn.errors import LayerError
from jaxdnn.importers.tensorflow.builder import TensorFlowBuilder
from jaxdnn.importers.tensorflow.registry import NodeSource, rules
from jaxdnn.importers.tensorflow.rules.convolution import channels_last, convolution, depthwise_convolution
from jaxdnn.importers.tensorflow.rules.dense import add_bias, product
from jaxdnn.importers.tensorflow.rules.normalization import batch_norm
from jaxdnn.importers.tensorflow.rules.shape import padded
from jaxdnn.layers.activation import Clip, Elu, Gelu, Relu, Sigmoid, Tanh
from jaxdnn.layers.arithmetic import Binary
from jaxdnn.layers.base import Layer
from jaxdnn.layers.resize import Resize

Values = tuple[str, ...]

_ACTIVATIONS: dict[str, Callable[[NodeSource], Layer]] = {
    "Relu": lambda node: Relu(),
    "Relu6": lambda node: Clip(floor=0.0, ceiling=6.0),
    "Elu": lambda node: Elu(),
    "Tanh": lambda node: Tanh(),
    "Sigmoid": lambda node: Sigmoid(),
    "LeakyRelu": lambda node: Relu(negative_slope=node.attributes.number("leakyrelu_alpha", 0.2)),
    "GeluExact": lambda node: Gelu(),
    "GeluApproximate": lambda node: Gelu(approximation="tanh"),
}


@rules("_FusedConv2D", "_FusedDepthwiseConv2dNative", inputs=(2, None))
def fused_convolution(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """A convolution, then each of the fused ops."""
    node.attributes.one_of("filter_format", ("HWIO",), "HWIO")
    add = depthwise_convolution if node.op == "_FusedDepthwiseConv2dNative" else convolution
    value = add(b, node, inputs[:2], "conv")
    return _then(b, node, value, inputs[2:], -1 if channels_last(node) else 1)


@rules("FusedPadConv2D", inputs=3)
def pad_and_convolve(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Mirror the edges, then convolve."""
    x, paddings, weight = inputs
    mode = node.attributes.one_of("mode", ("REFLECT", "SYMMETRIC")).lower()
    return convolution(b, node, (*padded(b, node, (x, paddings), mode, "pad"), weight))


@rules("FusedResizeAndPadConv2D", inputs=4)
def resize_pad_and_convolve(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Resize first, linearly."""
    x, size, paddings, weight = inputs
    align = node.attributes.boolean("resize_align_corners", False)
    layer = Resize(axes=(1, 2), size=(1, 1), coordinates="align_corners" if align else "asymmetric")
    resized = b.late(node, layer, (x,), part="resize", size=size)
    return pad_and_convolve(b, node, (*resized, paddings, weight))


@rules("_FusedMatMul", inputs=(2, None))
def fused_matmul(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """A matrix product, then each of the fused ops."""
    return _then(b, node, product(b, node, inputs[:2], "product"), inputs[2:], -1)


def _then(b: TensorFlowBuilder, node: NodeSource, value: Values, arguments: Values, axis: int) -> Values:
    """Apply the fused ops in turn; each takes its share of the arguments."""
    node.attributes.ignore("num_args", "num_host_args", "leakyrelu_alpha")
    epsilon = node.attributes.number("epsilon", 0.0)
    ops = node.attributes.texts("fused_ops", ())
    needed = sum({"BiasAdd": 1, "Add": 1, "FusedBatchNorm": 4}.get(op, 0) for op in ops)
    if needed != len(arguments):
        raise LayerError(f"fused_ops {', '.join(ops)} need {needed} arguments, {len(arguments)} are given")
    for index, op in enumerate(ops):
        part = "" if index == len(ops) - 1 else op.lower()
        if op == "BiasAdd":
            value = add_bias(b, node, (*value, arguments[0]), axis, part)
            arguments = arguments[1:]
        elif op == "Add":
            value = b.emit(node, Binary(function="add"), (*value, arguments[0]), part=part)
            arguments = arguments[1:]
        elif op == "FusedBatchNorm":
            names = ("scale", "bias", "mean", "variance")
            slots = dict(zip(names, arguments[:4], strict=True))
            value = batch_norm(b, node, value[0], slots, epsilon, axis, part)
            arguments = arguments[4:]
        elif op in _ACTIVATIONS:
            value = b.emit(node, _ACTIVATIONS[op](node), value, part=part)
        else:
            raise LayerError(f"the fused op {op!r} is not known")
    return value
