"""Shape arithmetic, reshaping and filling, in all versions, against ONNX Runtime and numpy."""

import numpy as np
import pytest
from onnx import numpy_helper

import jaxdnn
from jaxdnn import LayerError, ShapeError
from support.onnx_graphs import agree, compute, load, node, run, save, tensor

X = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
BIG = np.iinfo(np.int64).max


def ints(*values):
    return np.array(values, np.int64)


@pytest.mark.parametrize(
    ("op", "arrays", "options"),
    [
        ("Shape", [X], {"start": 1}),
        ("Shape", [X], {"start": -2, "end": -1}),
        ("Shape", [X], {"end": 9, "opset": 15}),
        ("Size", [X], {}),
        ("Reshape", [X, ints(0, -1)], {}),
        ("Reshape", [X[:0], ints(4, 0)], {"allowzero": 1}),
        ("Flatten", [X], {"axis": 0}),
        ("Flatten", [X], {"axis": 1, "opset": 9}),
        ("Flatten", [X], {"axis": 2}),
        ("Flatten", [X], {"axis": 3}),
        ("Flatten", [X], {"axis": -1}),
        ("Flatten", [X], {"axis": -3}),
        ("Flatten", [X[0, 0]], {"axis": 1}),
        ("Squeeze", [X[:1, None]], {"axes": [0, 1], "opset": 11}),
        ("Squeeze", [X[:1, None]], {"opset": 13}),
        ("Squeeze", [X[:1, None], ints(-3)], {}),
        ("Unsqueeze", [X], {"axes": [0, -1], "opset": 11}),
        ("Unsqueeze", [X, ints(0, 4)], {}),
        ("Transpose", [X], {}),
        ("Transpose", [X], {"perm": [2, 0, 1]}),
        ("Expand", [X, ints(2, 1, 3, 1)], {}),
        ("Tile", [X, ints(1, 2, 3)], {}),
        ("Concat", [X, X[:, :1]], {"axis": -2, "feeds": None}),
        ("EyeLike", [X[0]], {"k": 1, "dtype": 6}),
        ("EyeLike", [X[0]], {"k": -1}),
        ("Trilu", [X, ints(1).reshape(())], {"upper": 0}),
        ("Trilu", [X], {}),
        ("ReverseSequence", [X, ints(1, 3)], {"time_axis": 1, "batch_axis": 0, "feeds": (0, 1)}),
        ("Identity", [X], {}),
        ("CenterCropPad", [X, ints(5, 2)], {"axes": [1, 2], "opset": 18}),
    ],
)
def test_shapes(tmp_path, op, arrays, options):
    agree(tmp_path, op, arrays, **options)


@pytest.mark.parametrize(
    ("arrays", "options"),
    [
        ([X], {"axis": 2, "split": [1, 3], "opset": 11}),
        ([X], {"axis": -1, "opset": 11}),
        ([X, ints(1, 3)], {"axis": 2, "opset": 13}),
        ([X], {"axis": 1, "num_outputs": 2}),
    ],
)
def test_split(tmp_path, arrays, options):
    agree(tmp_path, "Split", arrays, outputs=2, **options)


PADS = ints(0, 1, 0, 2, 0, 1)


@pytest.mark.parametrize(
    ("arrays", "options"),
    [
        ([X], {"pads": PADS.tolist(), "value": 2.5, "opset": 7}),
        ([X, PADS, np.float32(3)], {"opset": 11}),
        ([X, PADS], {"mode": "edge", "opset": 13}),
        ([X, ints(0, 2, 1, 1, 0, 3)], {"mode": "reflect"}),
        ([X, PADS], {"mode": "wrap"}),
        ([X, ints(-1, 0, 1, 0, 1, -2)], {}),
        ([X, ints(1, 0, 2, 1), np.float32(3), ints(2, 0)], {"opset": 18}),
        ([X, ints(1, 0, 2, 1), None, ints(-1, 0)], {"opset": 18}),
        ([X > 3, PADS, np.array(True)], {}),
    ],
)
def test_pad(tmp_path, arrays, options):
    agree(tmp_path, "Pad", arrays, **options)


