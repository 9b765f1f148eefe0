"""Bar charts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

from jaxdnn.drawing import COLOURS

_SIZE = (1000, 420)
_MARGINS = (78, 46, 20, 56)
"""Left, top, right, bottom, in pixels."""

_LETTERS = 14
_DECADES = (-8, 1)
"""The powers of ten that the axis reaches from and to, at the least."""

_MOST_LINES = 20


@dataclass(frozen=True)
class Bar:
    """One bar.

    Attributes:
        label: what it stands for.
        value: its height; one that is not a finite number is drawn over the whole height.
        group: bars of one group have one colour.
    """

    label: str
    value: float
    group: int = 0


def draw_bars(title: str, bars: Sequence[Bar], *, groups: Sequence[str]) -> Image.Image:
    """Draw positive numbers of many magnitudes as bars from left to right, on a logarithmic axis.

    A bar of height zero is not visible. The first and the last bar, and the highest, are labelled.

    Args:
        title: what the numbers are.
        bars: at least one.
        groups: the groups' names, which the legend shows.
    """
    positive = [bar.value for bar in bars if math.isfinite(bar.value) and bar.value > 0]
    low = min(_DECADES[0], math.ceil(math.log10(min(positive, default=1))) - 1)  # the lowest bar is visible
    high = max(_DECADES[1], math.ceil(math.log10(max(positive, default=1))))
    left, top, right, bottom = _MARGINS
    width, height = _SIZE[0] - left - right, _SIZE[1] - top - bottom
    canvas = Image.new("RGB", _SIZE, "white")
    pen, font = ImageDraw.Draw(canvas), ImageFont.load_default(_LETTERS)

    def y(value: float) -> float:
        if not math.isfinite(value):
            return top
        level = max(math.log10(value), low) if value > 0 else low
        return top + height * (high - level) / (high - low)

    for decade in range(low, high + 1, math.ceil((high - low) / _MOST_LINES)):
        pen.line((left, y(10.0**decade), _SIZE[0] - right, y(10.0**decade)), "#dddddd")
        pen.text((left - 8, y(10.0**decade)), f"1e{decade:+d}", "black", font, anchor="rm")
    step = width / len(bars)
    for index, bar in enumerate(bars):
        x = left + index * step
        if y(bar.value) < top + height:
            gap = step / 5 if step > 4 else 0
            pen.rectangle((x, y(bar.value), max(x, x + step - gap - 1), top + height), _colour(bar))
    pen.line((left, top + height, _SIZE[0] - right, top + height), "black")
    pen.text((left, 14), title, "black", font)
    highest = max(range(len(bars)), key=lambda i: -y(bars[i].value))
    _label(pen, font, bars, highest, (left, step), top + height + 6)
    x = float(left)
    for group, name in enumerate(groups):
        if any(bar.group == group for bar in bars):
            pen.rectangle((x, _SIZE[1] - 22, x + 12, _SIZE[1] - 10), COLOURS[group])
            pen.text((x + 18, _SIZE[1] - 16), name, "black", font, anchor="lm")
            x += 36 + font.getlength(name)
    return canvas


def _colour(bar: Bar) -> str:
    return COLOURS[bar.group % len(COLOURS)]


def _label(
    pen: ImageDraw.ImageDraw,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    bars: Sequence[Bar],
    highest: int,
    axis: tuple[float, float],
    y: float,
) -> None:
    """Write the labels of the first, the last and the highest bar below the axis, where they do not collide."""
    taken: list[tuple[float, float]] = []
    for index in dict.fromkeys((highest, 0, len(bars) - 1)):
        text = bars[index].label + (" (highest)" if index == highest else "")
        long = font.getlength(text)
        x = min(max(axis[0] + (index + 0.5) * axis[1] - long / 2, axis[0]), _SIZE[0] - _MARGINS[2] - long)
        if all(x + long < a - 8 or x > b + 8 for a, b in taken):
            pen.text((x, y), text, "black", font)
            taken.append((x, x + long))
