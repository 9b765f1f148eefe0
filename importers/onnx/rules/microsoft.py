"""com.microsoft: operators that stand alone, many of which the standard has by now."""

from __future__ import annotations

from jaxdnn.errors import LayerError
from jaxdnn.importers.onnx.builder import OnnxBuilder
from jaxdnn.importers.onnx.registry import NodeSource, Values, rules
from jaxdnn.importers.onnx.rules.filling import trilu
from jaxdnn.importers.onnx.standard import MICROSOFT, standard
from jaxdnn.layers.arithmetic import Binary, Unary
from jaxdnn.layers.fourier import FourierTransform
from jaxdnn.layers.linear_algebra import Inverse
from jaxdnn.layers.resize import CropAndResize
from jaxdnn.layers.selection import Unique
from jaxdnn.layers.tensor import ExpandDims, Stack, Unstack

rules("Trilu", inputs=(1, 2), domain=MICROSOFT)(trilu)


@rules("Inverse", domain=MICROSOFT)
def inverse(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """Of matrices."""
    return b.emit(node, Inverse(), inputs)


@rules("CropAndResize", inputs=4, domain=MICROSOFT)
def crop_and_resize(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """Boxes of images, resized."""
    x, boxes, numbers, size = inputs
    mode = node.attributes.one_of("mode", ("bilinear", "nearest"), "bilinear")
    layer = CropAndResize(
        size=(1, 1),
        mode="nearest" if mode == "nearest" else "linear",
        extrapolation=node.attributes.number("extrapolation_value", 0.0),
    )
    return b.late(node, layer, (x, boxes, numbers), size=size)


@rules("Unique", domain=MICROSOFT)
def unique(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """Elements of a vector in their order."""
    return b.emit(node, Unique(), inputs, outputs=3)


@rules("GridSample", inputs=2, domain=MICROSOFT)
def grid_sample(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """The modes have other names than the standard's."""
    attributes = node.attributes
    mode = attributes.one_of("mode", ("bilinear", "nearest", "bicubic"), "bilinear")
    outside = attributes.text("padding_mode", "zeros")
    corners = attributes.integer("align_corners", 0)
    stated = {
        "mode": {"bilinear": b"linear", "nearest": b"nearest", "bicubic": b"cubic"}[mode],
        "padding_mode": outside.encode(),
        "align_corners": corners,
    }
    return standard(b, node, "GridSample", inputs, stated)


@rules("ExpandDims", inputs=2, domain=MICROSOFT)
def expand_dims(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """Insert an axis."""
    return b.late(node, ExpandDims(axes=()), inputs[:1], axes=inputs[1])


@rules("Rfft", "Irfft", domain=MICROSOFT)
def real_fourier(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """Complex numbers are pairs along the last axis."""
    attributes = node.attributes
    axes = attributes.integer("signal_ndim", 1)
    if attributes.flag("normalized", False) or not attributes.flag("onesided", True):
        raise LayerError("is normalized or two-sided, which is not known")
    if node.op == "Rfft":
        y = b.emit(node, FourierTransform(axes=axes, kind="real"), inputs, part="transformed")
        functions = ("real", "imaginary")
        pairs = tuple([b.emit(node, Unary(function=name), y, part=name)[0] for name in functions])
        return b.emit(node, Stack(axis=-1), pairs)
    parts = b.emit(node, Unstack(parts=2, axis=-1), inputs, outputs=2, part="parts")
    y = b.emit(node, Binary(function="complex"), parts, part="numbers")
    return b.emit(node, FourierTransform(axes=axes, kind="real", inverse=True), y)
