"""Scenes: handwritten digits of all sizes scattered over a cluttered grey background."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from examples.handwriting import Digits, draw_digit

WIDTH, HEIGHT = 256, 192
HEIGHTS = 20, 60
"""Of digits, in pixels."""
TRIES = 6, 30
"""How many digits are put into a scene, if there is room."""


@dataclass(frozen=True)
class Stamp:
    """A drawn digit, cut out.

    Attributes:
        ink: (height, width), 0 where there is none, 1 where it covers the background.
        label: which digit it is.
    """

    ink: np.ndarray
    label: int


@dataclass(frozen=True)
class Scene:
    """A picture with digits in it.

    Attributes:
        picture: (HEIGHT, WIDTH), uint8.
        boxes: (n, 4), left, top, right, bottom in pixels.
        labels: (n,).
    """

    picture: np.ndarray
    boxes: np.ndarray
    labels: np.ndarray


def draw_stamps(digits: Digits, copies: int, rng: np.random.Generator) -> list[Stamp]:
    """Return each digit drawn ``copies`` times, of random size, width and slant."""
    stamps = []
    for pixels, label in zip(*digits, strict=True):
        for _ in range(copies):
            height = int(np.exp(rng.uniform(*np.log(HEIGHTS))))
            width = max(1, int(height * rng.uniform(0.75, 1.0)))
            ink = draw_digit(pixels, (width, height), rng.uniform(-12, 12), 2 * height)
            rows, columns = (np.flatnonzero(ink.max(axis=axis) > 0.3) for axis in (1, 0))
            ink = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
            stamps.append(Stamp(ink, int(label)))
    return stamps


def draw_background(rng: np.random.Generator) -> np.ndarray:
    """Return light and shadow with lines, frames and blots, 0..255 (HEIGHT, WIDTH)."""
    shade = rng.uniform(110, 215) + rng.normal(0, 16, (5, 6))
    cloud = Image.fromarray(shade.astype(np.float32)).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
    canvas = Image.fromarray(np.asarray(cloud).clip(0, 255).astype(np.uint8))
    pen = ImageDraw.Draw(canvas)
    for _ in range(rng.integers(6, 22)):
        x, y = int(rng.integers(-10, WIDTH)), int(rng.integers(-10, HEIGHT))
        box = (x, y, x + int(rng.integers(4, 90)), y + int(rng.integers(4, 90)))
        grey = int(np.clip(canvas.getpixel((max(x, 0), max(y, 0))) + rng.normal(0, 28), 0, 255))
        width = int(rng.integers(1, 5))
        kind = rng.integers(5)
        if kind == 0:
            pen.line(box, grey, width)
        elif kind == 1:
            pen.arc(box, rng.uniform(0, 360), rng.uniform(0, 360), grey, width)
        elif kind == 2:
            pen.rectangle(box, outline=grey, width=width)
        elif kind == 3:
            pen.ellipse(box, fill=grey)
        else:
            pen.rectangle(box, fill=grey)
    return np.asarray(canvas.filter(ImageFilter.GaussianBlur(rng.uniform(0.4, 1.6))), np.float32)


def draw_scene(stamps: list[Stamp], backgrounds: list[np.ndarray], rng: np.random.Generator) -> Scene:
    """Put digits on a background where they do not touch each other."""
    picture = backgrounds[rng.integers(len(backgrounds))][:, :: rng.choice([1, -1])].copy()
    boxes, labels = np.zeros((0, 4), int), []
    for index in rng.integers(len(stamps), size=rng.integers(*TRIES)):
        ink = stamps[index].ink
        height, width = ink.shape
        left, top = int(rng.integers(2, WIDTH - width - 1)), int(rng.integers(2, HEIGHT - height - 1))
        box = np.array([left, top, left + width, top + height])
        if overlaps(box[None] + (-2, -2, 2, 2), boxes).any():
            continue
        part = picture[top : top + height, left : left + width]
        part += ink * (part.mean() * rng.uniform(0.0, 0.45) - part)
        boxes = np.concatenate([boxes, box[None]])
        labels.append(stamps[index].label)
    picture += rng.normal(0, rng.uniform(0, 6), picture.shape)
    return Scene(picture.clip(0, 255).astype(np.uint8), boxes, np.array(labels, int))


def overlaps(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the intersections over unions (n, m) of boxes (n, 4) with boxes (m, 4)."""
    low, high = np.maximum(a[:, None, :2], b[:, :2]), np.minimum(a[:, None, 2:], b[:, 2:])
    common = np.maximum(high - low, 0).prod(axis=2)
    area, other = ((boxes[:, 2:] - boxes[:, :2]).prod(axis=1) for boxes in (a, b))
    return common / (area[:, None] + other - common)
