"""Bar charts, by the colours of their pixels."""

import math

import numpy as np
import pytest
from PIL import ImageColor

from jaxdnn.chart import Bar, draw_bars
from jaxdnn.drawing import COLOURS

GROUPS = ("one", "other")


def heights(bars, count):
    """Draw bars; return in which part of the picture's width and how high each group's colour stands."""
    picture = np.asarray(draw_bars("title", bars, groups=GROUPS))[:-24]  # without the legend
    found = {}
    for group in range(count):
        rows, columns = np.nonzero((picture == ImageColor.getrgb(COLOURS[group])).all(axis=2))
        found[group] = {x: rows[columns == x].max() - rows[columns == x].min() for x in np.unique(columns)}
    return found


def test_height_is_the_logarithm():
    values = [1e-6, 1e-5, 1e-4, 1e-3]
    (found,) = heights([Bar(str(v), v) for v in values], 1).values()
    levels = sorted(set(found.values()))
    assert len(levels) == 4
    steps = np.diff(levels)
    assert np.ptp(steps) <= 1  # pixels are whole


def test_bars_stand_in_order_in_their_groups_colours():
    found = heights([Bar("a", 1e-3, 0), Bar("b", 1e-3, 1), Bar("c", 1e-3, 0)], 2)
    assert min(found[0]) < min(found[1]) < max(found[1]) < max(found[0])


def test_zero_is_not_visible_and_what_is_not_finite_fills_the_height():
    found = heights([Bar("zero", 0.0, 0), Bar("nan", math.nan, 1), Bar("one", 1.0, 0)], 2)
    assert max(found[1].values()) > max(found[0].values())
    assert min(found[0]) > max(found[1])  # nothing of the first bar


@pytest.mark.parametrize("value", [1e-30, 1e30])
def test_the_axis_reaches_every_value(value):
    found = heights([Bar("a", value), Bar("b", 1.0)], 1)
    assert len(set(found[0].values())) == 2


@pytest.mark.parametrize("count", [1, 5000])
def test_any_number_of_bars(count):
    picture = draw_bars("title", [Bar("x" * 30, 0.1)] * count, groups=GROUPS)
    assert picture.size == (1000, 420)


def test_only_groups_that_occur_are_in_the_legend():
    legends = [
        np.asarray(draw_bars("", [Bar("a", 0.1, group) for group in groups], groups=GROUPS))[-24:]
        for groups in ((0,), (0, 1))
    ]
    colour = ImageColor.getrgb(COLOURS[1])
    assert [(legend == colour).all(axis=2).any() for legend in legends] == [False, True]
