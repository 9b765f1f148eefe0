"""FlowNet2's layers against OpenCV where that agrees with the original, and against numpy elsewhere."""

import numpy as np
import pytest

from jaxdnn import GraphError, LayerError, ParseError
from jaxdnn.layers.optical_flow import Accum, Correlation, FlowWarp
from support.caffe import inputs, load, opencv, write
from support.layer import assert_close

A, B = np.random.default_rng(0).standard_normal((2, 2, 3, 8, 9)).astype(np.float32)


def layer(kind: str, fields: str = "", bottoms: str = "a b") -> str:
    names = "".join(f'bottom: "{name}" ' for name in bottoms.split())
    return f'layer {{ name: "y" type: "{kind}" {names} top: "y" {fields} }}'


PAIR = inputs(a=A.shape, b=B.shape)


# OpenCV leaves the padding uninitialised, so it is a reference only without any.
@pytest.mark.parametrize(
    "fields",
    [
        "kernel_size: 1 max_displacement: 2",
        "kernel_size: 3 max_displacement: 2 stride_1: 2 do_abs: true",
        "kernel_size: 1 max_displacement: 3 stride_2: 2 correlation_type: MULTIPLY single_direction: 1",
    ],
)
def test_correlation_is_opencvs(tmp_path, fields):
    text = PAIR + layer("Correlation", f"correlation_param {{ {fields} }}")
    (want,) = opencv(write(tmp_path, text), {"a": A, "b": B}, ["y"])
    assert_close(np.asarray(load(tmp_path, text)(a=A, b=B)["y"]), want)


def test_correlation_with_padding(tmp_path):
    fields = "correlation_param { pad: 2 kernel_size: 1 max_displacement: 2 stride_2: 2 }"
    got = np.asarray(load(tmp_path, PAIR + layer("Correlation", fields))(a=A, b=B)["y"])
    right = np.pad(B, [(0, 0), (0, 0), (2, 2), (2, 2)])
    want = [(A * right[:, :, y : y + 8, x : x + 9]).mean(axis=1) for y in (0, 2, 4) for x in (0, 2, 4)]
    assert_close(got, np.stack(want, axis=1))


def test_correlation_by_difference(tmp_path):
    fields = "correlation_param { kernel_size: 1 max_displacement: 1 correlation_type: SUBTRACT }"
    got = np.asarray(load(tmp_path, PAIR + layer("Correlation", fields))(a=A, b=B)["y"])
    assert_close(got[:, 5], np.abs(A[:, :, 1:-1, 1:-1] - B[:, :, 1:-1, 2:]).mean(axis=1))


@pytest.mark.parametrize(("direction", "shifts"), [(0, (-2, 0, 2)), (1, (0, 2)), (-1, (-4, -2))])
def test_correlation_along_rows(tmp_path, direction, shifts):
    fields = f"pad: 3 kernel_size: 1 max_displacement: 3 stride_2: 2 single_direction: {direction}"
    net = load(tmp_path, PAIR + layer("Correlation1D", f"correlation_param {{ {fields} }}"))
    assert net.graph.nodes[-1].layer == Correlation(
        vertical=(0,), horizontal=shifts, padding=(0, 3), margin=(0, 3)
    )
    right = np.pad(B, [(0, 0), (0, 0), (0, 0), (6, 6)])
    want = [(A * right[..., 6 + shift : 15 + shift]).mean(axis=1) for shift in shifts]
    assert_close(np.asarray(net(a=A, b=B)["y"]), np.stack(want, axis=1))


def test_flow_warp_is_opencvs(tmp_path):
    flow = np.random.default_rng(1).standard_normal((2, 2, 8, 9)).astype(np.float32) * 3
    text = inputs(a=A.shape, b=flow.shape) + layer("FlowWarp")
    (want,) = opencv(write(tmp_path, text), {"a": A, "b": flow}, ["y"])
    assert_close(np.asarray(load(tmp_path, text)(a=A, b=flow)["y"]), want)


@pytest.mark.parametrize("fill", ["NOT_A_NUMBER", 2])
def test_flow_warp_out_of_the_picture(tmp_path, fill):
    pair = inputs(a=(1, 3, 2, 2), b=(1, 2, 2, 2))
    text = pair + layer("FlowWarp", f"flow_warp_param {{ fill_value: {fill} }}")
    assert np.isnan(load(tmp_path, text).graph.nodes[-1].layer.fill)
    assert load(tmp_path, pair + layer("FlowWarp")).graph.nodes[-1].layer == FlowWarp()


