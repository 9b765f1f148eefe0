"""Convolutions and patches against ONNX Runtime."""

import numpy as np
import pytest

from jaxdnn import JaxdnnError
from support.layer import assert_close
from support.onnx_graphs import compute, load, node, one_op, reference, run, runtime, tensor


def noise(*shape, seed=0):
    return np.random.default_rng(seed + sum(shape)).standard_normal(shape).astype(np.float32)


def check(tmp_path, op, arrays, *, independent=runtime, **options):
    made, fed = one_op(op, arrays, **options)
    path = tmp_path / "model.onnx"
    path.write_bytes(made.SerializeToString())
    for got, want in zip(run(path, fed), independent(made, fed), strict=True):
        assert_close(got, want)


X = noise(2, 4, 7, 8)


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"pads": [1, 0, 2, 1], "strides": [2, 1], "dilations": [1, 2]},
        {"auto_pad": "SAME_UPPER", "strides": [2, 3]},
        {"auto_pad": "SAME_LOWER", "strides": [2, 3]},
        {"auto_pad": "VALID", "kernel_shape": [3, 2]},
    ],
)
@pytest.mark.parametrize("groups", [1, 2])
def test_conv(tmp_path, attributes, groups):
    arrays = [X, noise(6, 4 // groups, 3, 2), noise(6)]
    check(tmp_path, "Conv", arrays, group=groups, **attributes)
    # The filter, the bias, or both are computed.
    for feeds in ((0, 1), (0, 2), (0, 1, 2)):
        check(tmp_path, "Conv", arrays, feeds=feeds, group=groups, **attributes)


def test_conv_of_other_ranks(tmp_path):
    check(tmp_path, "Conv", [noise(2, 3, 9), noise(4, 3, 3)], strides=[2])
    check(
        tmp_path,
        "Conv",
        [noise(1, 2, 4, 5, 6), noise(4, 1, 2, 3, 2), noise(4)],
        group=2,
        pads=[1, 0, 1, 0, 1, 1],
    )


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"strides": [2, 3], "pads": [1, 0, 0, 1], "output_padding": [1, 2]},
        {"dilations": [2, 1], "strides": [1, 2]},
        {"strides": [3, 2], "output_shape": [20, 17]},
        {"strides": [3, 2], "output_shape": [20, 17], "auto_pad": "SAME_UPPER"},
        {"strides": [3, 2], "output_shape": [18, 14], "output_padding": [1, 0]},
        {"strides": [2, 2], "auto_pad": "SAME_UPPER"},
        {"strides": [2, 2], "auto_pad": "SAME_LOWER"},
    ],
)
@pytest.mark.parametrize("groups", [1, 2])
def test_conv_transpose(tmp_path, attributes, groups):
    arrays = [X, noise(4, 3, 3, 4), noise(3 * groups)]
    check(tmp_path, "ConvTranspose", arrays, group=groups, **attributes)
    check(tmp_path, "ConvTranspose", arrays, feeds=(0, 1), group=groups, kernel_shape=[3, 4], **attributes)


def test_conv_transpose_may_state_all_sizes_of_its_output(tmp_path):
    arrays = [X, noise(4, 3, 3, 3)]
    want = compute(tmp_path, "ConvTranspose", *arrays, strides=[2, 2], output_shape=[15, 17])
    got = compute(tmp_path, "ConvTranspose", *arrays, strides=[2, 2], output_shape=[2, 3, 15, 17])
    np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("offset_groups", [1, 2])
@pytest.mark.parametrize("mask", [False, True])
def test_deformable_conv(tmp_path, groups, offset_groups, mask):
    x, weight = noise(1, 4, 5, 6), noise(4, 4 // groups, 2, 3)
    offset, factors = noise(1, offset_groups * 12, 4, 5), noise(1, offset_groups * 6, 4, 5, seed=1)
    arrays = [x, weight, 2 * offset, noise(4), factors if mask else None]
    options = {"group": groups, "offset_group": offset_groups, "pads": [0, 0, 1, 1], "dilations": [2, 1]}
    check(tmp_path, "DeformConv", arrays, feeds=(0, 2, 4), independent=reference, opset=19, **options)
    check(tmp_path, "DeformConv", arrays, feeds=None, independent=reference, opset=19, **options)


def test_deformable_conv_without_offsets_is_a_convolution(tmp_path):
    x, weight = noise(2, 3, 6, 6), noise(4, 3, 3, 3)
    attributes = {"strides": [2, 2], "pads": [1, 1, 1, 1]}
    want = compute(tmp_path, "Conv", x, weight, **attributes)
    assert_close(
        compute(tmp_path, "DeformConv", x, weight, np.zeros((2, 18, 3, 3), np.float32), **attributes), want
    )


@pytest.mark.parametrize(
    "attributes",
    [{}, {"pads": [1, 0, 0, 1]}, {"strides": [2, 1]}, {"dilations": [1, 2], "pads": [0, 1, 0, 1]}],
)
def test_patches_back_into_an_image(tmp_path, attributes):
    spread = {"pads": [0] * 4, "strides": [1, 1], "dilations": [1, 1]} | attributes
    pads = np.array(spread["pads"])
    extent = np.array(spread["dilations"]) * [1, 2] + 1
    count = (np.array([6, 7]) + pads[:2] + pads[2:] - extent) // spread["strides"] + 1
    x = noise(2, 3 * 6, int(count.prod()))
    arrays = [x, np.array([6, 7]), np.array([2, 3])]
    check(tmp_path, "Col2Im", arrays, opset=18, **attributes)


def test_weights_are_parameters(tmp_path):
    stored = {"conv.weight": noise(4, 3, 2, 2), "conv.bias": noise(4)}
    net = load(tmp_path, [node("Conv", ["x", *stored], ["y"])], [tensor("x", [1, 3, 5, 5])], ["y"], stored)
    assert {slot: array.shape for slot, array in net.params["conv"].items()} == {
        "weight": (4, 3, 2, 2),
        "bias": (4,),
    }


@pytest.mark.parametrize(
    ("op", "arrays", "attributes", "message"),
    [
        (
            "Conv",
            [X, noise(6, 4, 3, 2)],
            {"kernel_shape": [3, 3]},
            r"filter is 6x4x3x2, and kernel_shape is \(3, 3\)",
        ),
        ("Conv", [X, noise(6, 4, 3, 2)], {"pads": [1, 1, 1]}, "pads must have two values per axis"),
        ("Conv", [X, noise(6, 4, 3, 2)], {"pads": [1, 1, 1, -1]}, "padding must be at least 0, got -1"),
        ("Conv", [X, noise(6, 3, 3, 2)], {}, "weight"),
        ("Conv", [X, noise(6)], {}, "the filter is 6, output and input channels and a kernel expected"),
        ("Conv", [X, noise(6, 4, 3, 2)], {"auto_pad": "SAME"}, "'auto_pad' must be one of NOTSET, VALID"),
        ("ConvTranspose", [X, noise(4, 3, 3, 3)], {"output_shape": [9]}, "output_shape must have 2 values"),
        ("DeformConv", [X, noise(4, 4, 2, 2), noise(2, 8, 6, 6)], {}, "offset is 2x8x6x6, 2x8x6x7 expected"),
        ("Col2Im", [noise(1, 5, 9), np.array([4, 4]), np.array([2, 2])], {}, "patches 1x5x9 do not fit"),
    ],
)
def test_errors(tmp_path, op, arrays, attributes, message):
    with pytest.raises(JaxdnnError, match=message):
        compute(tmp_path, op, *arrays, **attributes)
