"""Interpolation."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from jaxdnn.errors import LayerError
from jaxdnn.importers.onnx.builder import OnnxBuilder
from jaxdnn.importers.onnx.registry import NodeSource, Values, rules
from jaxdnn.layers.resize import Resize
from jaxdnn.layers.shape import Permute, Reshape

_COORDINATES = {
    "half_pixel": "half_pixel",
    "half_pixel_symmetric": "half_pixel_symmetric",
    "pytorch_half_pixel": "half_pixel_or_first",
    "tf_half_pixel_for_nn": "half_pixel_unshifted",
    "align_corners": "align_corners",
    "asymmetric": "asymmetric",
    "tf_crop_and_resize": "crop",
}
_ROUNDING = {
    "round_prefer_floor": "half_down",
    "round_prefer_ceil": "half_up",
    "floor": "floor",
    "ceil": "ceil",
}
_MODES = {"nearest": "nearest", "linear": "linear", "bilinear": "linear", "cubic": "cubic"}


@rules("Upsample", inputs=(1, 2))
def upsample(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """The ancestor of Resize; its factors were attributes at first."""
    x, scales = inputs
    attributes = node.attributes
    layer = Resize(axes=(), mode=_MODES[attributes.one_of("mode", tuple(_MODES), "nearest")])
    layer = replace(layer, coordinates="asymmetric")
    if scales:
        return _by(b, node, layer, x, scale=scales)
    if attributes.has("scales"):
        factors = attributes.numbers("scales")
    else:
        factors = (1.0, 1.0, attributes.number("height_scale"), attributes.number("width_scale"))
    return _by(b, node, layer, x, scale=b.const(node, np.array(factors, np.float32), part="scales"))


@rules("Resize", inputs=(1, 4))
def resize(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """By factors or to sizes, of all axes or of some."""
    x, region, scales, sizes = inputs
    attributes = node.attributes
    if node.version < 11:
        scales, region = region, ""
        mode = attributes.one_of("mode", ("nearest", "linear", "bilinear"), "nearest")
        return _by(b, node, Resize(axes=(), mode=_MODES[mode], coordinates="asymmetric"), x, scale=scales)
    stated = attributes.one_of("coordinate_transformation_mode", tuple(_COORDINATES), "half_pixel")
    rounding = attributes.one_of("nearest_mode", tuple(_ROUNDING), "round_prefer_floor")
    policies = ("stretch", "not_larger", "not_smaller")
    mode = attributes.one_of("mode", ("nearest", "linear", "cubic"), "nearest")
    layer = Resize(
        axes=(),
        mode=mode,
        rounding=_ROUNDING[rounding],
        coefficient=attributes.number("cubic_coeff_a", -0.75),
        exclude_outside=attributes.flag("exclude_outside", False),
        antialias=attributes.flag("antialias", False) and mode != "nearest",
        aspect=attributes.one_of("keep_aspect_ratio_policy", policies, "stretch"),
        extrapolation=attributes.number("extrapolation_value", 0.0),
    )
    layer = replace(layer, coordinates=_COORDINATES[stated])
    return _by(b, node, layer, x, scale=scales, size=sizes, region=region)


def _by(
    b: OnnxBuilder, node: NodeSource, layer: Resize, x: str, scale: str = "", size: str = "", region: str = ""
) -> Values:
    """Resize by factors, or to sizes where they are given; an empty array gives none."""
    axes = node.attributes.integers("axes", ()) or None
    count = len(axes or ())
    name, value = ("size", size) if _given(b, size) else ("scale", scale)
    if not _given(b, value):
        raise LayerError("neither factors nor sizes are given")
    given: dict[str, Any] = {name: value}
    if layer.coordinates == "crop":
        if not _given(b, region):
            raise LayerError("the mode tf_crop_and_resize needs a region")
        given["regions"] = _pairs(b, node, region)
        layer = replace(layer, axes=axes, regions=((0.0, 1.0),) * count)
    placeholder = (1,) * count
    layer = (
        replace(layer, axes=axes, size=placeholder)
        if name == "size"
        else replace(layer, axes=axes, scale=placeholder)
    )
    return b.late(node, layer, (x,), **given)


def _given(b: OnnxBuilder, value: str) -> bool:
    array = b.constant(value)
    return bool(value) and (array is None or array.size > 0)


def _pairs(b: OnnxBuilder, node: NodeSource, region: str) -> str:
    """Return all beginnings and then all ends as pairs."""
    array = b.constant(region)
    if array is not None and array.size % 2 == 0:
        return b.const(node, array.reshape(2, -1).T, part="regions")
    halves = b.emit(node, Reshape(shape=(2, -1)), (region,), part="halves")
    return b.emit(node, Permute(order=(1, 0)), halves, part="regions")[0]
