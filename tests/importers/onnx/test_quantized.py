"""Quantised numbers and products of them, against ONNX Runtime, to the last bit."""

import ml_dtypes
import numpy as np
import pytest

from jaxdnn import LayerError
from support.onnx_graphs import compute, load, model, node, one_op, reference, runtime, tensor
from support.quantized import drawn

RNG = np.random.default_rng(2)
SCALE = np.float32(0.05)


def agree(folder, op, *arrays, **options):
    """Compute one operator, and compare with ONNX Runtime."""
    got = compute(folder, op, *arrays, **options)
    (want,) = runtime(*one_op(op, arrays, **options))
    assert got.dtype == want.dtype
    np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int16"])
def test_quantize_and_back(dtype, tmp_path):
    x, zero = (RNG.standard_normal((3, 4)) * 4).astype(np.float32), np.array(3, dtype)
    agree(tmp_path, "QuantizeLinear", x, SCALE, zero)
    agree(tmp_path, "QuantizeLinear", x, SCALE, zero, feeds=None)
    agree(tmp_path, "DequantizeLinear", drawn(dtype, 3, 4), SCALE, zero)


def test_along_an_axis_and_in_blocks(tmp_path):
    x, scale, zero = drawn("uint8", 2, 3, 4), np.float32([0.1, 0.2, 0.3]), drawn("uint8", 3)
    agree(tmp_path, "DequantizeLinear", x, scale, zero, axis=1, opset=13)
    agree(tmp_path, "QuantizeLinear", x.astype(np.float32), scale, zero, axis=-2, opset=13)
    blocks = RNG.uniform(0.1, 1, (2, 3, 2)).astype(np.float32)
    agree(tmp_path, "DequantizeLinear", x, blocks, None, axis=2, block_size=2)
    agree(
        tmp_path, "QuantizeLinear", x.astype(np.float32), blocks, None, axis=2, block_size=2, output_dtype=3
    )


def test_without_a_zero_point_the_type_is_uint8(tmp_path):
    agree(tmp_path, "QuantizeLinear", np.float32([-1, 0.12, 99]), SCALE)
    agree(tmp_path, "QuantizeLinear", np.float32([-1, 0.12, 99]), SCALE, domain="com.microsoft")


@pytest.mark.parametrize("dtype", ["int4", "uint4", "float8_e4m3fn"])
def test_types_of_few_bits(dtype, tmp_path):
    kind = getattr(ml_dtypes, dtype)
    x, zero = np.float32([-3, -0.26, 0.13, 0.6, 40]), np.zeros((), kind)
    made = model(
        [node("QuantizeLinear", ["x", "s", "z"], "q"), node("DequantizeLinear", ["q", "s", "z"])],
        [tensor("x", x.shape), tensor("z", (), kind)],
        initializers={"s": SCALE},
    )
    (want,) = reference(made, {"x": x, "z": zero})
    net = load(tmp_path, made.graph.node, made.graph.input, initializers={"s": SCALE})
    np.testing.assert_allclose(net({"x": x, "z": zero})["y"], want, rtol=1e-6)


