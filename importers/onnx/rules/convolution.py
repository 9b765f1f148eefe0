"""Convolutions, their transposes, and the patches that both are made of."""

from __future__ import annotations

from dataclasses import replace

from jaxdnn.errors import LayerError
from jaxdnn.importers.onnx.builder import OnnxBuilder
from jaxdnn.importers.onnx.registry import NodeSource, Values, rules
from jaxdnn.importers.onnx.rules.windows import auto_pad, convolution, padding, steps
from jaxdnn.layers.base import dims
from jaxdnn.layers.convolution import Conv, ConvTranspose
from jaxdnn.layers.normalization import Bias
from jaxdnn.layers.padding import Padding
from jaxdnn.layers.patches import Col2Im, DeformableConv


def filter_of(b: OnnxBuilder, node: NodeSource, value: str) -> tuple[int, ...] | None:
    """Return the shape of a constant filter, None of a computed one.

    Raises:
        LayerError: it has fewer than three axes or an empty one, or contradicts the stated kernel.
    """
    kernel = node.attributes.integers("kernel_shape", ())
    array = b.constant(value)
    if array is None or array.dtype.kind != "f":
        return None
    if array.ndim < 2 or 0 in array.shape:
        raise LayerError(
            f"the filter is {dims(array.shape)}, output and input channels and a kernel expected"
        )
    if kernel and kernel != array.shape[2:]:
        raise LayerError(f"the filter is {dims(array.shape)}, and kernel_shape is {kernel}")
    return array.shape


def convolve(
    b: OnnxBuilder,
    node: NodeSource,
    layer: Conv | ConvTranspose | DeformableConv,
    inputs: Values,
    weight: str,
    bias: str,
    part: str = "",
) -> Values:
    """Add a convolution whose filter and bias are params where they are constants.

    Args:
        b, node, part: see :meth:`OnnxBuilder.emit`.
        layer: without filters, kernel and bias.
        inputs: of the layer, but for a computed filter, which comes behind the first one.
        weight, bias: the filter, and the bias or ``""``.
    """
    stored = filter_of(b, node, weight)
    params = {}
    if stored is None:
        inputs = (inputs[0], weight, *inputs[1:])
    else:
        filters = stored[1] * layer.groups if isinstance(layer, ConvTranspose) else stored[0]
        layer = replace(layer, filters=filters, kernel=stored[2:])
        params["weight"] = b.learned(weight, "weight") or ""
    learned = b.learned(bias, "bias") if bias else None
    if learned is not None:
        layer = replace(layer, bias=True)
        params["bias"] = learned
    if not bias or learned is not None:
        return b.emit(node, layer, inputs, params, part=part)
    y = b.emit(node, layer, inputs, params, part=f"{part}product")
    return b.emit(node, Bias(axis=1), (*y, bias), part=part)


@rules("Conv", inputs=(2, 3))
def conv(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """Convolve in groups."""
    x, weight, bias = inputs
    layer = Conv(**convolution(node))
    return convolve(b, node, layer, (x,), weight, bias)


@rules("ConvTranspose", inputs=(2, 3))
def conv_transpose(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """The output's size may be stated, and then the padding is not."""
    x, weight, bias = inputs
    size = node.attributes.integers("output_shape", ())
    layer = ConvTranspose(
        **convolution(node),
        output_padding=node.attributes.integers("output_padding", ()) or 0,
    )
    if size:
        array = b.constant(weight)
        spatial = len(node.attributes.integers("kernel_shape", ())) or (
            len(size) if array is None else array.ndim - 2
        )
        if len(size) not in (spatial, spatial + 2):
            raise LayerError(f"output_shape must have {spatial} values, got {size}")
        same: Padding = "same_upper" if auto_pad(node) == "SAME_UPPER" else "same_lower"
        layer = replace(layer, size=size[-spatial:], padding=same, any_size=True)
    return convolve(b, node, layer, (x,), weight, bias)


@rules("DeformConv", inputs=(3, 5))
def deformable_conv(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """Offsets, and factors if they are given, are computed for each tap."""
    x, weight, offset, bias, mask = inputs
    layer = DeformableConv(
        **convolution(node),
        offset_groups=node.attributes.integer("offset_group", 1),
        mask=bool(mask),
    )
    return convolve(b, node, layer, (x, offset, *filter(None, (mask,))), weight, bias)


@rules("Col2Im", inputs=3)
def col2im(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """The sizes of the image and of a patch are inputs."""
    x, size, kernel = inputs
    layer = Col2Im(
        size=(),
        kernel=(),
        stride=steps(node, "strides"),
        padding=padding(node),
        dilation=steps(node, "dilations"),
    )
    return b.late(node, layer, (x,), size=size, kernel=kernel)
