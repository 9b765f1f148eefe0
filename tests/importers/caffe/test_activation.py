"""Caffe's activations: attributes, their spellings, and forks."""

import numpy as np
import pytest

from jaxdnn import JaxdnnError, LayerError, WeightsError
from support.caffe import inputs, load, opencv, write
from support.layer import assert_close

X = np.random.default_rng(0).standard_normal((2, 3, 4, 5)).astype(np.float32) * 4


def net_text(kind: str, params: str = "", *shape: int) -> str:
    return inputs(data=shape or X.shape) + (
        f'layer {{ name: "l" type: "{kind}" bottom: "data" top: "out" {params} }}'
    )


@pytest.mark.parametrize(
    ("kind", "params"),
    [
        ("ReLU", ""),
        ("ReLU", "relu_param { negative_slope: 0.25 engine: CAFFE }"),
        ("ReLU6", ""),
        ("ELU", "elu_param { alpha: 1 }"),
        ("Sigmoid", "sigmoid_param { engine: CUDNN }"),
        ("TanH", "tanh_param { engine: 1 }"),
        ("BNLL", ""),
        ("Swish", ""),
        ("Mish", ""),
        ("Softmax", ""),
        ("Softmax", "softmax_param { axis: 3 engine: CAFFE }"),
        ("Softmax", "softmax_param { axis: -2 }"),
    ],
)
def test_as_opencv_does(tmp_path, kind, params):
    text = net_text(kind, params)
    (want,) = opencv(write(tmp_path, text, {}), {"data": X}, ["l"])
    assert_close(np.asarray(load(tmp_path, text)(X)["out"]), want, 2e-5)


@pytest.mark.parametrize(
    ("kind", "params", "formula"),
    [
        ("Swish", "swish_param { beta: 1.7 }", lambda x: x / (1 + np.exp(-1.7 * x))),
        ("Clip", "clip_param { min: -0.5 max: 0.8 }", lambda x: np.clip(x, -0.5, 0.8)),
        ("Threshold", "threshold_param { threshold: 0.5 }", lambda x: x > 0.5),
        ("HardSigmoid", "", lambda x: np.clip(x / 6 + 0.5, 0, 1)),
        ("HardSigmoid", "hardsigmoid_param { alpha: 0.2 beta: 0.4 }", lambda x: np.clip(x / 5 + 0.4, 0, 1)),
        ("HardSwish", "", lambda x: x * np.clip(x / 6 + 0.5, 0, 1)),
        ("HSwish", "", lambda x: x * np.clip(x / 6 + 0.5, 0, 1)),
        ("ReLU6", "relu6_param { threshold: 2 }", lambda x: np.clip(x, 0, 2)),
        ("ReLU6", "relu6_param { negative_slope: 0.5 }", lambda x: np.where(x > 0, np.minimum(x, 6), x / 2)),
        ("ReLU", "relu_param { upper: 3 }", lambda x: np.clip(x, 0, 3)),
        ("LogSoftmax", "", lambda x: x - np.log(np.exp(x).sum(1, keepdims=True))),
    ],
)
def test_against_a_formula(tmp_path, kind, params, formula):
    got = load(tmp_path, net_text(kind, params))(X)["out"]
    assert_close(np.asarray(got), formula(X.astype(np.float64)))


@pytest.mark.parametrize(("params", "count"), [("", 3), ("prelu_param { channel_shared: true }", 1)])
@pytest.mark.parametrize("legacy", [False, True])
def test_prelu(tmp_path, params, count, legacy):
    slope = np.linspace(-1, 1, count, dtype=np.float32)
    stored = slope.reshape(1, 1, 1, count) if legacy else slope
    got = load(tmp_path, net_text("PReLU", params), {"l": [stored]})(X)["out"]
    assert_close(np.asarray(got), np.where(X > 0, X, X * slope.reshape(1, -1, 1, 1)))


@pytest.mark.parametrize(("params", "slope"), [("", 0.25), ("prelu_param { filler { value: 0.5 } }", 0.5)])
def test_prelu_without_weights(tmp_path, params, slope):
    got = load(tmp_path, net_text("PReLU", params))(X)["out"]
    assert_close(np.asarray(got), np.where(X > 0, X, X * slope))


def test_prelu_with_slopes_of_another_net(tmp_path):
    with pytest.raises(WeightsError, match="slope is 4 in the weights file, 3 expected"):
        load(tmp_path, net_text("PReLU"), {"l": [np.zeros(4, np.float32)]})


@pytest.mark.parametrize(
    ("kind", "params", "message"),
    [
        ("Clip", "", "min is missing in clip_param"),
        ("Clip", "clip_param { min: 1 }", "max is missing in clip_param"),
        ("ELU", "elu_param { alpha: high }", "alpha must be a number, got 'high'"),
        ("Softmax", "softmax_param { axis: 4 }", "axis 4 is out of range for 4 axes"),
        ("Softmax", "softmax_param { axiss: 1 }", "did you mean 'axis'"),
        ("PReLU", "prelu_param { channel_shared: 2 }", "channel_shared must be true or false"),
    ],
)
def test_errors(tmp_path, kind, params, message):
    with pytest.raises(JaxdnnError, match=message):
        load(tmp_path, net_text(kind, params))


def test_errors_know_the_layer_and_line(tmp_path):
    with pytest.raises(LayerError) as caught:
        load(tmp_path, net_text("Clip"))
    assert caught.value.layer == "'l' (Clip)"
    assert caught.value.line == 2
