"""Labelled boxes on pictures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageColor, ImageDraw, ImageFont

Box = tuple[float, float, float, float]

_COLOURS = ("#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7", "#ffffff")
"""Okabe and Ito's palette, which colour-blind people can tell apart."""

_READABLE = 320
"""A picture whose shorter side has fewer pixels is enlarged, or labels would cover it."""


@dataclass(frozen=True)
class Mark:
    """What is drawn for one object.

    Attributes:
        text: the label.
        box: left, top, right, bottom in pixels of the picture; None for a caption at the top.
        group: marks of one group have one colour.
    """

    text: str
    box: Box | None = None
    group: int = 0


def draw(image: np.ndarray, marks: Sequence[Mark]) -> np.ndarray:
    """Return a picture (blue, green, red) with marks on it; a small one is enlarged by a whole factor.

    Lines and letters grow with the picture. A label stands above its box, or below or in it where it would
    stick out or hide an earlier label.
    """
    factor = math.ceil(_READABLE / min(image.shape[:2]))
    canvas = Image.fromarray(np.ascontiguousarray(image[..., ::-1].repeat(factor, 0).repeat(factor, 1)))
    pen = ImageDraw.Draw(canvas)
    unit = max(1, round(min(canvas.size) / 220))
    boxes = [mark.box and _fit_box(mark.box, factor, canvas.size) for mark in marks]
    for mark, box in zip(marks, boxes, strict=True):
        if box:
            pen.rectangle(box, outline=_colour(mark), width=unit)
    taken: list[Box] = []
    for mark, box in zip(marks, boxes, strict=True):
        _draw_label(pen, mark, box or (0, 0, 0, 0), canvas.size, unit, taken)
    return np.ascontiguousarray(np.asarray(canvas)[..., ::-1])


def _colour(mark: Mark) -> str:
    return _COLOURS[mark.group % len(_COLOURS)]


def _fit_box(box: Box, factor: int, size: tuple[int, int]) -> Box:
    """Scale a box and move its corners into the canvas; the right bottom one never before the left top."""
    width, height = size
    left, top = (min(max(v * factor, 0), limit - 1) for v, limit in zip(box[:2], size, strict=True))
    right, bottom = min(max(box[2] * factor, left), width - 1), min(max(box[3] * factor, top), height - 1)
    return left, top, right, bottom


def _draw_label(
    pen: ImageDraw.ImageDraw, mark: Mark, box: Box, size: tuple[int, int], unit: int, taken: list[Box]
) -> None:
    """Write a mark's text on a filled rectangle, where it fits and hides no earlier one if possible."""
    padding = unit + 1
    text, font = _fit_text(mark.text, 6 * unit + 6, size[0] - 2 * padding)
    width = font.getlength(text) + 2 * padding
    height = font.getbbox("Ág" + text)[3] + 2 * padding
    left = max(0, min(box[0], size[0] - width))
    places = [
        (left, top, left + width, top + height)
        for top in (box[1] - height, box[1], box[3], box[3] - height)
        if 0 <= top <= size[1] - height
    ] or [(left, 0, left + width, height)]
    place = next((p for p in places if not any(_overlap(p, other) for other in taken)), places[0])
    taken.append(place)
    colour = _colour(mark)
    luma = np.dot(ImageColor.getrgb(colour), (0.299, 0.587, 0.114))
    pen.rectangle(place, fill=colour)
    pen.text((place[0] + padding, place[1] + padding), text, "black" if luma > 110 else "white", font)


def _fit_text(
    text: str, letters: int, room: float
) -> tuple[str, ImageFont.FreeTypeFont | ImageFont.ImageFont]:
    """Make letters smaller, down to 12 pixels, and then cut the text, until it fits."""
    font = ImageFont.load_default(letters)
    while font.getlength(text) > room and letters > 12:
        letters -= 1
        font = ImageFont.load_default(letters)
    while font.getlength(text) > room and len(text) > 1:
        text = text[:-2] + "…"
    return text, font


def _overlap(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
