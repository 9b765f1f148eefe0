"""Reductions, against ONNX Runtime and numpy."""

import numpy as np
import pytest

from support.onnx_graphs import compute, load, node, one_op, runtime, tensor

X = np.random.default_rng(0).uniform(0.5, 2, (2, 3, 4)).astype(np.float32)
OPS = (
    *("ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2"),
    *("ReduceLogSum", "ReduceLogSumExp", "ReduceSumSquare"),
)


@pytest.mark.parametrize("op", OPS)
def test_axes_as_attribute_and_as_input(op, tmp_path):
    (want,) = runtime(*one_op(op, [X], axes=[0, -1], keepdims=0, opset=11))
    np.testing.assert_allclose(compute(tmp_path, op, X, axes=[0, -1], keepdims=0, opset=11), want, rtol=1e-5)
    axes = np.int64([0, 2])
    np.testing.assert_allclose(compute(tmp_path, op, X, axes, keepdims=0, opset=18), want, rtol=1e-5)
    fed = compute(tmp_path, op, X, axes, keepdims=0, opset=18, feeds=None)
    np.testing.assert_allclose(fed, want, rtol=1e-5)


@pytest.mark.parametrize("noop", [0, 1])
def test_no_axes(noop, tmp_path):
    none = np.zeros(0, np.int64)
    for arrays in ([X], [X, none]):
        got = compute(tmp_path, "ReduceSum", *arrays, noop_with_empty_axes=noop, opset=13)
        np.testing.assert_allclose(got, X if noop else X.sum(keepdims=True), rtol=1e-6)
    logarithms = compute(tmp_path, "ReduceLogSum", X, noop_with_empty_axes=1, opset=18)
    np.testing.assert_allclose(logarithms, np.log(X), rtol=1e-5, atol=1e-6)


def test_roots_of_integers_drop_the_fraction(tmp_path):
    got = compute(tmp_path, "ReduceL2", np.int32([[1, 2], [3, 4]]), np.int64([1]), keepdims=0, opset=18)
    np.testing.assert_array_equal(got, [2, 5])
    assert got.dtype == np.int32


@pytest.mark.parametrize("last", [0, 1])
def test_places_of_extremes(last, tmp_path):
    x = np.float32([[1, 3, 3], [2, 2, 1]])
    for op in ("ArgMax", "ArgMin"):
        options = {"axis": 1, "keepdims": 0, "select_last_index": last, "opset": 13}
        (want,) = runtime(*one_op(op, [x], **options))
        np.testing.assert_array_equal(compute(tmp_path, op, x, **options), want)


@pytest.mark.parametrize("exclusive", [0, 1])
@pytest.mark.parametrize("reverse", [0, 1])
def test_running_sums(exclusive, reverse, tmp_path):
    options = {"exclusive": exclusive, "reverse": reverse, "opset": 14}
    (want,) = runtime(*one_op("CumSum", [X, np.int64(1)], **options))
    np.testing.assert_allclose(compute(tmp_path, "CumSum", X, np.int64(1), **options), want, rtol=1e-6)


def test_running_products(tmp_path):
    net = load(
        tmp_path, [node("CumProd", ["x", "axis"])], [tensor("x", X.shape)], initializers={"axis": np.int64(-1)},
        opset=26,
    )  # fmt: skip
    np.testing.assert_allclose(net(X)["y"], X.cumprod(-1), rtol=1e-6)
