"""Features of regions by ONNX' own operators."""

from __future__ import annotations

from jaxdnn.layers.roi import RoiAlign, RoiPool
from jaxdnn.onnx.exporter import Exporter
from jaxdnn.onnx.registry import NotExpressible, exports


@exports(RoiPool)
def roi_pool(e: Exporter, layer: RoiPool, x: str, regions: str) -> str:
    """MaxRoiPool rounds corners and bins in the same way."""
    return e.op(
        "MaxRoiPool",
        x,
        e.op("Reshape", regions, [-1, 5]),
        pooled_shape=list(layer.output),
        spatial_scale=layer.spatial_scale,
    )


@exports(RoiAlign)
def roi_align(e: Exporter, layer: RoiAlign, x: str, regions: str) -> str:
    """The operator's half pixels are those of the output where ours are none."""
    if e.opset < 16:
        raise NotExpressible(f"regions are aligned, which needs opset 16, and {e.opset} is asked for")
    if layer.statistic != "mean" or (layer.half_pixel and not layer.samples):
        raise NotExpressible("regions are sampled in a way that has no operator")
    image, corners = e.split(e.op("Reshape", regions, [-1, 5]), [1, 4], 1)
    return e.op(
        "RoiAlign",
        x,
        corners,
        e.cast(e.squeeze(image, [1]), "int64"),
        output_height=layer.output[0],
        output_width=layer.output[1],
        sampling_ratio=layer.samples,
        spatial_scale=layer.spatial_scale,
        coordinate_transformation_mode="half_pixel" if layer.half_pixel else "output_half_pixel",
    )
