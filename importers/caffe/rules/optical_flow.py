"""Optical flow: the layers of FlowNet2's fork."""

from __future__ import annotations

import math

from jaxdnn.errors import LayerError
from jaxdnn.importers.caffe.fields import Fields
from jaxdnn.importers.caffe.registry import FILLER_ZERO, CaffeBuilder, LayerSource, rules
from jaxdnn.layers.base import require, require_at_least
from jaxdnn.layers.optical_flow import Accum, CenterCrop, ChannelNorm, Correlation, FlowWarp, SubtractMean

_CROP_EDGE = 1.05
"""How far the sampling of a crop stays from the end of an axis."""


def _shifts(p: Fields, reach: int, direction: int) -> tuple[int, ...]:
    """Return the multiples of stride_2 up to the largest displacement, on one side or on both."""
    step = p.uint("stride_2", 1)
    require_at_least(1, stride_2=step)
    require(direction in (-1, 0, 1), f"single_direction must be -1, 0 or 1, got {direction}")
    radius = reach // step
    # To the left the original goes one step too far, and leaves out the shift by nothing.
    first, last = {-1: (-radius - 1, -1), 0: (-radius, radius), 1: (0, radius)}[direction]
    return tuple(step * i for i in range(first, last + 1))


@rules("Correlation", "Correlation1D", bottoms=2)
def correlation(b: CaffeBuilder, source: LayerSource, inputs: tuple[str, ...]) -> tuple[str, ...]:
    """Correlation over displacements in both directions, or along rows."""
    p = source.param("correlation_param")
    p.ignore("do_abs")  # no code reads it
    along_rows = source.type == "Correlation1D"
    direction = p.integer("single_direction", 0) if along_rows else 0
    p.ignore("single_direction")
    padding, reach = p.uint("pad", 0), p.required_uint("max_displacement")
    kinds = {"MULTIPLY": "product", "SUBTRACT": "absolute_difference"}
    layer = Correlation(
        vertical=(0,) if along_rows else _shifts(p, reach, 0),
        horizontal=_shifts(p, reach, direction),
        kernel=p.required_uint("kernel_size"),
        stride=p.uint("stride_1", 1),
        padding=(0 if along_rows else padding, padding),
        margin=(0 if along_rows else reach, reach),
        similarity=kinds[p.enum("correlation_type", tuple(kinds), "MULTIPLY")],
    )
    return b.emit(source, layer, inputs)


@rules("FlowWarp", bottoms=2)
def flow_warp(b: CaffeBuilder, source: LayerSource, inputs: tuple[str, ...]) -> tuple[str, ...]:
    """Warp a picture by a flow field."""
    fill = source.param("flow_warp_param").enum("fill_value", {"ZERO": 1, "NOT_A_NUMBER": 2}, "ZERO")
    return b.emit(source, FlowWarp(fill=0.0 if fill == "ZERO" else math.nan), inputs)


@rules("ChannelNorm")
def channel_norm(b: CaffeBuilder, source: LayerSource, inputs: tuple[str, ...]) -> tuple[str, ...]:
    """Length of the vector at each pixel."""
    return b.emit(source, ChannelNorm(), inputs)


@rules("Accum", bottoms=(1, None))
def accum(b: CaffeBuilder, source: LayerSource, inputs: tuple[str, ...]) -> tuple[str, ...]:
    """Bring several resolutions together."""
    p = source.param("accum_param")
    layer = Accum(
        size=(p.uint("top_height", 0), p.uint("top_width", 0)),
        divisor=p.uint("size_divisible_by", 0),
        reference=p.boolean("have_reference", False),
    )
    return b.emit(source, layer, inputs)


@rules("DataAugmentation")
def data_augmentation(b: CaffeBuilder, source: LayerSource, inputs: tuple[str, ...]) -> tuple[str, ...]:
    """What is left of it when a net is tested: the crop of the middle, and the mean that is subtracted."""
    p = source.param("augmentation_param")
    source.fields.ignore("coeff_schedule_param")
    if p.boolean("augment_during_test", False):
        raise LayerError("augment_during_test draws random numbers, which is not supported")
    height, width = p.uint("crop_height"), p.uint("crop_width")
    if height is not None and width is not None:
        crop = CenterCrop(size=(height, width), edge=_CROP_EDGE)
        inputs = b.emit(source, crop, inputs, name=f"{source.name}/crop")
    per_pixel, mean = p.boolean("mean_per_pixel", True), p.numbers("mean")
    stored = p.number("recompute_mean", 0) > 0
    p.ignore_all()
    if not stored:
        constant = mean if len(mean) == 3 and not per_pixel else (0.0,)
        return b.emit(source, SubtractMean(constant=constant), inputs)
    params = b.slots(source, count=FILLER_ZERO, pixel_mean=FILLER_ZERO, channel_mean=FILLER_ZERO)
    picture = source.blobs[1].shape if source.blobs else ()
    size = (picture[-2], picture[-1]) if len(picture) > 1 else None
    return b.emit(source, SubtractMean(mean_size=size, per_pixel=per_pixel), inputs, params)
