"""Casts, against the standard's reference implementation."""

import ml_dtypes
import numpy as np
import onnx
import pytest

from jaxdnn import LayerError
from support.onnx_graphs import compute, load, model, node, reference, tensor

X = np.float32([[0, 0.4, -1.5], [3.49, -300, 1000]])
FEW_BITS = ("float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz")


def code(dtype):
    return onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint8", "bool", "float16", "int8"])
def test_cast(dtype, tmp_path):
    x = X[:1] if dtype == "uint8" else X
    got = compute(tmp_path, "Cast", np.abs(x), to=code(dtype), opset=13)
    want = np.abs(x).astype(np.int32).astype(dtype) if dtype == "int8" else np.abs(x).astype(dtype)
    np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("saturate", [0, 1])
@pytest.mark.parametrize("dtype", FEW_BITS)
def test_floating_types_of_eight_bits(dtype, saturate, tmp_path):
    x = np.float32([0, -0.3, 1.7, 1e6, -np.inf, np.nan])
    kind = getattr(ml_dtypes, dtype)
    made = model(
        [node("Cast", "x", to=code(kind), saturate=saturate)],
        [tensor("x", x.shape)],
        [tensor("y", x.shape, code(kind))],
    )
    (want,) = reference(made, {"x": x})
    got = compute(tmp_path, "Cast", x, to=code(kind), saturate=saturate)
    np.testing.assert_array_equal(got, want.astype(np.float32))


@pytest.mark.parametrize("way", ["up", "down", "nearest"])
def test_powers_of_two(way, tmp_path):
    got = compute(
        tmp_path, "Cast", np.float32([1.4, 1.6]), to=code(ml_dtypes.float8_e8m0fnu), round_mode=way, opset=24
    )
    np.testing.assert_array_equal(got, {"up": [2, 2], "down": [1, 1], "nearest": [1, 2]}[way])


def test_the_first_version_names_the_type(tmp_path):
    got = compute(tmp_path, "Cast", X, to="INT32", opset=5)
    np.testing.assert_array_equal(got, X.astype(np.int32))
    with pytest.raises(LayerError, match="attribute 'to' must be a type of numbers, got 'INT'"):
        compute(tmp_path, "Cast", X, to="INT", opset=5)


@pytest.mark.parametrize("dtype", ["int32", "uint8", "bool", "float16", "float8_e5m2"])
def test_cast_like(dtype, tmp_path):
    kind = getattr(ml_dtypes, dtype, None) or np.dtype(dtype)
    x = np.float32([0, 1.3, 2.7])
    got = compute(tmp_path, "CastLike", x, np.zeros(2).astype(kind), feeds=None)
    np.testing.assert_array_equal(got, x.astype(kind).astype(np.float32))


@pytest.mark.parametrize("dtype", ["int4", "uint4"])
def test_integers_of_four_bits(dtype, tmp_path):
    kind = getattr(ml_dtypes, dtype)
    x = np.arange(-9, 17, dtype=np.int32)
    got = compute(tmp_path, "Cast", x, to=code(kind))
    np.testing.assert_array_equal(got.astype(np.int32), x.astype(kind).astype(np.int32))
    back = compute(tmp_path, "Cast", x.astype(kind), to=code("int32"))
    np.testing.assert_array_equal(back, x.astype(kind).astype(np.int32))


def test_weights_in_half_precision_are_weights(tmp_path):
    w = np.float16([[1, 2], [3, 4]])
    net = load(
        tmp_path,
        [node("Cast", "w", "wide", to=code("float32")), node("MatMul", ["x", "wide"])],
        [tensor("x", [1, 2])],
        initializers={"w": w},
    )
    np.testing.assert_array_equal(net.params["w"]["weight"], w)


def test_bits(tmp_path):
    x = np.float32([1.5, -2])
    np.testing.assert_array_equal(
        compute(tmp_path, "BitCast", x, to=code("int32"), opset=26), x.view(np.int32)
    )
    half = x.astype(np.float16)
    np.testing.assert_array_equal(
        compute(tmp_path, "BitCast", half, to=code("uint16"), opset=26), half.view(np.uint16)
    )
    with pytest.raises(LayerError, match="the bits of int64 are 64: enable jax_enable_x64"):
        compute(tmp_path, "BitCast", np.int64([1, 2]), to=code("float64"), opset=26)


def test_strings_are_refused(tmp_path):
    with pytest.raises(LayerError, match="attribute 'to' must be a type of numbers, got STRING"):
        compute(tmp_path, "Cast", X, to=onnx.TensorProto.STRING)
    with pytest.raises(LayerError, match="attribute 'to' must be a type of numbers, got 99"):
        compute(tmp_path, "Cast", X, to=99)
