"""Interpolation."""

from __future__ import annotations

from jaxdnn.errors import LayerError
from jaxdnn.importers.tensorflow.builder import TensorFlowBuilder
from jaxdnn.importers.tensorflow.registry import NodeSource, rules
from jaxdnn.layers.resize import CropAndResize, Resize

Values = tuple[str, ...]

_MODES = {"ResizeBilinear": "linear", "ResizeNearestNeighbor": "nearest", "ResizeBicubic": "cubic"}


@rules(*_MODES, inputs=2)
def resize(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Three conventions of where output elements lie, and of which one is nearest."""
    align = node.attributes.boolean("align_corners", False)
    half = node.attributes.boolean("half_pixel_centers", False)
    if align and half:
        raise LayerError("align_corners and half_pixel_centers exclude each other")
    layer = Resize(
        axes=(1, 2),
        size=(1, 1),
        mode=_MODES[node.op],
        coordinates="align_corners" if align else "half_pixel" if half else "asymmetric",
        rounding="half_up" if align or half else "floor",
        coefficient=-0.5 if half else -0.75,
        exclude_outside=half,
        steps=1024,
    )
    return b.late(node, layer, inputs[:1], size=inputs[1])


@rules("CropAndResize", inputs=4)
def crop_and_resize(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Cut boxes."""
    mode = node.attributes.one_of("method", ("bilinear", "nearest"), "bilinear")
    layer = CropAndResize(
        size=(1, 1),
        axes=(1, 2),
        mode="linear" if mode == "bilinear" else mode,
        extrapolation=node.attributes.number("extrapolation_value", 0.0),
    )
    return b.late(node, layer, inputs[:3], size=inputs[3])
