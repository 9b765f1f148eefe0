"""Pooling against ONNX Runtime, and against the standard's reference where that does not know a version."""

import numpy as np
import pytest

from jaxdnn import JaxdnnError
from support.layer import assert_close
from support.onnx_graphs import compute, one_op, reference, run, runtime


def noise(*shape, seed=0):
    return np.random.default_rng(seed + sum(shape)).standard_normal(shape).astype(np.float32)


def check(tmp_path, op, arrays, *, independent=runtime, **options):
    made, fed = one_op(op, arrays, **options)
    path = tmp_path / "model.onnx"
    path.write_bytes(made.SerializeToString())
    for got, want in zip(run(path, fed), independent(made, fed), strict=True):
        assert_close(got, want)


X = noise(2, 3, 7, 8)

WINDOWS = [
    {"kernel_shape": [2, 3]},
    {"kernel_shape": [3, 2], "strides": [2, 3], "pads": [1, 0, 2, 1]},
    {"kernel_shape": [3, 2], "strides": [2, 3], "pads": [1, 0, 2, 1], "ceil_mode": 1},
    {"kernel_shape": [1, 1], "strides": [5, 3], "ceil_mode": 1},
    {"kernel_shape": [2, 2], "dilations": [2, 3], "strides": [2, 1]},
    {"kernel_shape": [3, 2], "dilations": [2, 3], "strides": [2, 2], "pads": [1, 1, 0, 1], "ceil_mode": 1},
    {"kernel_shape": [3, 3], "strides": [2, 2], "auto_pad": "SAME_UPPER"},
    {"kernel_shape": [3, 3], "strides": [2, 2], "auto_pad": "SAME_LOWER"},
    {"kernel_shape": [3, 3], "auto_pad": "VALID"},
]


@pytest.mark.parametrize("window", WINDOWS)
def test_max_pool(tmp_path, window):
    check(tmp_path, "MaxPool", [X], **window)
    check(tmp_path, "MaxPool", [X], outputs=2, **window)


def test_indices_that_count_columns_first(tmp_path):
    rounded = np.round(X)  # with equal elements
    check(tmp_path, "MaxPool", [rounded], outputs=2, kernel_shape=[2, 3], storage_order=1)
    check(tmp_path, "MaxPool", [noise(2, 2, 9)], outputs=2, kernel_shape=[2], strides=[2])
    check(tmp_path, "MaxPool", [noise(1, 2, 4, 5, 3)], outputs=2, kernel_shape=[2, 2, 2], strides=[1, 2, 1])


def test_max_pool_of_integers(tmp_path):
    x = np.arange(48, dtype=np.int8).reshape(1, 1, 6, 8) - 60
    check(tmp_path, "MaxPool", [x], kernel_shape=[3, 3], pads=[1, 1, 1, 1], opset=12)


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("padded", [0, 1])
def test_average_pool(tmp_path, window, padded):
    check(tmp_path, "AveragePool", [X], count_include_pad=padded, **window)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_lp_pool(tmp_path, order):
    window = {"kernel_shape": [3, 2], "strides": [2, 2], "pads": [1, 0, 1, 1]}
    check(tmp_path, "LpPool", [X], p=order, **window)
    check(tmp_path, "LpPool", [X], p=order, kernel_shape=[2, 2], dilations=[2, 1], opset=18)
    check(tmp_path, "GlobalLpPool", [X], p=order)


@pytest.mark.parametrize("op", ["GlobalAveragePool", "GlobalMaxPool"])
def test_global_pools(tmp_path, op):
    check(tmp_path, op, [X])
    check(tmp_path, op, [noise(2, 3, 5)])


def test_max_unpool(tmp_path):
    x = noise(2, 3, 8, 6)
    window = {"kernel_shape": [2, 2], "strides": [2, 2]}
    pooled, places = compute(tmp_path, "MaxPool", x, outputs=2, **window)
    places = places.astype(np.int64)
    check(tmp_path, "MaxUnpool", [pooled, places], feeds=None, **window)
    check(tmp_path, "MaxUnpool", [pooled, places, np.array([2, 3, 9, 8])], independent=reference, **window)
    asymmetric = {"kernel_shape": [3, 2], "strides": [2, 2], "pads": [1, 0, 0, 0]}
    check(
        tmp_path,
        "MaxUnpool",
        [pooled, np.arange(pooled.size).reshape(pooled.shape)],
        independent=reference,
        **asymmetric,
    )


def test_max_roi_pool(tmp_path):
    regions = np.array([[0, 0, 0, 5, 5], [1, 2, 1, 7, 6], [1, 3, 3, 3, 3]], np.float32)
    check(tmp_path, "MaxRoiPool", [X, regions], pooled_shape=[2, 3], spatial_scale=0.9)


@pytest.mark.parametrize(
    ("op", "arrays", "attributes", "message"),
    [
        ("MaxPool", [X], {}, "has no attribute 'kernel_shape'"),
        ("MaxPool", [X], {"kernel_shape": [2]}, "kernel has 1 values"),
        ("MaxPool", [X], {"kernel_shape": [9, 9]}, "the kernel 9x9 is larger than the padded input 7x8"),
        (
            "MaxPool",
            [X],
            {"kernel_shape": [2, 2], "pads": [2, 0, 0, 0]},
            "must be smaller than the kernel 2x2",
        ),
        ("AveragePool", [X], {"kernel_shape": [2, 2], "strides": [0, 1]}, "stride must be at least 1, got 0"),
        (
            "MaxUnpool",
            [X, X.astype(np.int64), np.array([2, 3])],
            {"kernel_shape": [1, 1]},
            "shape 2x3 does not fit",
        ),
        ("MaxRoiPool", [X, noise(1, 5)], {"pooled_shape": [2]}, "pooled_shape must be rows and columns"),
    ],
)
def test_errors(tmp_path, op, arrays, attributes, message):
    with pytest.raises(JaxdnnError, match=message):
        compute(tmp_path, op, *arrays, **attributes)
