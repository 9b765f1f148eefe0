"""ONNX Runtime's products of quantised matrices, against itself."""

import numpy as np
import pytest

from jaxdnn import LayerError
from support.onnx_graphs import compute, load, node, one_op, runtime, tensor
from support.quantized import drawn

RNG = np.random.default_rng(4)
HERE = {"domain": "com.microsoft"}
SCALE, ZERO = np.float32(0.02), np.uint8(9)


def numbers(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


def agree(folder, op, *arrays, **options):
    (want,) = runtime(*one_op(op, arrays, **HERE, **options))
    got = compute(folder, op, *arrays, **HERE, **options)
    assert got.dtype == want.dtype
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5 * np.abs(want).max())


@pytest.mark.parametrize(("w", "zero"), [(drawn("int8", 8, 5), None), (drawn("uint8", 8, 5), np.uint8(100))])
def test_products_as_floating_numbers(w, zero, tmp_path):
    bias = numbers(5)
    agree(tmp_path, "MatMulIntegerToFloat", drawn("uint8", 4, 8), w, SCALE, SCALE, ZERO, zero, bias)
    agree(tmp_path, "DynamicQuantizeMatMul", numbers(4, 8), w, SCALE, zero, bias)


def test_scales_of_columns(tmp_path):
    scales, zeros = RNG.uniform(0.01, 0.1, 5).astype(np.float32), drawn("int8", 5)
    agree(
        tmp_path,
        "MatMulIntegerToFloat",
        drawn("uint8", 4, 8),
        drawn("int8", 8, 5),
        SCALE,
        scales,
        ZERO,
        zeros,
    )


def test_gemm(tmp_path):
    bias = RNG.integers(-99, 99, 5).astype(np.int32)
    first, zero = (drawn("uint8", 4, 8), SCALE, ZERO), np.int8(3)
    agree(
        tmp_path,
        "QGemm",
        *first,
        drawn("int8", 5, 8),
        SCALE,
        zero,
        bias,
        np.float32(0.3),
        np.uint8(7),
        transB=1,
    )
    turned = (drawn("uint8", 8, 4), SCALE, ZERO)
    agree(tmp_path, "QGemm", *turned, drawn("int8", 8, 5), SCALE, zero, bias, transA=1, alpha=0.5)


def test_attention(tmp_path):
    x, w = drawn("uint8", 2, 4, 8), drawn("int8", 8, 24)
    agree(
        tmp_path, "QAttention", x, w, numbers(24), SCALE, SCALE, None, np.uint8(120), np.int8(0), num_heads=2
    )


@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("zeros", [True, False])
def test_weights_of_few_bits(bits, zeros, tmp_path):
    blocks = 3
    packed, scales = (
        drawn("uint8", 6, blocks, 16 * bits // 8),
        RNG.uniform(0.1, 1, 6 * blocks).astype(np.float32),
    )
    points = drawn("uint8", 6 * -(-blocks * bits // 8)) if zeros else None
    options = {"K": 40, "N": 6, "bits": bits, "block_size": 16}
    agree(tmp_path, "MatMulNBits", numbers(3, 40), packed, scales, points, **options)


def test_weights_of_two_bits_and_an_order_of_blocks(tmp_path):
    integers = RNG.integers(0, 4, (2, 32)).astype(np.uint8)
    packed = sum(integers[:, i::4] << (2 * i) for i in range(4)).astype(np.uint8).reshape(2, 2, 4)
    scales, order = np.float32([1, 2, 3, 4]), RNG.permutation(np.repeat([0, 1], 16)).astype(np.int32)
    x = numbers(3, 32)
    options = {"K": 32, "N": 2, "bits": 2, "block_size": 16, **HERE}
    got = compute(tmp_path, "MatMulNBits", x, packed, scales, None, order, numbers(2) * 0, **options)
    weight = (integers - 2.0) * scales.reshape(2, 2)[:, order]
    np.testing.assert_allclose(got, x @ weight.T, rtol=1e-4, atol=1e-4)


def test_unpacked_weights_are_weights(tmp_path):
    stored = {"fc.weight": drawn("uint8", 6, 2, 8), "s": numbers(12)}
    net = load(
        tmp_path, [node("MatMulNBits", ["x", *stored], K=32, N=6, block_size=16, **HERE)], [tensor("x", [3, 32])],
        initializers=stored, opset={"": 21, "com.microsoft": 1},
    )  # fmt: skip
    assert [slots["weight"].shape for slots in net.params.values()] == [(6, 32)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bits": 3}, "has 3 bits in blocks of 16 for 6 units of 32 inputs"),
        ({"K": 64}, "B is uint8 6x2x8 for 6 units of 64 inputs"),
    ],
)
def test_errors(change, message, tmp_path):
    options = {"K": 32, "N": 6, "bits": 4, "block_size": 16, **HERE} | change
    with pytest.raises(LayerError, match=message):
        compute(tmp_path, "MatMulNBits", numbers(3, 32), drawn("uint8", 6, 2, 8), numbers(12), **options)


def test_shapes_that_do_not_fit(tmp_path):
    options, packed = {"K": 32, "N": 6, "block_size": 16, **HERE}, drawn("uint8", 6, 2, 8)
    with pytest.raises(LayerError, match="scales are 11 for 6 units of 2 blocks"):
        compute(tmp_path, "MatMulNBits", numbers(3, 32), packed, numbers(11), **options)
    with pytest.raises(LayerError, match="B must be a constant of the file"):
        compute(tmp_path, "MatMulNBits", numbers(3, 32), packed, numbers(12), feeds=(0, 1), **options)
