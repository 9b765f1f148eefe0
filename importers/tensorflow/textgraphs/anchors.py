"""Anchors in the terms of the Object Detection API's generators."""

from __future__ import annotations

import math
from dataclasses import dataclass

from jaxdnn.importers.tensorflow.textgraphs.config import Section

Pair = tuple[float, float]


@dataclass(frozen=True)
class Anchors:
    """The anchors of one feature map, at each of its cells.

    Attributes:
        sizes: (width, height) of each, in pixels.
        step: distance of neighbouring cells in pixels; None for the picture's size over the map's.
        offset: where a cell's centre is, in steps.
    """

    sizes: tuple[Pair, ...]
    step: float | None = None
    offset: float = 0.5


def read_anchors(config: Section, width: int, height: int) -> tuple[Anchors, ...]:
    """Return the anchors of each feature map, the finest map first.

    Args:
        config: the message that holds an ``anchor_generator``.
        width, height: of the picture.

    Raises:
        ParseError: the generator is of another kind, or lays anchors in a way that a text graph cannot state.
    """
    generator = config.section("anchor_generator")
    kind = generator.choice("ssd_anchor_generator", "multiscale_anchor_generator")
    stated = generator.section(kind)
    read = _multiple_grids if kind == "ssd_anchor_generator" else _multiple_scales
    found = read(stated, width, height)
    for index, anchors in enumerate(found):
        if not anchors.sizes:
            raise stated.error(f"lays no anchors on map {index}: it has no 'aspect_ratios'")
    return found


def _multiple_grids(stated: Section, width: int, height: int) -> tuple[Anchors, ...]:
    """Return what ``ssd_anchor_generator`` means.

    On map ``i`` of ``n`` the scale is ``s_i = min_scale + (max_scale - min_scale) i / (n - 1)``, or what ``scales``
    lists, and 1 behind the last one. Each aspect ratio ``a`` gives an anchor of ``s_i sqrt(a) x s_i / sqrt(a)``, and
    ``interpolated_scale_aspect_ratio`` one more of scale ``sqrt(s_i s_i+1)``. On the first map there are only scale 0.1
    with ratio 1 and ``s_0`` with ratios 2 and 1/2, if ``reduce_boxes_in_lowest_layer``. The unit is the picture's
    smaller side times ``base_anchor_width`` and ``base_anchor_height``.
    """
    count = stated.integer("num_layers", 6)
    if count < 1:
        raise stated.error(f"'num_layers' must be at least 1, got {count}")
    scales = _scales(stated, count)
    ratios = stated.numbers("aspect_ratios")
    interpolated = stated.number("interpolated_scale_aspect_ratio", 1.0)
    _require_positive(stated, "aspect_ratios", ratios)
    side = min(width, height)
    unit = (
        side * stated.number("base_anchor_width", 1.0),
        side * stated.number("base_anchor_height", 1.0),
    )
    steps = _steps(stated, count)
    found = []
    for index, (scale, following) in enumerate(zip(scales, (*scales[1:], 1.0), strict=True)):
        shapes = [(scale, ratio) for ratio in ratios]
        if interpolated > 0:
            shapes.append((math.sqrt(scale * following), interpolated))
        if index == 0 and stated.boolean("reduce_boxes_in_lowest_layer", True):
            shapes = [(0.1, 1.0), (scale, 2.0), (scale, 0.5)]
        found.append(Anchors(tuple(_size(unit, *shape) for shape in shapes), *steps[index]))
    return tuple(found)


def _scales(stated: Section, count: int) -> tuple[float, ...]:
    scales = stated.numbers("scales")
    if not scales:
        low, high = stated.number("min_scale", 0.2), stated.number("max_scale", 0.95)
        scales = tuple(low + (high - low) * index / max(count - 1, 1) for index in range(count))
    if len(scales) != count:
        raise stated.error(f"'scales' must have one for each of {count} layers, got {len(scales)}")
    _require_positive(stated, "scales", scales)
    return scales


def _steps(stated: Section, count: int) -> list[tuple[float | None, float]]:
    """Return each map's step and offset; the configuration has the offset in pixels, a text graph in steps."""
    names = ("height_stride", "width_stride", "height_offset", "width_offset")
    columns = {name: stated.numbers(name) for name in names}
    if not any(columns.values()):
        return [(None, 0.5)] * count
    for name in ("height_stride", "width_stride"):
        if len(columns[name]) != count:
            raise stated.error(f"{name!r} must have one for each of {count} layers, got {len(columns[name])}")
        _require_positive(stated, name, columns[name])
    for axis in ("height", "width"):
        offset = f"{axis}_offset"
        columns[offset] = columns[offset] or tuple(stride / 2 for stride in columns[f"{axis}_stride"])
        if len(columns[offset]) != count:
            raise stated.error(
                f"{offset!r} must have one for each of {count} layers, got {len(columns[offset])}"
            )
    for kind in ("stride", "offset"):
        if columns[f"height_{kind}"] != columns[f"width_{kind}"]:
            raise stated.error(f"'height_{kind}' and 'width_{kind}' differ, a text graph has one for both")
    pairs = zip(columns["height_stride"], columns["height_offset"], strict=True)
    return [(stride, offset / stride) for stride, offset in pairs]


def _multiple_scales(stated: Section, width: int, height: int) -> tuple[Anchors, ...]:
    """Return what ``multiscale_anchor_generator`` means.

    On level ``l`` from ``min_level`` to ``max_level``, ratio ``a`` and octave ``k`` of ``scales_per_octave`` give an
    anchor of ``b sqrt(a) x b / sqrt(a)``, ``b = anchor_scale 2^(l + k / scales_per_octave)``, ratios outermost. Cells
    are ``2^l`` pixels apart; the first centre lies half a step from the border if that divides the picture's side, and
    on the border if it does not.
    """
    low, high = stated.integer("min_level", 3), stated.integer("max_level", 7)
    octaves = stated.integer("scales_per_octave", 2)
    ratios = stated.numbers("aspect_ratios")
    scale = stated.number("anchor_scale", 4.0)
    if not 0 <= low <= high <= 30:
        raise stated.error(f"'min_level' {low} and 'max_level' {high} must be levels from 0 to 30, in order")
    if octaves < 1:
        raise stated.error(f"'scales_per_octave' must be at least 1, got {octaves}")
    _require_positive(stated, "aspect_ratios", ratios)
    _require_positive(stated, "anchor_scale", (scale,))
    found = []
    for level in range(low, high + 1):
        step = 2**level
        scales = [2 ** (octave / octaves) for octave in range(octaves)]
        unit = (step * scale, step * scale)
        sizes = tuple(_size(unit, octave, ratio) for ratio in ratios for octave in scales)
        divided = {side % step == 0 for side in (width, height)}
        if len(divided) > 1:
            raise stated.error(
                f"level {level} divides only one of width {width} and height {height} by {step}, "
                "a text graph has one offset for both"
            )
        found.append(Anchors(sizes) if divided == {True} else Anchors(sizes, step, 0.0))
    return tuple(found)


def _size(unit: Pair, scale: float, ratio: float) -> Pair:
    return unit[0] * scale * math.sqrt(ratio), unit[1] * scale / math.sqrt(ratio)


def _require_positive(stated: Section, name: str, values: tuple[float, ...]) -> None:
    for value in values:
        if not value > 0:
            raise stated.error(f"{name!r} must be positive, got {value:g}")
