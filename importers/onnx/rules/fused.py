"""com.microsoft: convolutions, products and activations that ONNX Runtime has joined with what is around them."""

from __future__ import annotations

import numpy as np

from jaxdnn.errors import LayerError
from jaxdnn.importers.onnx.builder import OnnxBuilder
from jaxdnn.importers.onnx.registry import NodeSource, Values, rules
from jaxdnn.importers.onnx.rules.activation import softmax
from jaxdnn.importers.onnx.rules.dense import product, scaled
from jaxdnn.importers.onnx.rules.normalization import affine
from jaxdnn.importers.onnx.standard import MICROSOFT, activated, standard
from jaxdnn.layers.activation import Gelu, Swish
from jaxdnn.layers.arithmetic import Binary, Cast
from jaxdnn.layers.shape import Slice
from jaxdnn.layers.tensor import FillLike


@rules("FusedConv", inputs=(2, 4), domain=MICROSOFT)
def fused_conv(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """A convolution, a sum and an activation."""
    *inner, other = inputs
    name = node.attributes.text("activation", "")
    numbers = node.attributes.numbers("activation_params", ())
    y = standard(b, node, "Conv", tuple(inner), part="convolution" if other or name else "")
    if other:
        y = b.emit(node, Binary(function="add"), (*y, other), part="sum" if name else "")
    return activated(b, node, y, name, numbers) if name else y


@rules("FusedGemm", inputs=(2, 3), domain=MICROSOFT)
def fused_gemm(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """A product with a bias, and an activation."""
    attributes = node.attributes
    name = attributes.text("activation", "")
    stated = ("activation_alpha", "activation_beta", "activation_gamma")
    numbers = tuple(attributes.number(key) for key in stated if attributes.has(key))
    y = standard(b, node, "Gemm", inputs, part="product" if name else "")
    return activated(b, node, y, name, numbers) if name else y


@rules("FusedMatMul", "TransposeMatMul", inputs=2, domain=MICROSOFT)
def fused_matmul(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """A product of factors that may be transposed, times a number."""
    attributes = node.attributes
    for name in ("transBatchA", "transBatchB"):
        if attributes.flag(name, False):
            raise LayerError(f"{name} is not known")
    swap_a, swap_b = (attributes.flag(name, False) for name in ("transA", "transB"))
    factor = attributes.number("alpha", 1.0)
    part = "" if factor == 1.0 else "product"
    y = product(b, node, inputs, transpose_a=swap_a, transpose_b=swap_b, part=part)
    return scaled(b, node, y[0], factor, "alpha", last=True) if part else y


@rules("Gelu", domain=MICROSOFT)
def gelu(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """By the error function."""
    return b.emit(node, Gelu(), inputs)


@rules("BiasGelu", "FastGelu", inputs=(1, 2), domain=MICROSOFT)
def bias_gelu(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """A bias comes first; the fast one is that of the hyperbolic tangent."""
    layer = Gelu(approximation="tanh" if node.op == "FastGelu" else "none")
    return b.emit(node, layer, (biased(b, node, *inputs),))


@rules("QuickGelu", domain=MICROSOFT)
def quick_gelu(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """A sigmoid in place of the distribution function."""
    return b.emit(node, Swish(beta=node.attributes.number("alpha", 1.702)), inputs)


@rules("BiasSplitGelu", inputs=2, domain=MICROSOFT)
def bias_split_gelu(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """One half of the features, times the GELU of the other one."""
    halves = Slice(parts=2, axis=-1)
    left, right = b.emit(node, halves, (biased(b, node, *inputs),), outputs=2, part="halves")
    (right,) = b.emit(node, Gelu(), (right,), part="gate")
    return b.emit(node, Binary(function="multiply"), (left, right))


@rules("BiasAdd", inputs=3, domain=MICROSOFT)
def bias_add(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """A bias, and what was left out before."""
    x, bias, skip = inputs
    return b.emit(node, Binary(function="add"), (biased(b, node, x, bias), skip))


@rules("BiasSoftmax", inputs=2, domain=MICROSOFT)
def bias_softmax(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """A sum, and a softmax over all axes from one on."""
    node.attributes.ignore("is_inner_broadcast")
    total = b.emit(node, Binary(function="add"), inputs, part="sum")
    return softmax(b, node._replace(op="Softmax", version=11), total)


@rules("BiasDropout", inputs=(2, 5), domain=MICROSOFT)
def bias_dropout(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """Inference drops nothing: sums are left, and a mask that keeps all."""
    x, bias, skip, _, _ = inputs
    node.attributes.ignore("seed")
    y = biased(b, node, x, bias, part="biased" if skip else "")
    if skip:
        (y,) = b.emit(node, Binary(function="add"), (y, skip))
    if not any(node.outputs[1:]):
        return (y,)
    ones = b.emit(node, FillLike(value=1.0), (y,), part="ones")
    return y, *b.emit(node, Cast(dtype="bool"), ones, part="mask")


@rules("ConvTransposeWithDynamicPads", inputs=(2, 4), domain=MICROSOFT)
def conv_transpose(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """The paddings are an input, which the file has to fix."""
    x, weight, pads, bias = inputs
    array = b.constant(pads) if pads else np.zeros(0, np.int64)
    if array is None:
        raise LayerError(f"its paddings {pads!r} are no constant")
    attributes = node.attributes
    lists = ("dilations", "kernel_shape", "output_padding", "strides")
    stated: dict[str, object] = {
        name: list(attributes.integers(name)) for name in lists if attributes.has(name)
    }
    stated["group"] = attributes.integer("group", 1)
    stated["auto_pad"] = attributes.text("auto_pad", "NOTSET").encode()
    if array.size:
        stated["pads"] = array.reshape(-1).tolist()
    return standard(b, node, "ConvTranspose", (x, weight, bias), stated)


def biased(b: OnnxBuilder, node: NodeSource, x: str, bias: str, part: str = "biased") -> str:
    """Return x with a bias along the last axis, if there is one; a constant becomes a param."""
    return affine(b, node, x, "", bias, None, part) if bias else x
