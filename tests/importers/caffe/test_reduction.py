"""Caffe's Reduction and ArgMax."""

import numpy as np
import pytest

from jaxdnn import JaxdnnError
from support.caffe import inputs, load
from support.layer import assert_close

X = np.random.default_rng(0).standard_normal((2, 5, 3, 4)).astype(np.float32)


def compute(folder, kind: str, params: str, x: np.ndarray = X) -> np.ndarray:
    text = inputs(data=x.shape) + f'layer {{ name: "l" type: "{kind}" bottom: "data" top: "out" {params} }}'
    return np.asarray(load(folder, text)(x)["out"])


@pytest.mark.parametrize(
    ("params", "formula"),
    [
        ("", lambda x: x.sum()),
        ("operation: SUM axis: -1", lambda x: x.sum(3)),
        ("operation: ASUM axis: 2", lambda x: np.abs(x).sum((2, 3))),
        ("operation: SUMSQ axis: 1", lambda x: (x**2).sum((1, 2, 3))),
        ("operation: 4 axis: -3 coeff: -0.5", lambda x: -0.5 * x.mean((1, 2, 3))),
    ],
)
def test_reduction(tmp_path, params, formula):
    got = compute(tmp_path, "Reduction", f"reduction_param {{ {params} }}")
    assert_close(got, formula(X.astype(np.float64)))


def test_reduction_of_one_axis_is_a_scalar(tmp_path):
    x = np.arange(9, dtype=np.float32)
    assert_close(compute(tmp_path, "Reduction", "", x), np.float64(36))


def falling(x: np.ndarray, axis: int) -> np.ndarray:
    return np.argsort(-x, axis)


@pytest.mark.parametrize("axis", [0, 1, 2, 3, -1, -4])
@pytest.mark.parametrize("top_k", [1, 2])
def test_argmax_along_an_axis(tmp_path, axis, top_k):
    order = np.take(falling(X, axis), range(top_k), axis)
    params = f"axis: {axis} top_k: {top_k}"
    got = compute(tmp_path, "ArgMax", f"argmax_param {{ {params} }}")
    assert got.dtype == np.float32
    np.testing.assert_array_equal(got, order)
    got = compute(tmp_path, "ArgMax", f"argmax_param {{ {params} out_max_val: true }}")
    np.testing.assert_array_equal(got, np.take_along_axis(X, order, axis))


@pytest.mark.parametrize("shape", [(3, 8), (3, 4, 2), (3, 2, 2, 2), (3, 2, 1, 2, 2)])
def test_argmax_per_sample(tmp_path, shape):
    x = np.random.default_rng(1).standard_normal(shape).astype(np.float32)
    flat = x.reshape(3, 8)
    order = falling(flat, 1)[:, :3]
    tail = (1,) * (len(shape) - 3)
    got = compute(tmp_path, "ArgMax", "argmax_param { top_k: 3 }", x)
    np.testing.assert_array_equal(got, order.reshape(3, 1, 3, *tail))
    got = compute(tmp_path, "ArgMax", "argmax_param { top_k: 3 out_max_val: true }", x)
    want = np.stack([order, np.take_along_axis(flat, order, 1)], 1)
    np.testing.assert_array_equal(got, want.reshape(3, 2, 3, *tail))


def test_argmax_of_equal_elements_takes_the_last(tmp_path):
    x = np.array([[1, 3, 3, 0, 3]], np.float32)
    np.testing.assert_array_equal(
        compute(tmp_path, "ArgMax", "argmax_param { top_k: 4 }", x), [[[4, 2, 1, 0]]]
    )
    np.testing.assert_array_equal(compute(tmp_path, "ArgMax", "argmax_param { axis: 1 }", x), [[4]])


@pytest.mark.parametrize(
    ("kind", "params", "message"),
    [
        ("Reduction", "reduction_param { axis: 4 }", "axis 4 is out of range for 4 axes"),
        ("Reduction", "reduction_param { operation: 0 }", "unknown value '0' for operation"),
        ("ArgMax", "argmax_param { axis: -5 }", "axis -5 is out of range for 4 axes"),
        ("ArgMax", "argmax_param { top_k: 0 }", "top_k must be at least 1, got 0"),
        ("ArgMax", "argmax_param { top_k: 61 }", "top_k 61 is more than the 60 elements"),
        ("ArgMax", "argmax_param { axis: 1 top_k: 6 }", "top_k 6 is more than the 5 elements"),
    ],
)
def test_errors(tmp_path, kind, params, message):
    with pytest.raises(JaxdnnError, match=message):
        compute(tmp_path, kind, params)
