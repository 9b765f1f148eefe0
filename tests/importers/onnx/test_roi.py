"""Features of regions and sampled images against ONNX Runtime."""

import numpy as np
import pytest

from jaxdnn import JaxdnnError
from support.layer import assert_close
from support.onnx_graphs import compute, one_op, reference, run, runtime


def noise(*shape, seed=0):
    return np.random.default_rng(seed + sum(shape)).standard_normal(shape).astype(np.float32)


def check(tmp_path, op, arrays, *, independent=runtime, **options):
    made, fed = one_op(op, arrays, **options)
    path = tmp_path / "model.onnx"
    path.write_bytes(made.SerializeToString())
    for got, want in zip(run(path, fed), independent(made, fed), strict=True):
        assert_close(got, want)


X = noise(2, 3, 6, 7)
REGIONS = np.array([[0, 0, 5, 5], [2.3, 1.7, 6.1, 4.2], [-3, -2, 9, 12], [3, 3, 3.2, 3.1]], np.float32)
IMAGES = np.array([0, 1, 1, 0])


@pytest.mark.parametrize("mode", ["avg", "max"])
@pytest.mark.parametrize("samples", [0, 2])
@pytest.mark.parametrize("coordinates", [None, "half_pixel", "output_half_pixel"])
def test_roi_align(tmp_path, mode, samples, coordinates):
    options = {
        "mode": mode,
        "sampling_ratio": samples,
        "output_height": 2,
        "output_width": 3,
        "spatial_scale": 0.9,
    }
    if coordinates:
        options["coordinate_transformation_mode"] = coordinates
    check(tmp_path, "RoiAlign", [X, REGIONS, IMAGES], feeds=None, opset=16, **options)


def test_roi_align_of_the_first_version_does_not_shift(tmp_path):
    check(
        tmp_path,
        "RoiAlign",
        [X, REGIONS, IMAGES],
        opset=10,
        output_height=2,
        output_width=2,
        sampling_ratio=2,
    )


@pytest.mark.parametrize("mode", ["linear", "nearest", "cubic"])
@pytest.mark.parametrize("outside", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("corners", [0, 1])
def test_grid_sample(tmp_path, mode, outside, corners):
    grid = 1.7 * noise(2, 5, 4, 2)
    options = {"mode": mode, "padding_mode": outside, "align_corners": corners}
    check(tmp_path, "GridSample", [X, grid], feeds=None, opset=20, **options)


def test_grid_sample_of_the_first_version_and_of_volumes(tmp_path):
    grid = noise(2, 5, 4, 2)
    for mode in ("bilinear", "nearest", "bicubic"):
        check(tmp_path, "GridSample", [X, grid], opset=16, mode=mode)
    volume = noise(1, 2, 3, 4, 5)
    for mode in ("linear", "nearest"):
        check(
            tmp_path,
            "GridSample",
            [volume, noise(1, 2, 3, 2, 3)],
            opset=20,
            mode=mode,
            padding_mode="reflection",
        )


@pytest.mark.parametrize("corners", [0, 1])
@pytest.mark.parametrize("size", [(2, 3, 4, 5), (2, 3, 2, 4, 5)])
def test_affine_grid(tmp_path, corners, size):
    rank = len(size) - 2
    arrays = [noise(2, rank, rank + 1), np.array(size)]
    check(tmp_path, "AffineGrid", arrays, opset=20, align_corners=corners, independent=reference)


@pytest.mark.parametrize(
    ("op", "arrays", "attributes", "message"),
    [
        ("RoiAlign", [X, REGIONS, IMAGES], {"mode": "mean"}, "'mode' must be one of avg, max, got 'mean'"),
        ("RoiAlign", [X, REGIONS, IMAGES], {"output_height": 0}, "output must be at least 1, got 0"),
        ("GridSample", [X, noise(2, 4, 2)], {}, "the grid 2x4x2 does not fit images of 2x3x6x7"),
        ("AffineGrid", [noise(2, 2, 3), np.array([2, 1, 4])], {}, "matrices are 2x2x3, 2x1x2 expected"),
        (
            "AffineGrid",
            [noise(2, 2, 3), np.array([2, 1])],
            {},
            "size must be batch, channels and spatial sizes",
        ),
    ],
)
def test_errors(tmp_path, op, arrays, attributes, message):
    with pytest.raises(JaxdnnError, match=message):
        compute(tmp_path, op, *arrays, opset=20, **attributes)
