"""ROIPooling, PSROIPooling, ROIAlign."""

from __future__ import annotations

from jaxdnn.errors import ParseError
from jaxdnn.importers.caffe.fields import Fields
from jaxdnn.importers.caffe.registry import CaffeBuilder, LayerSource, rules
from jaxdnn.layers.roi import PsRoiPool, RoiAlign, RoiPool


def _output(p: Fields) -> tuple[int, int]:
    return p.required_uint("pooled_h"), p.required_uint("pooled_w")


@rules("ROIPooling", bottoms=2)
def roi_pooling(b: CaffeBuilder, source: LayerSource, inputs: tuple[str, ...]) -> tuple[str, ...]:
    """Maximum per bin."""
    p = source.param("roi_pooling_param")
    layer = RoiPool(output=_output(p), spatial_scale=p.number("spatial_scale", 1.0))
    return b.emit(source, layer, inputs)


@rules("PSROIPooling", bottoms=2)
def ps_roi_pooling(b: CaffeBuilder, source: LayerSource, inputs: tuple[str, ...]) -> tuple[str, ...]:
    """Mean per bin, each bin from its own channel."""
    p = source.param("psroi_pooling_param")
    scale = p.number("spatial_scale")
    if scale is None:
        raise ParseError(f"spatial_scale is missing in {p.name}", line=p.line)
    layer = PsRoiPool(
        channels=p.required_uint("output_dim"), groups=p.required_uint("group_size"), spatial_scale=scale
    )
    return b.emit(source, layer, inputs)


@rules("ROIAlign", "RoIAlign", bottoms=2)
def roi_align(b: CaffeBuilder, source: LayerSource, inputs: tuple[str, ...]) -> tuple[str, ...]:
    """Mean of interpolated samples; the number of samples, under either name, is adaptive if not positive."""
    p = source.param("roi_align_param")
    samples = p.integer("sampling_ratio", p.integer("sample_ratio", -1))
    layer = RoiAlign(output=_output(p), spatial_scale=p.number("spatial_scale", 1.0), samples=max(samples, 0))
    return b.emit(source, layer, inputs)
