"""Grey-scale dilation, against a loop over windows, and OpenCV's where the filter is flat."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxdnn import LayerError, ShapeError
from jaxdnn.layers.morphology import Dilation
from support.layer import run

RNG = np.random.default_rng(0)


@settings(max_examples=25)
@given(st.integers(1, 3), st.integers(1, 3), st.integers(1, 2), st.integers(1, 2), st.sampled_from([0, 1]))
def test_against_a_loop(height, width, stride, dilation, padding):
    x = RNG.normal(size=(2, 7, 6, 3)).astype(np.float32)
    shifts = RNG.normal(size=(height, width, 3)).astype(np.float32)
    layer = Dilation(stride=stride, padding=padding, dilation=dilation)
    pads = [(0, 0), (padding, padding), (padding, padding), (0, 0)]
    wide = np.pad(x, pads, constant_values=-np.inf)
    rows, columns = (
        (n + 2 * padding - dilation * (k - 1) - 1) // stride + 1 for n, k in ((7, height), (6, width))
    )
    want = np.empty((2, rows, columns, 3), np.float32)
    for r in range(rows):
        for c in range(columns):
            top, left = r * stride, c * stride
            window = wide[
                :, top : top + dilation * height : dilation, left : left + dilation * width : dilation
            ]
            want[:, r, c] = (window[:, :height, :width] + shifts).max((1, 2))
    np.testing.assert_array_equal(run(layer, x, shifts), want)


def test_a_flat_filter_is_opencvs():
    x = RNG.integers(-9, 9, (1, 8, 8, 1)).astype(np.int32)
    got = run(Dilation(padding="same_upper"), x, np.zeros((3, 3, 1), np.int32))
    want = cv2.dilate(x[0, :, :, 0].astype(np.float32), np.ones((3, 3), np.uint8))
    np.testing.assert_array_equal(got[0, :, :, 0], want)


def test_what_does_not_fit():
    with pytest.raises(ShapeError, match="a filter 2x2x4 does not fit 1x5x5x3"):
        run(Dilation(), np.zeros((1, 5, 5, 3), np.float32), np.zeros((2, 2, 4), np.float32))
    with pytest.raises(LayerError, match="stride must be at least 1"):
        Dilation(stride=0)
