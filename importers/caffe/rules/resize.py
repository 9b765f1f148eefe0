"""Interp, Resample, and the upsampling of YOLO's forks."""

from __future__ import annotations

from jaxdnn.errors import LayerError
from jaxdnn.importers.caffe.registry import CaffeBuilder, LayerSource, rules
from jaxdnn.layers.base import require
from jaxdnn.layers.resize import Interp, Resample, Resize
from jaxdnn.layers.shape import Pad


@rules("Interp", bottoms=(1, 2))
def interp(b: CaffeBuilder, source: LayerSource, inputs: tuple[str, ...]) -> tuple[str, ...]:
    """Crop by negative pads, then resize to the second bottom's size or to what the fields say."""
    p = source.param("interp_param")
    p.ignore("use_blob_size")  # so it does whenever there is a second bottom
    pads = p.integer("pad_beg", 0), p.integer("pad_end", 0)
    require(max(pads) <= 0, f"pad_beg and pad_end must not be positive, got {pads[0]} and {pads[1]}")
    if pads != (0, 0):
        crop = Pad(before=pads[:1] * 2, after=pads[1:] * 2, axis=2)
        inputs = (*b.emit(source, crop, inputs[:1], name=f"{source.name}/crop"), *inputs[1:])
    shrink, zoom = p.integer("shrink_factor"), p.integer("zoom_factor")
    height, width = p.integer("height", 0), p.integer("width", 0)
    if len(inputs) == 2:
        return b.emit(source, Resize(coordinates="align_corners"), inputs)
    # Both factors give way to an explicit size; a single one does not.
    if (shrink is None) == (zoom is None) and p.has("height") and p.has("width"):
        return b.emit(source, Resize(size=(height, width), coordinates="align_corners"), inputs)
    if shrink is None and zoom is None:
        raise LayerError("neither shrink_factor, zoom_factor, nor height and width are given")
    layer = Interp(shrink=1 if shrink is None else shrink, zoom=1 if zoom is None else zoom)
    return b.emit(source, layer, inputs)


@rules("Resample", bottoms=(1, 2))
def resample(b: CaffeBuilder, source: LayerSource, inputs: tuple[str, ...]) -> tuple[str, ...]:
    """Resize to the second bottom's size, or to the one that is stated."""
    p = source.param("resample_param")
    p.ignore("factor")  # no code reads it
    modes = {"NEAREST": 1, "LINEAR": 2, "CUBIC": 3, "AREA": 4}
    layer = Resample(
        size=None if len(inputs) == 2 else (p.required_uint("height"), p.required_uint("width")),
        mode=p.enum("type", modes, "LINEAR").lower(),
        antialias=p.boolean("antialias", True),
    )
    p.ignore("height", "width")
    return b.emit(source, layer, inputs)


def nearest_upsample(b: CaffeBuilder, source: LayerSource, inputs: tuple[str, ...]) -> tuple[str, ...]:
    """Repeat every pixel: the Upsample of one bottom, as YOLO's forks have it."""
    p = source.param("upsample_param")
    factor = p.uint("scale", 1)
    scale = (p.uint("scale_h", factor), p.uint("scale_w", factor))
    return b.emit(source, Resize(scale=scale, mode="nearest", coordinates="asymmetric"), inputs)
