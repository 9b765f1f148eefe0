"""Interpolation by the operator where it takes the same elements; everything else is written by the fallback."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from jaxdnn.layers.base import normalize_axis
from jaxdnn.layers.resize import Interp, Resize
from jaxdnn.onnx.exporter import Exporter
from jaxdnn.onnx.registry import NotExpressible, exports
from jaxdnn.onnx.sizes import static

_MODES = {"nearest": "nearest", "linear": "linear", "cubic": "cubic"}
_COORDINATES = ("asymmetric", "half_pixel", "align_corners")


@exports(Resize)
def resize(e: Exporter, layer: Resize, x: str, *reference: str) -> str:
    """Resize the last two axes of pictures; others are moved there."""
    rank = e.inputs[0].rank
    axes = sorted(normalize_axis(axis, rank) for axis in (range(rank) if layer.axes is None else layer.axes))
    if rank != 4 or axes not in ([1, 2], [2, 3]):
        raise NotExpressible("axes are resized that are not the two of a picture")
    if layer.mode not in _MODES or layer.coordinates not in _COORDINATES or layer.steps or layer.antialias:
        raise NotExpressible(f"resizing with {layer.mode} and {layer.coordinates} has no operator")
    order = (0, 3, 1, 2) if axes == [1, 2] else (0, 1, 2, 3)
    old = static(tuple(e.inputs[0].sizes[axis] for axis in axes))
    new = static(tuple(e.outputs[0].sizes[axis] for axis in axes))
    if old == new and not layer.scale:
        return e.op("Identity", x)
    given = dict(zip(layer.axes or range(rank), layer.scale or (), strict=False)) if not reference else {}
    factors = (
        [given.get(axis, 0) for axis in axes] if given else [n / o for n, o in zip(new, old, strict=True)]
    )
    whole = all(factor == int(factor) for factor in factors)
    first = layer.coordinates == "asymmetric" and layer.rounding == "floor"
    if layer.mode == "nearest" and not (whole and first):
        raise NotExpressible("the nearest element depends on how a runtime rounds")
    if not np.issubdtype(e.inputs[0].dtype, np.floating) and layer.mode != "nearest":
        x = e.cast(x, "float32")
    sizes = tuple(e.outputs[0].sizes[axis] for axis in order)
    by_factor = whole or bool(given)
    result = e.op(
        "Resize",
        e.transpose(x, order),
        None,
        np.array([1, 1, *factors], np.float32) if by_factor else None,
        None if by_factor else e.sizes(sizes),
        mode=_MODES[layer.mode],
        coordinate_transformation_mode=layer.coordinates,
        nearest_mode="floor" if layer.mode == "nearest" else None,
        cubic_coeff_a=layer.coefficient if layer.mode == "cubic" else None,
        exclude_outside=int(layer.exclude_outside) if layer.mode == "cubic" else None,
    )
    return e.transpose(result, tuple(int(axis) for axis in np.argsort(order)))


@exports(Interp)
def interp(e: Exporter, layer: Interp, x: str) -> str:
    """Resize to the size that is known."""
    sizes = static(tuple(e.outputs[0].sizes[axis] for axis in layer.axes))
    same = Resize(axes=layer.axes, size=sizes, mode="linear", coordinates="align_corners")
    return resize(replace(e, layer=same), same, x)
