"""Normalisation against ONNX Runtime, or against the standard's reference where that does not know a version."""

import numpy as np
import pytest

from jaxdnn import JaxdnnError, JaxdnnWarning
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


X = noise(2, 4, 5, 3)
STATISTICS = [noise(4), noise(4, seed=1), noise(4, seed=2), np.abs(noise(4, seed=3))]


@pytest.mark.parametrize("opset", [7, 9, 14, 15])
def test_batch_normalization(tmp_path, opset):
    check(tmp_path, "BatchNormalization", [X, *STATISTICS], opset=opset, epsilon=1e-2)
    check(tmp_path, "BatchNormalization", [X, *STATISTICS], opset=opset, feeds=None)
    check(tmp_path, "BatchNormalization", [noise(3, 4), *STATISTICS], opset=opset, feeds=(0, 2))


def formula(x, scale, bias, mean, variance, epsilon=1e-5):
    return (x - mean) / np.sqrt(variance + epsilon) * scale + bias


def test_batch_normalization_of_the_first_versions(tmp_path):
    columns = [array.reshape(-1, 1, 1) for array in STATISTICS]
    for opset in (1, 6):
        got = compute(tmp_path, "BatchNormalization", X, *STATISTICS, opset=opset, is_test=1, spatial=1)
        assert_close(got, formula(X, *columns))
    each = [noise(4, 5, 3), noise(4, 5, 3, seed=1), noise(4, 5, 3, seed=2), np.abs(noise(4, 5, 3, seed=3))]
    assert_close(compute(tmp_path, "BatchNormalization", X, *each, opset=7, spatial=0), formula(X, *each))


def test_batch_normalization_set_to_training(tmp_path):
    with pytest.warns(JaxdnnWarning, match="it normalises by the statistics of the batch at hand"):
        check(
            tmp_path,
            "BatchNormalization",
            [X, *STATISTICS],
            outputs=3,
            opset=15,
            training_mode=1,
            momentum=0.7,
        )


def test_instance_normalization(tmp_path):
    check(tmp_path, "InstanceNormalization", [X, *STATISTICS[:2]], epsilon=0.1)
    check(tmp_path, "InstanceNormalization", [X, *STATISTICS[:2]], feeds=None)


def test_group_normalization(tmp_path):
    check(tmp_path, "GroupNormalization", [X, *STATISTICS[:2]], opset=21, num_groups=2, independent=reference)
    per_group = [X, noise(2), noise(2, seed=1)]
    check(tmp_path, "GroupNormalization", per_group, opset=18, num_groups=2, independent=reference)


@pytest.mark.parametrize("axis", [-1, 2, 1, -3])
def test_layer_normalization(tmp_path, axis):
    shape = X.shape[axis:]
    check(
        tmp_path,
        "LayerNormalization",
        [X, noise(*shape), noise(*shape, seed=1)],
        axis=axis,
        outputs=3,
        opset=17,
    )
    check(tmp_path, "LayerNormalization", [X, noise(*shape)], axis=axis, epsilon=0.1, opset=17, feeds=None)


def test_layer_normalization_with_a_broadcast_scale(tmp_path):
    check(
        tmp_path, "LayerNormalization", [X, noise(1, 3), noise(5, 1)], axis=2, opset=17, independent=reference
    )


@pytest.mark.parametrize("axis", [-1, 1])
def test_rms_normalization(tmp_path, axis):
    arrays = [X, noise(*X.shape[axis:])]
    check(tmp_path, "RMSNormalization", arrays, axis=axis, epsilon=0.1, opset=23, independent=reference)


@pytest.mark.parametrize("order", [1, 2])
def test_lp_normalization(tmp_path, order):
    x = X.copy()
    x[0, :, 0, 0] = 0
    got = compute(tmp_path, "LpNormalization", x, axis=1, p=order)
    norm = np.linalg.norm(x, order, axis=1, keepdims=True)
    assert_close(got, x / np.where(norm == 0, 1, norm))


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_local_response_normalization(tmp_path, size):
    got = compute(tmp_path, "LRN", X, size=size, alpha=0.3, beta=0.6, bias=1.5)
    want = np.empty_like(X)
    for c in range(4):
        window = X[:, max(0, c - (size - 1) // 2) : c + size // 2 + 1]
        want[:, c] = X[:, c] / (1.5 + 0.3 / size * (window**2).sum(1)) ** 0.6
    assert_close(got, want)


def test_mean_variance_normalization_is_a_function_of_the_standard(tmp_path):
    check(tmp_path, "MeanVarianceNormalization", [X], opset=13)
    check(tmp_path, "MeanVarianceNormalization", [X], opset=13, axes=[1, 2])


def test_weights_are_parameters(tmp_path):
    names = ["bn.weight", "bn.bias", "bn.running_mean", "bn.running_var"]
    nodes = [
        node("BatchNormalization", ["x", *names], ["b"]),
        node("LayerNormalization", ["b", "ln.weight", "ln.bias"], ["y"]),
    ]
    stored = dict(zip(names, STATISTICS, strict=True)) | {"ln.weight": noise(3), "ln.bias": noise(3)}
    net = load(tmp_path, nodes, [tensor("x", X.shape)], ["y"], stored, opset=17)
    assert set(net.params["bn"]) == {"scale", "bias", "mean", "variance"}
    assert {slot: array.shape for slot, array in net.params["ln"].items()} == {"scale": (3,), "bias": (3,)}


@pytest.mark.parametrize(
    ("op", "arrays", "attributes", "message"),
    [
        (
            "GroupNormalization",
            [X, *STATISTICS[:2]],
            {"num_groups": 0},
            "num_groups must be at least 1, got 0",
        ),
        ("GroupNormalization", [X, *STATISTICS[:2]], {"num_groups": 3}, "4"),
        ("LpNormalization", [X], {"p": 3}, "p must be 1 or 2, got 3"),
        ("LayerNormalization", [X, noise(3)], {"axis": 7}, "axis 7 is out of range for 4 axes"),
        ("BatchNormalization", [X, *[noise(3)] * 4], {}, "expects|demands|is 3"),
        ("LRN", [X], {"size": 0}, "size must be at least 1, got 0"),
    ],
)
def test_errors(tmp_path, op, arrays, attributes, message):
    with pytest.raises(JaxdnnError, match=message):
        compute(tmp_path, op, *arrays, **attributes)
