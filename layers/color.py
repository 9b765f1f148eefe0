"""Colours. The last axis is red, green and blue, or hue, saturation and value."""

from __future__ import annotations

from jaxdnn.layers.base import Layer, require_one_of


class RgbToHsv(Layer):
    """Hue, saturation and value of colours.

    With V the largest and m the smallest of red, green and blue, ``value = V``, ``saturation = (V - m) / V`` (0 where V
    is 0), and the hue, in turns from 0 to 1, is a sixth of ``(g - b) / (V - m)`` where red is the largest,
    ``2 + (b - r) / (V - m)`` where green is, ``4 + (r - g) / (V - m)`` elsewhere; 0 for a grey.
    """


class HsvToRgb(Layer):
    """The colour of a hue in turns, a saturation and a value.

    ``value * (1 - saturation + saturation * c)`` with ``c = clip(|6h - 3| - 1)`` for red, ``clip(2 - |6h - 2|)`` for
    green and ``clip(2 - |6h - 4|)`` for blue, each cut to 0 … 1.
    """


class AdjustHsv(Layer):
    """Colours of another hue, to which a number of turns is added, or of another saturation.

    Inputs: colours; the summand, or the factor of the saturation, which stays between 0 and 1; a scalar.

    Attributes:
        channel: ``hue`` or ``saturation``.
    """

    channel: str

    def __post_init__(self) -> None:
        require_one_of(("hue", "saturation"), channel=self.channel)
