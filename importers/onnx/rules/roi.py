"""Features of regions, and images looked up at any positions."""

from __future__ import annotations

from jaxdnn.importers.onnx.builder import OnnxBuilder
from jaxdnn.importers.onnx.registry import NodeSource, Values, rules
from jaxdnn.layers.arithmetic import Cast
from jaxdnn.layers.roi import RoiAlign
from jaxdnn.layers.sampling import AffineGrid, GridSample
from jaxdnn.layers.shape import Concat, Reshape


@rules("RoiAlign", inputs=3)
def roi_align(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """The images of the regions are an input of their own; only later versions shift by half an element."""
    x, regions, images = inputs
    modes, default = ("half_pixel", "output_half_pixel"), "half_pixel"
    if node.version < 16:
        default = "output_half_pixel"
    mode = node.attributes.one_of("mode", ("avg", "max"), "avg")
    layer = RoiAlign(
        output=(node.attributes.integer("output_height", 1), node.attributes.integer("output_width", 1)),
        spatial_scale=node.attributes.number("spatial_scale", 1.0),
        samples=node.attributes.integer("sampling_ratio", 0),
        half_pixel=node.attributes.one_of("coordinate_transformation_mode", modes, default) == "half_pixel",
        statistic="mean" if mode == "avg" else "corner_max",
    )
    column = b.emit(node, Reshape(shape=(-1, 1)), (images,), part="column")
    column = b.emit(node, Cast(dtype="float32"), column, part="images")
    rows = b.emit(node, Concat(axis=1), (*column, regions), part="regions")
    return b.emit(node, layer, (x, *rows))


@rules("GridSample", inputs=2)
def grid_sample(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """Two of the modes were called otherwise at first."""
    modes = {
        "bilinear": "linear",
        "linear": "linear",
        "nearest": "nearest",
        "bicubic": "cubic",
        "cubic": "cubic",
    }
    layer = GridSample(
        mode=modes[node.attributes.one_of("mode", tuple(modes), "linear")],
        outside=node.attributes.one_of("padding_mode", ("zeros", "border", "reflection"), "zeros"),
        align_corners=node.attributes.flag("align_corners", False),
    )
    return b.emit(node, layer, inputs)


@rules("AffineGrid", inputs=2)
def affine_grid(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """The size is an input."""
    layer = AffineGrid(size=(1, 1, 1), align_corners=node.attributes.flag("align_corners", False))
    return b.late(node, layer, inputs[:1], size=inputs[1])