def test_first_versions(tmp_path):
    """What ONNX Runtime does not run any more."""
    np.testing.assert_array_equal(compute(tmp_path, "Reshape", X, shape=[4, 6], opset=1), X.reshape(4, 6))
    got = compute(tmp_path, "Pad", X, paddings=[0, 0, 1, 0, 0, 2], mode="constant", value=9.0, opset=1)
    np.testing.assert_array_equal(got, np.pad(X, [(0, 0), (0, 0), (1, 2)], constant_values=9))
    got = compute(tmp_path, "Tile", X, ints(2), ints(1), opset=1)
    np.testing.assert_array_equal(got, np.tile(X, (1, 2, 1)))
    got = compute(tmp_path, "Concat", X, X, feeds=None, opset=1)
    np.testing.assert_array_equal(got, np.concatenate([X, X], 1))
    for part, want in zip(
        compute(tmp_path, "Split", X, ints(1, 3), outputs=2, axis=2, opset=1), (1, 3), strict=True
    ):
        assert part.shape == (2, 3, want)


def test_filled(tmp_path):
    seven = numpy_helper.from_array(ints(7))
    path = save(tmp_path, [node("ConstantOfShape", "s", value=seven)], [], initializers={"s": ints(2, 3)})
    np.testing.assert_array_equal(run(path, {})[0], np.full((2, 3), 7))
    got = compute(tmp_path, "Range", *(np.float32(n) for n in (1, 4, 0.5)), feeds=())
    np.testing.assert_array_equal(got, np.arange(1, 4, 0.5))


def flat():
    """Return the nodes that PyTorch writes for ``x.view(x.size(0), -1).transpose(0, 1)`` and a slice of it."""
    return [
        node("Shape", "x", "sizes"),
        node("Gather", ["sizes", "zero"], "batch"),
        node("Unsqueeze", ["batch", "axis"], "batches"),
        node("Concat", ["batches", "rest"], "shape", axis=0),
        node("Reshape", ["x", "shape"], "flat"),
        node("Transpose", "flat", "turned", perm=[1, 0]),
        node("Slice", ["turned", "one", "ends", "axis"], "y"),
    ]


def test_shape_arithmetic_folds_and_keeps_the_batch_open(tmp_path):
    stored = {
        "zero": ints(0).reshape(()),
        "axis": ints(0),
        "rest": ints(-1),
        "one": ints(1),
        "ends": ints(BIG),
    }
    net = load(tmp_path, flat(), [tensor("x", ["n", 3, 4])], ["y"], stored)
    for batch in (2, 5):
        x = np.random.default_rng(0).standard_normal((batch, 3, 4)).astype(np.float32)
        np.testing.assert_array_equal(net(x)["y"], x.reshape(batch, 12).T[1:])
    small, _ = jaxdnn.optimize(net)
    assert [type(each.layer).__name__ for each in small.graph.nodes][-1] == "SliceAxes"
    np.testing.assert_array_equal(small(X)["y"], X.reshape(2, 12).T[1:])


def test_weights_that_a_file_reshapes_are_params(tmp_path):
    nodes = [
        node("Transpose", "w", "turned", perm=[1, 0]),
        node("Reshape", ["turned", "shape"], "matrix"),
        node("MatMul", ["x", "matrix"], "y"),
    ]
    w = np.random.default_rng(0).standard_normal((5, 4)).astype(np.float32)
    net = load(tmp_path, nodes, [tensor("x", (2, 4))], ["y"], {"w": w, "shape": ints(4, 5)})
    assert [np.shape(array) for slots in net.params.values() for array in slots.values()] == [(4, 5)]
    np.testing.assert_allclose(net(X[0, :2])["y"], X[0, :2] @ w.T, rtol=1e-5)


@pytest.mark.parametrize(
    ("op", "arrays", "options", "message"),
    [
        ("Reshape", [X, ints(5, 5)], {}, "2x3x4 has 24 elements and cannot become 5x5"),
        ("Reshape", [X, ints([4, 6])], {}, "the shape must be a list, got 1x2"),
        ("Unsqueeze", [X, ints(0, -5)], {}, r"axes \(0, -5\) repeat one of 5"),
        ("Split", [X], {"axis": 1, "num_outputs": 3, "outputs": 2}, "has 2 outputs and num_outputs 3"),
        ("Pad", [X, ints(1, 2, 3)], {}, "3 amounts are no pairs"),
        ("ConstantOfShape", [ints(-1)], {"feeds": ()}, "shape must be at least 0, got -1"),
    ],
)
def test_errors_name_the_node(tmp_path, op, arrays, options, message):
    with pytest.raises((LayerError, ShapeError), match=f"'o0' .*: .*{message}"):
        compute(tmp_path, op, *arrays, **options)
