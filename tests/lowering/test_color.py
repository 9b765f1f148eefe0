"""Colours, against Python's own conversions, one colour at a time."""

import colorsys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from jaxdnn import LayerError, ShapeError
from jaxdnn.layers.color import AdjustHsv, HsvToRgb, RgbToHsv
from support.layer import assert_close, run

units = st.integers(0, 64).map(lambda value: np.float32(value / 64))
COLORS = hnp.arrays(np.float32, (2, 3, 3), elements=units)


def each(function, x):
    return np.array([function(*map(float, row)) for row in x.reshape(-1, 3)]).reshape(x.shape)


@settings(max_examples=25)
@given(COLORS)
def test_there_and_back(x):
    hsv = run(RgbToHsv(), x)
    assert_close(hsv, each(colorsys.rgb_to_hsv, x))
    assert_close(run(HsvToRgb(), hsv), x)


@settings(max_examples=25)
@given(COLORS)
def test_back(x):
    assert_close(run(HsvToRgb(), x), each(colorsys.hsv_to_rgb, x))


@settings(max_examples=25)
@given(COLORS, st.sampled_from([-1.25, -0.1, 0, 0.4]), st.sampled_from([0, 0.5, 3]))
def test_adjusted(x, turns, factor):
    def turned(r, g, b):
        h, s, v = colorsys.rgb_to_hsv(r, g, b)
        return colorsys.hsv_to_rgb((h + turns) % 1, s, v)

    def saturated(r, g, b):
        h, s, v = colorsys.rgb_to_hsv(r, g, b)
        return colorsys.hsv_to_rgb(h, min(s * factor, 1), v)

    assert_close(run(AdjustHsv(channel="hue"), x, np.float32(turns)), each(turned, x))
    assert_close(run(AdjustHsv(channel="saturation"), x, np.float32(factor)), each(saturated, x))


def test_what_does_not_fit():
    with pytest.raises(ShapeError, match="the last axis of 2x4 is not three channels"):
        run(RgbToHsv(), np.zeros((2, 4), np.float32))
    with pytest.raises(LayerError, match="channel must be one of hue, saturation, got 'value'"):
        AdjustHsv(channel="value")
