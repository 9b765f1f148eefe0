"""A chart of what libraries take for networks."""

from __future__ import annotations

import math
from collections.abc import Mapping

from PIL import Image, ImageDraw, ImageFont

from jaxdnn.drawing import COLOURS

_WIDTH, _LEFT, _RIGHT, _TOP = 900, 160, 60, 56
_BAR, _GAP, _LETTERS = 10, 12, 13
_MOST = 4.0
"""The axis ends here; longer bars are cut off, and say so."""


def draw_ratios(title: str, ratios: Mapping[str, Mapping[str, float]]) -> Image.Image:
    """Draw bars from left to right: for each network what each library takes, 1 being a line.

    Args:
        title: what 1 is.
        ratios: by network and library; bars of what is not a number are left out.
    """
    libraries = list(dict.fromkeys(name for row in ratios.values() for name in row))
    block = _BAR * len(libraries) + _GAP
    height = _TOP + block * len(ratios) + 24
    canvas = Image.new("RGB", (_WIDTH, height), "white")
    pen, font = ImageDraw.Draw(canvas), ImageFont.load_default(_LETTERS)
    unit = (_WIDTH - _LEFT - _RIGHT) / _MOST
    pen.text((12, 16), title, "black", font, anchor="lm")
    x = float(_LEFT)
    for number, library in enumerate(libraries):
        pen.rectangle((x, 32, x + 12, 44), COLOURS[number])
        pen.text((x + 18, 38), library, "black", font, anchor="lm")
        x += 40 + font.getlength(library)
    for tick in range(int(_MOST) + 1):
        x = _LEFT + tick * unit
        pen.line((x, _TOP, x, height - 20), "black" if tick == 1 else "#cccccc")
        pen.text((x, height - 10), str(tick), "black", font, anchor="mm")
    for row, (network, values) in enumerate(ratios.items()):
        top = _TOP + row * block + _GAP / 2
        pen.text((_LEFT - 10, top + (block - _GAP) / 2), network, "black", font, anchor="rm")
        for number, library in enumerate(libraries):
            value = values.get(library, math.nan)
            if math.isfinite(value):
                y = top + number * _BAR
                end = _LEFT + min(value, _MOST) * unit
                pen.rectangle((_LEFT, y, end, y + _BAR - 2), COLOURS[number])
                if value > _MOST:
                    pen.text((end + 4, y + _BAR / 2 - 1), f"{value:.1f}", "black", font, anchor="lm")
    return canvas
