"""Resizing in ONNX Runtime, by its operator or by what it is made of, against the layers."""

import itertools

import numpy as np
import pytest

from jaxdnn.layers.resize import CropAndResize, Interp, Resample, Resize, ScaleAndTranslate
from support.layer import net_of
from support.onnx_runtime import check, check_export, operators

rng = np.random.default_rng(3)
X = rng.standard_normal((2, 3, 6, 5)).astype(np.float32)

LAYERS = [
    Resize(size=(12, 10), mode="nearest", coordinates="asymmetric"),
    Resize(scale=(2.0, 3.0), mode="nearest", coordinates="asymmetric"),
    Resize(size=(12, 5), axes=(1, 2)),
    *(
        Resize(size=size, mode=mode, coordinates=coordinates)
        for size, mode, coordinates in itertools.product(
            [(9, 12), (3, 4), (1, 5)], ["linear", "cubic"], ["half_pixel", "asymmetric", "align_corners"]
        )
    ),
    Resize(scale=(1.7, 0.6), mode="linear", coordinates="half_pixel"),
    Resize(size=(9, 7), mode="cubic", exclude_outside=True, coefficient=-0.5),
    Interp(zoom=3),
    Interp(shrink=2),
]
OTHERS = [
    *(
        Resize(size=(9, 4), mode="nearest", coordinates=coordinates, rounding=rounding)
        for coordinates, rounding in itertools.product(
            ["half_pixel", "asymmetric", "align_corners"], ["floor", "ceil", "half_up", "half_down"]
        )
    ),
    Resize(size=(3, 4), mode="area", coordinates="asymmetric"),
    Resize(size=(9, 7), mode="cubic", steps=32),
    Resize(size=(4,), axes=(1,)),
    Resample(size=(4, 7)),
    ScaleAndTranslate(axes=(2, 3), size=(4, 7), scale=(0.7, 1.4)),
]


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: str(layer.attributes()))
def test_operator(layer):
    assert "Resize" in operators(check(net_of(layer, X), {"x0": X}, 2e-6))


@pytest.mark.parametrize("layer", OTHERS, ids=lambda layer: str(layer.attributes()))
def test_what_the_operator_does_otherwise(layer):
    assert "Resize" not in operators(check(net_of(layer, X), {"x0": X}, 2e-6))


@pytest.mark.parametrize("mode", ["linear", "nearest"])
@pytest.mark.parametrize("extrapolation", [None, 0.5])
def test_crop_and_resize(mode, extrapolation):
    boxes = rng.uniform(-0.3, 1.3, (4, 4)).astype(np.float32)
    image = np.array([1, 0, 0, 1], np.int32)
    layer = CropAndResize(size=(3, 4), mode=mode, extrapolation=extrapolation)
    check_export(net_of(layer, X, boxes, image), (X, boxes, image))
