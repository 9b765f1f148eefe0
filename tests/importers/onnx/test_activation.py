"""Activations against ONNX Runtime, and against formulas for versions that it does not know."""

import numpy as np
import pytest

from jaxdnn import JaxdnnError
from support.layer import assert_close
from support.onnx_graphs import compute, load, node, one_op, reference, run, runtime, tensor


def noise(*shape, seed=0):
    return 2 * np.random.default_rng(seed + sum(shape)).standard_normal(shape).astype(np.float32)


def check(tmp_path, op, arrays, *, independent=runtime, **options):
    made, fed = one_op(op, arrays, **options)
    path = tmp_path / "model.onnx"
    path.write_bytes(made.SerializeToString())
    for got, want in zip(run(path, fed), independent(made, fed), strict=True):
        assert_close(got, want)


X = noise(2, 3, 4, 5)


@pytest.mark.parametrize(
    "op",
    [
        *("Relu", "Sigmoid", "Tanh", "Softplus", "Softsign", "HardSwish", "Mish", "Elu", "Selu", "Celu"),
        *("HardSigmoid", "LeakyRelu", "ThresholdedRelu", "Shrink", "Gelu"),
    ],
)
def test_usual_parameters(tmp_path, op):
    check(tmp_path, op, [X])


@pytest.mark.parametrize(
    ("op", "attributes"),
    [
        ("Elu", {"alpha": 0.5}),
        ("Selu", {"alpha": 1.5, "gamma": 0.9}),
        ("Celu", {"alpha": 0.7}),
        ("HardSigmoid", {"alpha": 0.3, "beta": 0.2}),
        ("LeakyRelu", {"alpha": 0.3}),
        ("ThresholdedRelu", {"alpha": 0.3}),
        ("Shrink", {"lambd": 0.3, "bias": 0.2}),
        ("Gelu", {"approximate": "tanh"}),
    ],
)
def test_stated_parameters(tmp_path, op, attributes):
    check(tmp_path, op, [X], **attributes)


def test_newest_ones(tmp_path):
    check(tmp_path, "Swish", [X], alpha=1.5, opset=24, independent=reference)


def test_first_versions(tmp_path):
    """``consumed_inputs`` told which inputs could be overwritten."""
    consumed = {"consumed_inputs": [0]}
    assert_close(compute(tmp_path, "Relu", X, opset=1, **consumed), np.maximum(X, 0))
    assert_close(compute(tmp_path, "Clip", X, opset=1, max=0.5, **consumed), np.minimum(X, 0.5))
    below = 1.0507 * 1.6732 * np.expm1(X)
    assert_close(compute(tmp_path, "Selu", X, opset=1, **consumed), np.where(X > 0, 1.0507 * X, below))


@pytest.mark.parametrize("shape", [(1,), (5,), (4, 1), (3, 1, 1), (1, 3, 1, 1), (3, 4, 5), ()])
@pytest.mark.parametrize("feeds", [(0,), (0, 1)])
def test_prelu(tmp_path, shape, feeds):
    check(tmp_path, "PRelu", [X, np.asarray(noise(*shape), np.float32)], feeds=feeds)


def test_prelu_of_the_first_version_has_a_slope_per_channel(tmp_path):
    slope = noise(3)
    want = np.where(X > 0, X, slope.reshape(-1, 1, 1) * X)
    assert_close(compute(tmp_path, "PRelu", X, slope, opset=6), want)


def test_a_slope_per_channel_is_a_parameter(tmp_path):
    stored = {"act.weight": noise(3, 1, 1)}
    net = load(tmp_path, [node("PRelu", ["x", *stored], ["y"])], [tensor("x", X.shape)], ["y"], stored)
    assert net.params["act"]["slope"].shape == (3,)


def scalar(value, dtype=np.float32):
    return np.array(value, dtype)


@pytest.mark.parametrize("low", [None, -0.5, 0.7])
@pytest.mark.parametrize("high", [None, 0.4])
@pytest.mark.parametrize("feeds", [(0,), None])
def test_clip(tmp_path, low, high, feeds):
    bounds = [None if bound is None else scalar(bound) for bound in (low, high)]
    want = X if low is None else np.maximum(X, low)
    want = want if high is None else np.minimum(want, high)
    assert_close(compute(tmp_path, "Clip", X, *bounds, feeds=feeds), want.astype(np.float32))


def test_clip_of_integers_and_by_attributes(tmp_path):
    whole = np.arange(-6, 6, dtype=np.int8)
    check(tmp_path, "Clip", [whole, scalar(-3, np.int8), scalar(4, np.int8)], opset=12)
    check(tmp_path, "Clip", [X], opset=6, min=-0.5, max=0.25)
    check(tmp_path, "Clip", [X], opset=6, min=-0.5)


@pytest.mark.parametrize("op", ["Softmax", "LogSoftmax", "Hardmax"])
@pytest.mark.parametrize("opset", [7, 11, 13])
@pytest.mark.parametrize("axis", [None, 0, 1, 3, -1])
def test_softmax(tmp_path, op, opset, axis):
    check(tmp_path, op, [X], opset=opset, **({} if axis is None else {"axis": axis}))


def test_errors(tmp_path):
    with pytest.raises(JaxdnnError, match="axis 5 is out of range for 4 axes"):
        compute(tmp_path, "Softmax", X, axis=5)
    with pytest.raises(JaxdnnError, match="'approximate' must be one of none, tanh, got 'erf'"):
        compute(tmp_path, "Gelu", X, approximate="erf")
