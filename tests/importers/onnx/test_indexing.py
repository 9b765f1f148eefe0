"""Slices, gathers, scatters and what is chosen by the data, in all versions, against ONNX Runtime."""

import numpy as np
import pytest

from jaxdnn import LayerError, ShapeError
from support.onnx_graphs import agree, compute, load, node, tensor

X = np.random.default_rng(0).standard_normal((3, 4, 5)).astype(np.float32)
BIG = np.iinfo(np.int64).max


def ints(*values):
    return np.array(values, np.int64)


@pytest.mark.parametrize(
    ("op", "arrays", "options"),
    [
        ("Slice", [X], {"starts": [1, -2], "ends": [BIG, -1], "axes": [0, 2], "opset": 9}),
        ("Slice", [X], {"starts": [1], "ends": [3], "opset": 7}),
        ("Slice", [X, ints(1, 0), ints(3, BIG)], {"opset": 10}),
        ("Slice", [X, ints(-1, 9), ints(-BIG - 1, 0), ints(2, -2), ints(-2, -1)], {}),
        ("Slice", [X, ints(5), ints(5)], {}),
        ("Gather", [X, ints([0, -1], [2, 1])], {"axis": 1}),
        ("Gather", [X, ints(-2).reshape(())], {"axis": 2, "feeds": (0, 1)}),
        ("GatherElements", [X, ints([[0, -1]], [[3, 2]])], {"axis": 1, "feeds": (0, 1)}),
        ("GatherND", [X, ints([0, 1], [2, -1])], {"feeds": (0, 1)}),
        ("GatherND", [X, ints([0], [3], [1])], {"batch_dims": 1}),
        ("Scatter", [X, ints([[0, 1]]), np.float32([[[7, 8]]])], {"axis": 0, "opset": 9}),
        ("ScatterElements", [X, ints([[0, 3]]), np.float32([[[7, 8]]])], {"axis": 1, "opset": 11}),
        ("ScatterElements", [X, ints([[-1, -1]]), np.float32([[[7, 8]]])], {"axis": 2, "reduction": "mul"}),
        ("ScatterElements", [X, ints([[0, 0]]), np.float32([[[7, 8]]])], {"axis": 2, "reduction": "max"}),
        ("ScatterND", [X, ints([0, 1], [2, 3]), X[0, :2]], {"opset": 11}),
        ("ScatterND", [X, ints([0, 1], [0, 1]), X[1, :2]], {"reduction": "add"}),
        ("ScatterND", [X, ints([0, 1], [0, 1]), X[1, :2]], {"reduction": "min"}),
        ("OneHot", [ints([0, -1], [3, 2]), ints(3), np.float32([-1, 2])], {"axis": 1}),
        ("OneHot", [np.float32([0, 2]), np.float32(3), np.float32([0, 5])], {"feeds": (0,)}),
        ("Where", [X > 0, X, np.float32(0)], {}),
        ("Where", [X[0] > 0, X[:1], X[:, :1]], {"feeds": None}),
        ("NonZero", [np.where(X > 0, X, 0)], {}),
        ("Compress", [X, np.array([True, False, True])], {"axis": 1, "feeds": None}),
        ("Compress", [X, np.array([False, True, True])], {"feeds": None, "opset": 9}),
    ],
)
def test_indexing(tmp_path, op, arrays, options):
    agree(tmp_path, op, arrays, **options)


@pytest.mark.parametrize(
    ("arrays", "options"),
    [
        ([X], {"k": 2, "axis": 1, "opset": 9}),
        ([X, ints(3)], {"opset": 10}),
        ([X, ints(2)], {"axis": 0, "largest": 0}),
        ([X.round().astype(np.int64), ints(2)], {"axis": -1, "largest": 0}),
    ],
)
def test_top_k(tmp_path, arrays, options):
    agree(tmp_path, "TopK", arrays, outputs=2, **options)


@pytest.mark.parametrize("options", [{}, {"sorted": 0}, {"axis": 0}, {"axis": 1, "sorted": 0}])
def test_unique(tmp_path, options):
    x = np.random.default_rng(0).integers(0, 2, (4, 3)).astype(np.float32)
    agree(tmp_path, "Unique", [x[[0, 1, 0, 2]]], outputs=4, **options)


def test_rows_of_a_constant_table_are_an_embedding(tmp_path):
    nodes = [node("Gather", ["table.weight", "i"])]
    net = load(tmp_path, nodes, [tensor("i", (2,), "int64")], ["y"], {"table.weight": X[0]})
    assert list(net.params) == ["table"]
    np.testing.assert_array_equal(net(ints(3, 0))["y"], X[0][[3, 0]])


@pytest.mark.parametrize(
    ("op", "arrays", "options", "message"),
    [
        ("Gather", [X, ints(4)], {"axis": 7}, "axis 7 is out of range for 3 axes"),
        ("ScatterND", [X, ints([0]), X], {}, "values 3x4x5 at 1x1 do not fit 3x4x5"),
        ("Slice", [X, ints(0), ints(1), ints(0), ints(0)], {}, "the step along axis 0 is 0"),
        ("TopK", [X, ints(9)], {"outputs": 2}, "9 elements are more than the last axis of 3x4x5 has"),
        ("TopK", [X], {"k": 0, "opset": 9, "outputs": 2}, "k must be at least 1, got 0"),
        ("ScatterElements", [X, ints(0), X], {"reduction": "mean"}, "'reduction' must be one of none, add"),
    ],
)
def test_errors_name_the_node(tmp_path, op, arrays, options, message):
    with pytest.raises((LayerError, ShapeError), match=f"'o0' .*: .*{message}"):
        compute(tmp_path, op, *arrays, **options)
