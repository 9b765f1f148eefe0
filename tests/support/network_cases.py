"""Layers that networks of other libraries are made of, for the table in ``docs/layers.md``."""

from __future__ import annotations

import numpy as np

from jaxdnn.layers.activation import Hardmax, LogSoftmax, Softmax
from jaxdnn.layers.directed import DirectedGru, DirectedLstm, DirectedRnn
from jaxdnn.layers.normalization import MeanVarianceNorm
from jaxdnn.layers.patches import Col2Im, DeformableConv
from jaxdnn.layers.pooling import Pool
from jaxdnn.layers.resize import Resize
from jaxdnn.layers.roi import RoiAlign
from jaxdnn.layers.sampling import AffineGrid, GridSample
from jaxdnn.layers.suppression import ClassSuppression
from support.case import Case, image, noise, positive

_TANH, _SIGMOID = ("tanh", 0.0, 0.0), ("sigmoid", 0.0, 0.0)
_BOTH = ("forward", "reverse")
_SEQUENCE = noise(5, 2, 3)
_REGIONS = np.array([[0, 0.2, 0.1, 4.3, 5.2], [1, 1.1, 2.2, 3.9, 6.7]], np.float32)
_CORNERS = positive(1, 5, 2)


def _sampled() -> list[Case]:
    grid = noise(2, 3, 4, 2, seed=1)
    offset, factors = noise(2, 18, 6, 4, seed=1), noise(2, 9, 6, 4, seed=2)
    return [
        *(
            Case(f"Grid sample, {mode}", GridSample(mode=mode), (image(), grid), "sampling", indices=(1,))
            for mode in ("nearest", "linear", "cubic")
        ),
        Case("Affine grid", AffineGrid(size=(2, 1, 3, 4)), (noise(2, 2, 3),), "sampling"),
        Case("col2im", Col2Im(size=(4, 5), kernel=(2, 2)), (noise(2, 8, 12),), "patches"),
        Case(
            "Deformable convolution",
            DeformableConv(filters=3, kernel=3, mask=True),
            (image(), offset, factors),
            "patches",
        ),
    ]


NETWORK_CASES = [
    *_sampled(),
    Case("Softmax over several axes", Softmax(later_axes=True), (image(),), "activation"),
    Case("Log-softmax over several axes", LogSoftmax(later_axes=True), (image(),), "activation"),
    Case("Hardmax", Hardmax(), (image(),), "activation"),
    Case(
        "Division by the root mean square",
        MeanVarianceNorm(axis=-1, subtract_mean=False, epsilon_inside=True),
        (image(),),
        "normalization",
    ),
    Case("Pooling, sum, dilated", Pool(statistic="sum", kernel=2, dilation=2), (image(),), "pooling"),
    Case("Resize with antialiasing", Resize(size=(3, 4), antialias=True), (image(),), "resize"),
    Case(
        "Resize of a region",
        Resize(size=(3, 4), coordinates="crop", regions=((0.1, 0.9), (-0.2, 1.0))),
        (image(),),
        "resize",
    ),
    Case(
        "ROIAlign, largest corner",
        RoiAlign(output=(2, 2), samples=2, statistic="corner_max"),
        (image(), _REGIONS),
        "roi",
        indices=(1,),
    ),
    Case(
        "RNN in both directions",
        DirectedRnn(units=4, directions=_BOTH, functions=((_TANH,),) * 2),
        (_SEQUENCE,),
        "directed",
        outputs=2,
    ),
    Case(
        "GRU in both directions",
        DirectedGru(units=4, directions=_BOTH, functions=((_SIGMOID, _TANH),) * 2),
        (_SEQUENCE,),
        "directed",
        outputs=2,
    ),
    Case(
        "LSTM in both directions",
        DirectedLstm(units=4, directions=_BOTH, functions=((_SIGMOID, _TANH, _TANH),) * 2, peephole=True),
        (_SEQUENCE,),
        "directed",
        outputs=3,
    ),
    Case(
        "NMS of all classes and images",
        ClassSuppression(count=2),
        (np.concatenate([_CORNERS, _CORNERS + 0.3], axis=-1), positive(1, 2, 5, seed=1)),
        "suppression",
    ),
]
