"""Labelled boxes on pictures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageColor, ImageDraw, ImageFont

Box = tuple[float, float, float, float]

COLOURS = ("#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7", "#ffffff")
"""Okabe and Ito's palette, which colour-blind people can tell apart."""

_READABLE = 320
"""A picture whose shorter side has fewer pixels is enlarged, or labels would cover it."""

_SMALLEST = 11
"""Height of the smallest letters, in pixels."""


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

    Lines and letters grow with the picture, but letters only up to half the height of the usual box. A label
    stands above its box, or below, beside or in it where it would stick out or hide a label or a box.
    """
    factor = math.ceil(_READABLE / min(image.shape[:2]))
    canvas = Image.fromarray(np.ascontiguousarray(image[..., ::-1].repeat(factor, 0).repeat(factor, 1)))
    pen = ImageDraw.Draw(canvas)
    boxes = [mark.box and _fit_box(mark.box, factor, canvas.size) for mark in marks]
    letters = _letters(canvas.size, [box for box in boxes if box])
    unit = max(1, (letters - 6) // 6)
    for mark, box in zip(marks, boxes, strict=True):
        if box:
            pen.rectangle(box, outline=_colour(mark), width=unit)
    taken = [box for box in boxes if box]
    caption: Box = (0, 0, 0, 0)
    for mark, box in zip(marks, boxes, strict=True):
        place = _draw_label(pen, mark, box or caption, canvas.size, letters, taken)
        taken.append(place)
        if not box:  # the next caption stands below
            caption = (0, place[3], 0, place[3])
    return np.ascontiguousarray(np.asarray(canvas)[..., ::-1])


def _letters(size: tuple[int, int], boxes: list[Box]) -> int:
    """Return the height of letters."""
    largest = 6 * max(1, round(min(size) / 220)) + 6
    if not boxes:
        return largest
    usual = float(np.median([box[3] - box[1] for box in boxes]))
    return max(_SMALLEST, min(largest, round(usual / 2)))


def _colour(mark: Mark) -> str:
    return COLOURS[mark.group % len(COLOURS)]


def _fit_box(box: Box, factor: int, size: tuple[int, int]) -> Box:
    """Scale a box and move its corners into the canvas; the right bottom one never before the left top."""
    width, height = size
    left, top = (min(max(v * factor, 0), limit - 1) for v, limit in zip(box[:2], size, strict=True))
    right, bottom = min(max(box[2] * factor, left), width - 1), min(max(box[3] * factor, top), height - 1)
    return left, top, right, bottom


def _draw_label(
    pen: ImageDraw.ImageDraw,
    mark: Mark,
    box: Box,
    size: tuple[int, int],
    letters: int,
    taken: list[Box],
) -> Box:
    """Write a mark's text on a filled rectangle where it hides least, and return the rectangle."""
    padding = 1 + letters // 9
    text, font = _fit_text(mark.text, letters, size[0] - 2 * padding)
    width = font.getlength(text) + 2 * padding
    height = font.getbbox("Ág" + text)[3] + 2 * padding
    corners = [
        (box[0], box[1] - height),
        (box[0], box[3]),
        (box[2], box[1]),
        (box[0] - width, box[1]),
        (box[0], box[1]),
    ]
    places = [_moved_inside((x, y, x + width, y + height), size) for x, y in corners]
    others = np.array(taken).reshape(-1, 4)
    place = min(places, key=lambda place: _hidden(others, place))
    colour = _colour(mark)
    luma = np.dot(ImageColor.getrgb(colour), (0.299, 0.587, 0.114))
    pen.rectangle(place, fill=colour)
    pen.text((place[0] + padding, place[1] + padding), text, "black" if luma > 110 else "white", font)
    return place


def _moved_inside(place: Box, size: tuple[int, int]) -> Box:
    """Shift a place so far that it does not stick out."""
    width, height = place[2] - place[0], place[3] - place[1]
    left, top = max(0, min(place[0], size[0] - width)), max(0, min(place[1], size[1] - height))
    return left, top, left + width, top + height


def _fit_text(
    text: str, letters: int, room: float
) -> tuple[str, ImageFont.FreeTypeFont | ImageFont.ImageFont]:
    """Make letters smaller, down to :data:`_SMALLEST`, and then cut the text, until it fits."""
    font = ImageFont.load_default(letters)
    while font.getlength(text) > room and letters > _SMALLEST:
        letters -= 1
        font = ImageFont.load_default(letters)
    while font.getlength(text) > room and len(text) > 1:
        text = text[:-2] + "…"
    return text, font


def _hidden(boxes: np.ndarray, place: Box) -> float:
    """Return how many boxes (n, 4) a place covers, a partly covered one as its share."""
    common = np.minimum(boxes[:, 2:], place[2:]) - np.maximum(boxes[:, :2], place[:2])
    area = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    return float((common.clip(0).prod(axis=1) / area.clip(1)).sum())
