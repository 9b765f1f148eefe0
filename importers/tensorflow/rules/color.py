"""Colours and contrast of images."""

from __future__ import annotations

from jaxdnn.importers.tensorflow.builder import TensorFlowBuilder
from jaxdnn.importers.tensorflow.registry import NodeSource, rules
from jaxdnn.layers.arithmetic import Binary
from jaxdnn.layers.color import AdjustHsv, HsvToRgb, RgbToHsv
from jaxdnn.layers.reduction import Reduce

Values = tuple[str, ...]


@rules("RGBToHSV")
def rgb_to_hsv(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Convert."""
    return b.emit(node, RgbToHsv(), inputs)


@rules("HSVToRGB")
def hsv_to_rgb(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Convert back."""
    return b.emit(node, HsvToRgb(), inputs)


@rules("AdjustHue", "AdjustSaturation", inputs=2)
def adjust(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Change one channel of the three."""
    return b.emit(node, AdjustHsv(channel=node.op.removeprefix("Adjust").lower()), inputs)


@rules("AdjustContrastv2", inputs=2)
def adjust_contrast(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Multiply the distance from the mean of each image's channel."""
    x, factor = inputs
    (mean,) = b.emit(node, Reduce(operation="mean", axes=(-3, -2), keepdims=True), (x,), part="mean")
    (distance,) = b.emit(node, Binary(function="subtract"), (x, mean), part="distance")
    scaled = b.emit(node, Binary(function="multiply"), (distance, factor), part="scaled")
    return b.emit(node, Binary(function="add"), (*scaled, mean))
