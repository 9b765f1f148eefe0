"""Resize and Upsample against ONNX Runtime."""

import numpy as np
import pytest

from jaxdnn import JaxdnnError
from support.layer import assert_close
from support.onnx_graphs import compute, load, node, one_op, run, runtime, tensor

X = np.random.default_rng(0).standard_normal((1, 2, 5, 7)).astype(np.float32)
NONE = np.zeros(0, np.float32)


def check(tmp_path, arrays, *, op="Resize", opset=19, **attributes):
    made, fed = one_op(op, arrays, opset=opset, **attributes)
    path = tmp_path / "model.onnx"
    path.write_bytes(made.SerializeToString())
    for got, want in zip(run(path, fed), runtime(made, fed), strict=True):
        assert_close(got, want)


def scales(*values):
    return [X, None, np.array(values, np.float32)]


def sizes(*values):
    return [X, None, None, np.array(values, np.int64)]


COORDINATES = [
    *("half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric"),
]


@pytest.mark.parametrize("coordinates", COORDINATES)
@pytest.mark.parametrize("mode", ["nearest", "linear", "cubic"])
def test_sizes(tmp_path, mode, coordinates):
    for size in ((1, 2, 8, 10), (1, 2, 3, 4), (1, 2, 1, 7)):
        check(tmp_path, sizes(*size), mode=mode, coordinate_transformation_mode=coordinates)


@pytest.mark.parametrize(
    "coordinates", ["half_pixel", "half_pixel_symmetric", "asymmetric", "pytorch_half_pixel"]
)
@pytest.mark.parametrize("mode", ["nearest", "linear", "cubic"])
def test_scales(tmp_path, mode, coordinates):
    for factors in ((1, 1, 1.9, 0.7), (1, 1, 2, 3)):
        check(tmp_path, scales(*factors), mode=mode, coordinate_transformation_mode=coordinates)


def test_whole_lengths_count_for_aligned_corners(tmp_path):
    """As in PyTorch and ONNX Runtime; the standard's own examples take size * scale even if that is a fraction."""
    options = {"coordinate_transformation_mode": "align_corners"}
    check(tmp_path, scales(1, 1, 0.7, 1.5), mode="linear", **options)


@pytest.mark.parametrize("rounding", ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"])
def test_nearest(tmp_path, rounding):
    for coordinates in ("half_pixel", "asymmetric"):
        options = {"nearest_mode": rounding, "coordinate_transformation_mode": coordinates}
        check(tmp_path, sizes(1, 2, 10, 4), mode="nearest", **options)


def test_nearest_of_old_tensorflow(tmp_path):
    options = {"nearest_mode": "floor", "coordinate_transformation_mode": "tf_half_pixel_for_nn"}
    check(tmp_path, [X, NONE, NONE, np.array([1, 2, 7, 3])], opset=11, mode="nearest", **options)


@pytest.mark.parametrize("mode", ["linear", "cubic"])
@pytest.mark.parametrize("outside", [0, 1])
def test_antialias(tmp_path, mode, outside):
    options = {"mode": mode, "antialias": 1, "exclude_outside": outside}
    check(tmp_path, sizes(1, 2, 3, 3), **options)
    check(tmp_path, scales(1, 1, 0.6, 1.5), **options)


def test_cubic_attributes(tmp_path):
    check(tmp_path, sizes(1, 2, 8, 4), mode="cubic", cubic_coeff_a=-0.5, exclude_outside=1)


@pytest.mark.parametrize("mode", ["nearest", "linear", "cubic"])
def test_crop(tmp_path, mode):
    region = np.array([0, 0, 0.1, -0.2, 1, 1, 0.9, 1.3], np.float32)
    options = {
        "coordinate_transformation_mode": "tf_crop_and_resize",
        "extrapolation_value": 5.0,
        "mode": mode,
    }
    check(tmp_path, [X, region, None, np.array([1, 2, 4, 6])], **options)
    check(tmp_path, [X, region, None, np.array([1, 2, 1, 6])], **options)


@pytest.mark.parametrize("policy", ["not_larger", "not_smaller"])
def test_aspect_and_axes(tmp_path, policy):
    size = np.array([9, 9])
    check(tmp_path, [X, None, None, size], axes=[2, 3], keep_aspect_ratio_policy=policy, mode="linear")
    factors = np.array([2, 3], np.float32)
    check(tmp_path, [X, None, factors], axes=[3, 2], mode="linear")


def test_old_versions(tmp_path):
    check(tmp_path, [X, np.array([1, 1, 2, 1.5], np.float32)], opset=10, mode="linear")
    check(tmp_path, [X, np.array([1, 1, 2, 1.5], np.float32)], opset=10, mode="nearest")
    check(tmp_path, [X, NONE, NONE, np.array([1, 2, 9, 9])], opset=11, mode="linear")
    for mode in ("nearest", "linear"):
        check(tmp_path, [X, np.array([1, 1, 2, 3], np.float32)], op="Upsample", opset=9, mode=mode)
        check(tmp_path, [X], op="Upsample", opset=7, mode=mode, scales=[1.0, 1.0, 3.0, 2.0])
    options = {"height_scale": 2.0, "width_scale": 3.0, "mode": "nearest"}
    got = compute(tmp_path, "Upsample", X, opset=1, **options)
    np.testing.assert_array_equal(got, X.repeat(2, 2).repeat(3, 3))


def test_the_size_of_another_value(tmp_path):
    """As PyTorch writes it: batch and channels of the input, then the size of a skip connection."""
    nodes = [
        node("Shape", "x", "own"),
        node("Slice", ["own", "zero", "two"], "outer"),
        node("Shape", "skip", "other"),
        node("Slice", ["other", "two", "four"], "inner"),
        node("Concat", ["outer", "inner"], "sizes", axis=0),
        node("Resize", ["x", "", "", "sizes"], "y", mode="linear"),
    ]
    stored = {"zero": np.array([0]), "two": np.array([2]), "four": np.array([4])}
    inputs = [tensor("x", ["n", 2, "h", "w"]), tensor("skip", ["n", 1, "a", "b"])]
    net = load(tmp_path, nodes, inputs, ["y"], stored)
    skip = np.zeros((1, 1, 8, 9), np.float32)
    made, fed = one_op("Resize", sizes(1, 2, 8, 9), mode="linear")
    assert_close(np.asarray(net({"x": X, "skip": skip})["y"]), runtime(made, fed)[0])


@pytest.mark.parametrize(
    ("arrays", "attributes", "message"),
    [
        ([X], {}, "neither factors nor sizes are given"),
        (scales(1, 2), {}, "scale has 2 values for 4 axes"),
        (scales(1, 1, 0.1, 1), {}, "has nothing left at the scale"),
        (scales(1, 1, -1, 1), {}, "scale must be positive"),
        (scales(1, 1, 2, 2), {"mode": "area"}, "'mode' must be one of nearest, linear, cubic"),
        (sizes(3, 3), {"axes": [2]}, "size has 2 values for 1 axes"),
        (
            sizes(1, 2, 3, 3),
            {"coordinate_transformation_mode": "tf_crop_and_resize"},
            "the mode tf_crop_and_resize needs a region",
        ),
    ],
)
def test_errors(tmp_path, arrays, attributes, message):
    with pytest.raises(JaxdnnError, match=message):
        compute(tmp_path, "Resize", *arrays, opset=19, **attributes)
