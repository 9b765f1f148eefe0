"""Convolutions: how forks state their windows. What the layers compute is tested in tests/lowering."""

import pytest

from jaxdnn.layers.convolution import Conv, ConvTranspose
from support.caffe import inputs, load

VOLUME = "num_output: 4 kernel_size: 2 kernel_depth: 3 stride: 2 temporal_stride: 1 pad: 1 temporal_pad: 0"
WANT = {"filters": 4, "kernel": (3, 2, 2), "stride": (1, 2, 2), "padding": (0, 1, 1)}


def layer_of(folder, kind, param, shape):
    text = inputs(x=shape) + f'layer {{ name: "c" type: "{kind}" bottom: "x" top: "y" {param} }}'
    (node,) = load(folder, text).graph.nodes
    return node.layer


@pytest.mark.parametrize("message", ["convolution_param", "convolution3d_param"])
@pytest.mark.parametrize(
    ("kind", "want"), [("Convolution3D", Conv(**WANT)), ("Deconvolution3D", ConvTranspose(**WANT))]
)
def test_volumes(tmp_path, kind, want, message):
    assert layer_of(tmp_path, kind, f"{message} {{ {VOLUME} filter_group: 2 }}", (1, 2, 4, 4, 4)) == want


def test_a_depth_that_is_not_stated_is_one(tmp_path):
    param = "convolution_param { num_output: 4 kernel_size: 3 pad: 1 temporal_pad: 0 }"
    want = Conv(filters=4, kernel=(1, 3, 3), stride=(1, 1, 1), padding=(0, 1, 1))
    assert layer_of(tmp_path, "Convolution3D", param, (1, 2, 4, 4, 4)) == want


def test_hole_is_dilation(tmp_path):
    param = "convolution_param { num_output: 4 kernel_size: 3 hole: 2 }"
    assert layer_of(tmp_path, "Convolution", param, (1, 2, 8, 8)) == Conv(filters=4, kernel=3, dilation=2)


def test_depthwise(tmp_path):
    param = "convolution_param { num_output: 2 kernel_size: 3 }"
    want = Conv(filters=2, kernel=3, groups=2)
    assert layer_of(tmp_path, "ConvolutionDepthwise", param, (1, 2, 8, 8)) == want