@pytest.mark.parametrize("seed", range(8))
def test_dynamic(seed, tmp_path):
    x = np.random.default_rng(seed).standard_normal((3, 4)).astype(np.float32)
    got = compute(tmp_path, "DynamicQuantizeLinear", x, outputs=3)
    for ours, theirs in zip(got, runtime(*one_op("DynamicQuantizeLinear", [x], 3)), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_weights_of_quantise_dequantise_pairs_are_weights(tmp_path):
    w, scales = drawn("int8", 4, 3, 3, 3), np.float32([0.01, 0.02, 0.03, 0.04])
    nodes = [
        node("QuantizeLinear", ["x", "s", "z"], "q"),
        node("DequantizeLinear", ["q", "s", "z"], "xd"),
        node("DequantizeLinear", ["conv.weight", "ws", "wz"], "wd", axis=0),
        node("Conv", ["xd", "wd"]),
    ]
    stored = {"s": SCALE, "z": np.uint8(120), "conv.weight": w, "ws": scales, "wz": np.zeros(4, np.int8)}
    inputs = [tensor("x", [1, 3, 6, 6])]
    net = load(tmp_path, nodes, inputs, initializers=stored)
    x = (RNG.standard_normal((1, 3, 6, 6)) * 2).astype(np.float32)
    (want,) = runtime(model(nodes, inputs, initializers=stored), {"x": x})
    np.testing.assert_allclose(net(x)["y"], want, rtol=1e-4, atol=1e-4)
    (weight,) = [slots["weight"] for slots in net.params.values()]
    np.testing.assert_allclose(weight, w * scales[:, None, None, None], rtol=1e-6)


@pytest.mark.parametrize("w_zero", [np.int8(0), np.zeros(4, np.int8), np.uint8(128), np.uint8(100)])
def test_convolution(w_zero, tmp_path):
    x, w = drawn("uint8", 1, 3, 7, 8), drawn(w_zero.dtype, 4, 3, 3, 3)
    w_scale = np.full(w_zero.shape, 0.02, np.float32)
    inputs = [x, SCALE, np.uint8(7), w, w_scale, w_zero, np.float32(0.7), np.uint8(90)]
    window = {"pads": [1, 0, 1, 2], "strides": [2, 1]}
    agree(tmp_path, "QLinearConv", *inputs, RNG.integers(-5000, 5000, 4).astype(np.int32), **window)
    agree(tmp_path, "QLinearConv", *inputs, feeds=(0, 3), **window)


def test_stored_weights_are_params_of_eight_bits(tmp_path):
    w = drawn("uint8", 2, 2, 3, 3)
    net = load(
        tmp_path, [node("ConvInteger", ["x", "conv.weight"])], [tensor("x", [1, 2, 5, 5], "uint8")],
        initializers={"conv.weight": w},
    )  # fmt: skip
    assert net.params["conv"]["weight"].dtype == np.int8


def test_sums_of_a_convolution(tmp_path):
    x, w = drawn("uint8", 1, 4, 6, 6), drawn("uint8", 4, 1, 3, 3)
    agree(tmp_path, "ConvInteger", x, w, np.uint8(3), np.uint8(5), group=4, auto_pad="SAME_UPPER")
    agree(tmp_path, "ConvInteger", x, w, group=4, feeds=None)


def test_channels_may_be_the_last_axis(tmp_path):
    first, weight = (drawn("uint8", 1, 7, 7, 4), SCALE, np.uint8(7)), drawn("int8", 4, 1, 3, 3)
    inputs = [*first, weight, SCALE, np.int8(0), SCALE, np.uint8(90)]
    bias = RNG.integers(-500, 500, 4).astype(np.int32)
    agree(tmp_path, "QLinearConv", *inputs, bias, group=4, channels_last=1, domain="com.microsoft")


@pytest.mark.parametrize("feeds", [(0,), (0, 1)])
def test_sums_of_a_product(feeds, tmp_path):
    agree(tmp_path, "MatMulInteger", drawn("uint8", 4, 8), drawn("uint8", 8, 5), feeds=feeds)
    zeros = np.uint8(3), drawn("int8", 5)
    agree(tmp_path, "MatMulInteger", drawn("uint8", 2, 4, 8), drawn("int8", 8, 5), *zeros, feeds=feeds)


def test_product(tmp_path):
    end = np.float32(0.3), np.uint8(90)
    scales = RNG.uniform(0.01, 0.1, 5).astype(np.float32)
    x, w = drawn("uint8", 4, 8), drawn("int8", 8, 5)
    agree(tmp_path, "QLinearMatMul", x, SCALE, np.uint8(7), w, scales, np.zeros(5, np.int8), *end)
    batches = drawn("uint8", 2, 4, 8), SCALE, np.uint8(7), drawn("uint8", 2, 8, 5), SCALE, np.uint8(9), *end
    agree(tmp_path, "QLinearMatMul", *batches, feeds=(0, 3))


def test_a_product_with_scales_of_rows(tmp_path):
    x, w, scales = drawn("uint8", 4, 8), drawn("int8", 8, 5), np.float32([0.01, 0.02, 0.03, 0.04])
    end = np.float32(1), np.uint8(90)
    got = compute(
        tmp_path, "QLinearMatMul", x, scales, drawn("uint8", 4) * 0, w, np.float32(0.1), np.int8(0), *end
    )
    sums = x.astype(np.int64) @ w.astype(np.int64)
    np.testing.assert_array_equal(got, np.clip(np.rint(sums * scales[:, None] * 0.1) + 90, 0, 255))


def test_errors(tmp_path):
    x, w = drawn("uint8", 1, 2, 5, 5), drawn("int8", 2, 2, 3, 3)
    with pytest.raises(LayerError, match="the zero point of int8 numbers is uint8"):
        compute(tmp_path, "ConvInteger", x, w, np.uint8(0), np.uint8(0))
    with pytest.raises(
        LayerError, match=r"the filter has the shape \(2, 2, 3, 3\), and kernel_shape is \(2, 2\)"
    ):
        compute(tmp_path, "ConvInteger", x, w, kernel_shape=[2, 2])
    with pytest.raises(LayerError, match="dtype must be a type of few bits, got int32"):
        compute(tmp_path, "QuantizeLinear", np.ones(3, np.float32), SCALE, np.int32(0))
