"""Arithmetic, against ONNX Runtime and, where that knows no form so old or new, numpy."""

import numpy as np
import pytest

from jaxdnn import LayerError, ShapeError
from support.onnx_graphs import compute, load, node, one_op, runtime, tensor

X = np.float32([[0.3, -0.7, 1.2], [2.0, -3.4, 0.5]])
Y = np.float32([0.9, 2.1, -1.5])


def agree(folder, op, *arrays, **options):
    """Compute one operator, and compare with ONNX Runtime."""
    got = compute(folder, op, *arrays, **options)
    (want,) = runtime(*one_op(op, arrays, **options))
    assert got.dtype == want.dtype
    np.testing.assert_allclose(got, want, rtol=2e-6, atol=1e-6)


@pytest.mark.parametrize(
    "op", ["Abs", "Neg", "Sign", "Floor", "Round", "Exp", "Erf", "Reciprocal", "Sin", "Atan", "Sinh", "IsNaN"]
)
def test_unary(op, tmp_path):
    agree(tmp_path, op, X, opset=13)


@pytest.mark.parametrize("op", ["Add", "Sub", "Mul", "Div", "Less", "GreaterOrEqual", "Equal"])
def test_binary(op, tmp_path):
    agree(tmp_path, op, X, Y, opset=13)


@pytest.mark.parametrize("op", ["Sum", "Mean", "Max", "Min"])
def test_any_number_of_arrays(op, tmp_path):
    agree(tmp_path, op, X, Y, X[:, :1], opset=13)
    np.testing.assert_array_equal(compute(tmp_path, op, X), X)


def test_integers_are_divided_without_a_fraction(tmp_path):
    agree(tmp_path, "Div", np.int32([7, -7, 7, -7]), np.int32([2, 2, -2, -2]), opset=14)


@pytest.mark.parametrize("fmod", [0, 1])
def test_mod(fmod, tmp_path):
    agree(tmp_path, "Mod", np.int32([7, -7, 7, -7]), np.int32([3, 3, -3, -3]), fmod=fmod)


def test_powers_of_two_types(tmp_path):
    agree(tmp_path, "Pow", np.int32([2, 3]), np.float32([3, 2]), opset=13)
    agree(tmp_path, "Pow", np.float32([2, 3]), np.int64([3, -2]), opset=13)


def test_shifts(tmp_path):
    x, places = np.uint8([16, 4, 255]), np.uint8([1, 2, 7])
    agree(tmp_path, "BitShift", x, places, direction="RIGHT")
    agree(tmp_path, "BitShift", x, places, direction="LEFT")


def test_infinities_of_one_sign(tmp_path):
    x = np.float32([np.inf, -np.inf, np.nan, 1])
    for positive in (0, 1):
        for negative in (0, 1):
            flags = {"detect_positive": positive, "detect_negative": negative}
            np.testing.assert_array_equal(
                compute(tmp_path, "IsInf", x, **flags), [positive, negative, False, False]
            )


def old(folder, op, a, b, **attributes):
    """Load one operator of operator set 6 with its second input stored."""
    return load(
        folder, [node(op, ["a", "b"], broadcast=1, **attributes)], [tensor("a", a.shape)], initializers={"b": b},
        opset=6,
    )  # fmt: skip


@pytest.mark.parametrize("op", ["Add", "Sub", "Mul", "Div"])
def test_operands_from_an_axis_on(op, tmp_path):
    a, b = np.arange(24, dtype=np.float32).reshape(2, 3, 4) + 1, np.float32([1, 2, 3])
    function = {"Add": np.add, "Sub": np.subtract, "Mul": np.multiply, "Div": np.divide}[op]
    net = old(tmp_path, op, a, b, axis=1)
    np.testing.assert_allclose(net(a)["y"], function(a, b[:, None]), rtol=1e-6)
    assert ("b" in net.params) == (op in ("Add", "Mul"))
    last = np.float32([1, 2, 3, 4])
    np.testing.assert_allclose(old(tmp_path, op, a, last)(a)["y"], function(a, last), rtol=1e-6)


def test_operands_of_two_axes_from_an_axis_on(tmp_path):
    a, b = np.ones((2, 3, 4, 5), np.float32), np.arange(12, dtype=np.float32).reshape(3, 4)
    np.testing.assert_array_equal(old(tmp_path, "Add", a, b, axis=1)(a)["y"], a + b[..., None])
    with pytest.raises(ShapeError, match="3x4 does not fit 2x3x4x5 from axis 3 on"):
        old(tmp_path, "Sub", a, b, axis=3)(a)


def test_arrays_beside_rows_are_learned(tmp_path):
    x, scale, bias = np.ones((2, 3), np.float32), np.float32([1, 2, 3]), np.float32([[4], [5]])
    nodes = [
        node("Mul", ["x", "norm.scale"], "s"),
        node("Add", ["norm.bias", "s"], "t"),
        node("Mul", ["t", "two"]),
    ]
    stored = {"norm.scale": scale, "norm.bias": bias, "two": np.float32(2)}
    net = load(tmp_path, nodes, [tensor("x", x.shape)], initializers=stored)
    assert {slot: array.shape for slot, array in net.params["norm"].items()} == {
        "scale": (3,),
        "bias": (2, 1),
    }
    np.testing.assert_array_equal(net(x)["y"], (x * scale + bias) * 2)
    assert list(net.params) == ["norm"]


def test_arithmetic_on_sizes_is_no_weight(tmp_path):
    nodes = [
        node("Shape", "x", "n"),
        node("Cast", "n", "f", to=1),
        node("Mul", ["f", "scales"], "g"),
        node("Cast", "g", "m", to=7),
        node("Expand", ["x", "m"]),
    ]
    net = load(tmp_path, nodes, [tensor("x", [1, 1])], initializers={"scales": np.float32([2, 3])})
    assert net(np.ones((1, 1), np.float32))["y"].shape == (2, 3)


def test_strings_are_not_compared(tmp_path):
    with pytest.raises(LayerError, match="compares strings, which cannot be computed with"):
        load(tmp_path, [node("Equal", ["a", "b"])], [tensor("a", [2], 8), tensor("b", [2], 8)])