def test_channel_norm(tmp_path):
    net = load(tmp_path, inputs(a=A.shape) + layer("ChannelNorm", bottoms="a"))
    assert_close(np.asarray(net(A)["y"]), np.linalg.norm(A, axis=1, keepdims=True))


def test_accum_to_a_stated_size_is_opencvs(tmp_path):
    text = inputs(a=(1, 3, 8, 9), b=(1, 2, 4, 5))
    text += layer("Accum", "accum_param { top_height: 16 top_width: 12 }")
    feeds = {"a": A[:1], "b": np.ascontiguousarray(B[:1, :2, :4, :5])}
    (want,) = opencv(write(tmp_path, text), feeds, ["y"])
    assert_close(np.asarray(load(tmp_path, text)(feeds)["y"]), want)


def test_accum_attributes(tmp_path):
    fields = "accum_param { size_divisible_by: 64 have_reference: true }"
    net = load(tmp_path, PAIR + layer("Accum", fields))
    assert net.graph.nodes[-1].layer == Accum(divisor=64, reference=True)


MEAN = np.random.default_rng(2).standard_normal((1, 3, 8, 9)).astype(np.float32)
CHANNEL_MEAN = MEAN.mean(axis=(2, 3), keepdims=True)
BLOBS = {"y": [np.full((1, 1, 1, 1), 1000, np.float32), MEAN, CHANNEL_MEAN]}


@pytest.mark.parametrize(("per_pixel", "mean"), [("true", MEAN), ("false", CHANNEL_MEAN)])
def test_stored_mean(tmp_path, per_pixel, mean):
    fields = f"augmentation_param {{ recompute_mean: 1000 mean_per_pixel: {per_pixel} max_multiplier: 1 }}"
    text = inputs(a=A.shape) + layer("DataAugmentation", fields, "a")
    assert_close(np.asarray(load(tmp_path, text, BLOBS)(A)["y"]), A - mean)


def test_stored_mean_of_another_size(tmp_path):
    text = inputs(a=(2, 3, 6, 5)) + layer("DataAugmentation", "augmentation_param { recompute_mean: 9 }", "a")
    x = A[:, :, :6, :5]
    assert_close(np.asarray(load(tmp_path, text, BLOBS)(x)["y"]), x - CHANNEL_MEAN)


def test_stated_mean(tmp_path):
    count = {"y": [np.zeros((1, 1, 1, 1), np.float32)]}
    fields = "augmentation_param { mean: [1, 2, 3] mean_per_pixel: false }"
    net = load(tmp_path, inputs(a=A.shape) + layer("DataAugmentation", fields, "a"), count)
    assert_close(np.asarray(net(A)["y"]), A - np.reshape([1, 2, 3], (1, 3, 1, 1)))


def test_crop_of_the_middle(tmp_path):
    fields = "augmentation_param { crop_height: 4 crop_width: 5 rotate { spread: 0.4 } }"
    net = load(tmp_path, inputs(a=A.shape) + layer("DataAugmentation", fields, "a"))
    assert_close(np.asarray(net(A)["y"]), A[:, :, 2:6, 2:7])


@pytest.mark.parametrize(
    ("kind", "fields", "error", "message"),
    [
        ("Correlation", "", ParseError, "max_displacement is missing in correlation_param"),
        ("Correlation", "max_displacement: 1 kernel_size: 2", LayerError, "kernel must be odd, got 2"),
        ("Correlation", "max_displacement: 1 kernel_size: 1 stride_2: 0", LayerError, "stride_2 must be at"),
        (
            "Correlation1D",
            "max_displacement: 1 kernel_size: 1 single_direction: 2",
            LayerError,
            "single_direction must be -1, 0 or 1, got 2",
        ),
        ("ChannelNorm", "", GraphError, "takes 1 bottom, 2 given"),
    ],
)
def test_errors(tmp_path, kind, fields, error, message):
    with pytest.raises(error, match=message):
        load(tmp_path, PAIR + layer(kind, f"correlation_param {{ {fields} }}"))


def test_random_augmentation(tmp_path):
    text = inputs(a=A.shape)
    text += layer("DataAugmentation", "augmentation_param { augment_during_test: true }", "a")
    with pytest.raises(LayerError, match="augment_during_test draws random numbers"):
        load(tmp_path, text)
