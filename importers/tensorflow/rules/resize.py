"""Interpolation."""

from __future__ import annotations

from dataclasses import replace

from jaxdnn.errors import LayerError
from jaxdnn.importers.tensorflow.builder import TensorFlowBuilder
from jaxdnn.importers.tensorflow.registry import NodeSource, rules
from jaxdnn.layers.resize import KERNELS, CropAndResize, Resize, ScaleAndTranslate

Values = tuple[str, ...]

_MODES = {"ResizeBilinear": "linear", "ResizeNearestNeighbor": "nearest", "ResizeBicubic": "cubic"}


@rules(*_MODES, inputs=(2, 3))
def resize(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """The size is an input; OpenCV's text graphs may state a factor for the height and one for the width instead."""
    layer = resize_layer(node, _MODES[node.op])
    if len(inputs) == 2:
        return b.late(node, layer, inputs[:1], size=inputs[1])
    scale = tuple(_factor(b, name) for name in inputs[1:])
    return b.emit(node, replace(layer, size=None, scale=scale), inputs[:1])


def _factor(b: TensorFlowBuilder, name: str) -> float:
    value = b.constant(name)
    if value is None or value.size != 1:
        raise LayerError(f"the factor {name!r} must be a constant of one element")
    return float(value.item())


def resize_layer(node: NodeSource, mode: str) -> Resize:
    """Return the layer of any size; three conventions of where output elements lie, and of which one is nearest."""
    align = node.attributes.boolean("align_corners", False)
    half = node.attributes.boolean("half_pixel_centers", False)
    if align and half:
        raise LayerError("align_corners and half_pixel_centers exclude each other")
    return Resize(
        axes=(1, 2),
        size=(1, 1),
        mode=mode,
        coordinates="align_corners" if align else "half_pixel" if half else "asymmetric",
        rounding="half_up" if align or half else "floor",
        coefficient=-0.5 if half else -0.75,
        exclude_outside=half,
        steps=1024,
    )


@rules("ResizeArea", inputs=2)
def resize_area(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Average."""
    align = node.attributes.boolean("align_corners", False)
    coordinates = "align_corners" if align else "asymmetric"
    layer = Resize(axes=(1, 2), size=(1, 1), mode="area", coordinates=coordinates)
    return b.late(node, layer, inputs[:1], size=inputs[1])


@rules("ScaleAndTranslate", inputs=4)
def scale_and_translate(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Size, scale and translation are inputs."""
    x, size, scale, translation = inputs
    kernels = {name.replace("_", ""): name for name in KERNELS}
    stated = node.attributes.one_of("kernel_type", tuple(kernels), "lanczos3")
    layer = ScaleAndTranslate(
        size=(1, 1),
        scale=(1.0, 1.0),
        kernel=kernels[stated],
        antialias=node.attributes.boolean("antialias", True),
    )
    return b.late(node, layer, (x,), size=size, scale=scale, translation=translation)


@rules("CropAndResize", inputs=4)
def crop_and_resize(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Cut boxes."""
    layer = crop_layer(node, node.attributes.number("extrapolation_value", 0.0))
    return b.late(node, layer, inputs[:3], size=inputs[3])


def crop_layer(node: NodeSource, extrapolation: float | None) -> CropAndResize:
    """Return the layer of a node that cuts boxes, with any size."""
    mode = node.attributes.one_of("method", ("bilinear", "nearest"), "bilinear")
    mode = "linear" if mode == "bilinear" else mode
    return CropAndResize(size=(1, 1), axes=(1, 2), mode=mode, extrapolation=extrapolation)
