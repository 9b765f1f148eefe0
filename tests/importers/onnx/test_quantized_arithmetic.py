"""ONNX Runtime's arithmetic on quantised numbers, against itself; its tables and sums may round the other way."""

import numpy as np
import pytest

from jaxdnn import LayerError
from support.onnx_graphs import compute, model, node, one_op, run, runtime, tensor

RNG = np.random.default_rng(3)
HERE = {"domain": "com.microsoft"}
IN, OUT = (np.float32(0.05), np.uint8(128)), (np.float32(0.04), np.uint8(110))


def drawn(*shape):
    return RNG.integers(0, 256, shape).astype(np.uint8)


def near(got, want):
    assert (got.dtype, got.shape) == (want.dtype, want.shape)
    assert np.abs(got.astype(int) - want.astype(int)).max() <= 1


def agree(folder, op, *arrays, feeds=(0,), **options):
    (want,) = runtime(*one_op(op, arrays, feeds=feeds, **HERE, **options))
    near(compute(folder, op, *arrays, feeds=feeds, **HERE, **options), want)


@pytest.mark.parametrize("op", ["QLinearAdd", "QLinearMul"])
def test_two_arrays(op, tmp_path):
    agree(tmp_path, op, drawn(2, 3, 4), *IN, drawn(3, 4), *OUT, np.float32(0.25), np.uint8(20), feeds=(0, 3))


@pytest.mark.parametrize(("op", "options"), [("QLinearSigmoid", {}), ("QLinearLeakyRelu", {"alpha": 0.1})])
def test_activations(op, options, tmp_path):
    agree(tmp_path, op, drawn(2, 30), *IN, *OUT, **options)


@pytest.mark.parametrize("version", [11, 13])
def test_softmax(version, tmp_path):
    x = drawn(2, 3, 4)
    stored = dict(zip(("s", "z", "t", "u"), (*IN, np.float32(1 / 256), np.uint8(0)), strict=True))
    layer = node("QLinearSoftmax", ["x", *stored], axis=1, opset=version, **HERE)
    made = model([layer], [tensor("x", x.shape, "uint8")], ["y"], stored, {"": version, "com.microsoft": 1})
    path = tmp_path / "model.onnx"
    path.write_bytes(made.SerializeToString())
    near(run(path, {"x": x})[0], runtime(made, {"x": x})[0])


@pytest.mark.parametrize("last", [0, 1])
def test_pools(last, tmp_path):
    x = drawn(1, 6, 7, 3) if last else drawn(1, 3, 6, 7)
    window = {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 0, 0]}
    agree(tmp_path, "QLinearAveragePool", x, *IN, *OUT, channels_last=last, **window)
    agree(tmp_path, "QLinearGlobalAveragePool", x, *IN, *OUT, channels_last=last)


def test_means(tmp_path):
    x = drawn(2, 3, 4)
    got = compute(tmp_path, "QLinearReduceMean", x, *IN, *OUT, axes=[1], keepdims=0, **HERE)
    near(got, np.clip(np.rint((x - 128.0).mean(1) * 1.25) + 110, 0, 255).astype(np.uint8))


def test_joins_and_choices(tmp_path):
    agree(tmp_path, "QLinearConcat", *OUT, drawn(2, 3), *IN, drawn(2, 4), *OUT, axis=1, feeds=(2,))
    condition = np.array([True, False, True])
    agree(
        tmp_path, "QLinearWhere", condition, drawn(2, 3), *IN, drawn(2, 3), *OUT, np.float32(0.1), np.uint8(2)
    )
    with pytest.raises(LayerError, match="takes values with scale and zero point, 4 inputs given for them"):
        compute(tmp_path, "QLinearConcat", *OUT, drawn(2, 3), *IN, drawn(2, 3), axis=0, feeds=(2,), **HERE)
