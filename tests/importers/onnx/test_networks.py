"""Parts of networks as PyTorch exports them, against ONNX Runtime."""

import jax
import numpy as np
import pytest

import jaxdnn
from support.layer import assert_close
from support.onnx_graphs import model, node, runtime, tensor

RNG = np.random.default_rng(0)


def noise(*shape):
    return (RNG.standard_normal(shape) / 2).astype(np.float32)


def check(tmp_path, nodes, inputs, outputs, stored, feeds, opset=17, tolerance=1e-4):
    """Load a model, compare its outputs with ONNX Runtime's, and return the net."""
    made = model(nodes, inputs, outputs, stored, opset)
    path = tmp_path / "model.onnx"
    path.write_bytes(made.SerializeToString())
    net = jaxdnn.load(path)
    for got, want in zip(net(feeds).values(), runtime(made, feeds), strict=True):
        assert_close(np.asarray(got), want, tolerance)
    return net


def batch_norm(name, stored, channels):
    slots = [f"{name}.{slot}" for slot in ("weight", "bias", "running_mean", "running_var")]
    stored |= {slot: np.abs(noise(channels)) + 0.5 for slot in slots}
    return slots


def test_a_residual_block(tmp_path):
    stored = {
        "conv1.weight": noise(4, 3, 3, 3),
        "conv2.weight": noise(4, 4, 3, 3),
        "down.weight": noise(4, 3, 1, 1),
    }
    stored |= {"fc.weight": noise(5, 4), "fc.bias": noise(5)}
    first, second = batch_norm("bn1", stored, 4), batch_norm("bn2", stored, 4)
    nodes = [
        node("Conv", ["x", "conv1.weight"], "c1", kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[2, 2]),
        node("BatchNormalization", ["c1", *first], "b1"),
        node("Relu", "b1", "r1"),
        node("Conv", ["r1", "conv2.weight"], "c2", pads=[1, 1, 1, 1]),
        node("BatchNormalization", ["c2", *second], "b2"),
        node("Conv", ["x", "down.weight"], "d", strides=[2, 2]),
        node("Add", ["b2", "d"], "sum"),
        node("Relu", "sum", "r2"),
        node("MaxPool", "r2", "p", kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[2, 2]),
        node("GlobalAveragePool", "p", "g"),
        node("Flatten", "g", "f"),
        node("Gemm", ["f", "fc.weight", "fc.bias"], "logits", transB=1),
        node("Softmax", "logits", "y", axis=1),
    ]
    feeds = {"x": noise(2, 3, 17, 16)}
    net = check(tmp_path, nodes, [tensor("x", ["n", 3, 17, 16])], [tensor("y", ["n", 5])], stored, feeds)
    assert {"conv1", "bn1", "fc"} <= set(net.params)
    gradient = jax.grad(lambda params: net.apply(params, feeds)["y"][0, 0])(net.params)
    assert float(np.abs(gradient["conv1"]["weight"]).max()) > 0


def test_a_u_net_with_both_ways_up(tmp_path):
    stored = {
        "down.weight": noise(4, 2, 3, 3),
        "down.bias": noise(4),
        "up.weight": noise(4, 2, 2, 2),
        "up.bias": noise(2),
        "out.weight": noise(1, 8, 1, 1),
        "two": np.array([2]),
        "four": np.array([4]),
        "zero": np.array([0]),
    }
    nodes = [
        node("Conv", ["x", "down.weight", "down.bias"], "d", pads=[1, 1, 1, 1]),
        node("LeakyRelu", "d", "a", alpha=0.1),
        node("AveragePool", "a", "p", kernel_shape=[2, 2], strides=[2, 2]),
        node("ConvTranspose", ["p", "up.weight", "up.bias"], "u", kernel_shape=[2, 2], strides=[2, 2]),
        node("Shape", "p", "small"),
        node("Slice", ["small", "zero", "two"], "outer"),
        node("Shape", "x", "large"),
        node("Slice", ["large", "two", "four"], "inner"),
        node("Concat", ["outer", "inner"], "sizes", axis=0),
        node(
            "Resize",
            ["p", "", "", "sizes"],
            "r",
            mode="linear",
            coordinate_transformation_mode="pytorch_half_pixel",
        ),
        node("Concat", ["u", "r", "x"], "joined", axis=1),
        node("Conv", ["joined", "out.weight"], "logits"),
        node("Sigmoid", "logits", "y"),
    ]
    inputs = [tensor("x", ["n", 2, "h", "w"])]
    for size in ((6, 8), (10, 4)):
        check(tmp_path, nodes, inputs, [tensor("y", ["n", 1, "h", "w"])], stored, {"x": noise(2, 2, *size)})


def test_a_detection_head_with_suppression(tmp_path):
    """As YOLOv5's: decoded by Split and Sigmoid, anchors as constants, then boxes of all classes."""
    grid = np.stack(np.meshgrid(np.arange(3), np.arange(4)), -1).reshape(1, 1, 4, 3, 2).astype(np.float32)
    stored = {
        "head.weight": noise(14, 4, 1, 1),
        "head.bias": noise(14),
        "grid": grid - 0.5,
        "anchors": np.array([[8.0, 9.0], [14, 12]], np.float32).reshape(1, 2, 1, 1, 2),
        "shape": np.array([1, 2, 7, 4, 3]),
        "flat": np.array([1, -1, 7]),
        "parts": np.array([2, 2, 3]),
        "two": np.array(2, np.float32),
        "stride": np.array(8, np.float32),
        "box_parts": np.array([4, 1, 2]),
        "count": np.array([4]),
        "iou": np.array([0.4], np.float32),
        "threshold": np.array([0.2], np.float32),
    }
    nodes = [
        node("Conv", ["x", "head.weight", "head.bias"], "c"),
        node("Reshape", ["c", "shape"], "s"),
        node("Transpose", "s", "t", perm=[0, 1, 3, 4, 2]),
        node("Sigmoid", "t", "p"),
        node("Split", ["p", "parts"], ["xy", "wh", "rest"], axis=4),
        node("Mul", ["xy", "two"], "xy2"),
        node("Add", ["xy2", "grid"], "placed"),
        node("Mul", ["placed", "stride"], "centre"),
        node("Mul", ["wh", "two"], "wh2"),
        node("Pow", ["wh2", "two"], "squared"),
        node("Mul", ["squared", "anchors"], "size"),
        node("Concat", ["centre", "size", "rest"], "rows", axis=4),
        node("Reshape", ["rows", "flat"], "boxes7"),
        node("Split", ["boxes7", "box_parts"], ["boxes", "objectness", "classes"], axis=2),
        node("Mul", ["objectness", "classes"], "scores"),
        node("Transpose", "scores", "by_class", perm=[0, 2, 1]),
        node(
            "NonMaxSuppression",
            ["boxes", "by_class", "count", "iou", "threshold"],
            "kept",
            center_point_box=1,
        ),
    ]
    outputs = [tensor("boxes7", [1, 24, 7]), tensor("kept", [None, 3], "int64")]
    check(tmp_path, nodes, [tensor("x", [1, 4, 4, 3])], outputs, stored, {"x": noise(1, 4, 4, 3)})


def test_an_lstm_over_a_text(tmp_path):
    """An embedding, both directions, the last state through a dense layer; zeros as ConstantOfShape makes them."""
    stored = {
        "embed.weight": noise(11, 4),
        "lstm.W": noise(2, 12, 4),
        "lstm.R": noise(2, 12, 3),
        "lstm.B": noise(2, 24),
        "fc.weight": noise(6, 2),
        "fc.bias": noise(2),
        "outer": np.array([2]),
        "units": np.array([3]),
        "first": np.array(1),
        "axis": np.array([0]),
        "steps": np.array([0, 0, -1]),
    }
    nodes = [
        node("Gather", ["embed.weight", "tokens"], "e"),
        node("Shape", "tokens", "sizes"),
        node("Gather", ["sizes", "first"], "batch", axis=0),
        node("Unsqueeze", ["batch", "axis"], "batch1"),
        node("Concat", ["outer", "batch1", "units"], "state", axis=0),
        node("ConstantOfShape", "state", "zeros"),
        node(
            "LSTM",
            ["e", "lstm.W", "lstm.R", "lstm.B", "", "zeros", "zeros"],
            ["y3", "h"],
            hidden_size=3,
            direction="bidirectional",
        ),
        node("Transpose", "y3", "y4", perm=[0, 2, 1, 3]),
        node("Reshape", ["y4", "steps"], "y5"),
        node("MatMul", ["y5", "fc.weight"], "m"),
        node("Add", ["m", "fc.bias"], "y"),
    ]
    feeds = {"tokens": RNG.integers(0, 11, (5, 2))}
    outputs = [tensor("y", [5, "n", 2]), tensor("h", [2, "n", 3])]
    check(tmp_path, nodes, [tensor("tokens", [5, "n"], "int64")], outputs, stored, feeds)


@pytest.mark.parametrize("opset", [13, 17])
def test_a_transformer_block(tmp_path, opset):
    width, heads = 8, 2
    stored = {
        **{f"{name}.weight": noise(width, width) for name in ("q", "k", "v", "proj")},
        "ln.weight": noise(width),
        "ln.bias": noise(width),
        "up.weight": noise(width, 16),
        "up.bias": noise(16),
        "split": np.array([0, 0, heads, width // heads]),
        "merge": np.array([0, 0, width]),
        "scale": np.array(0.5, np.float32),
        "half": np.array(0.5, np.float32),
        "root": np.array(np.sqrt(2), np.float32),
        "one": np.array(1, np.float32),
        "epsilon": np.array(1e-5, np.float32),
        "two": np.array(2, np.float32),
    }
    if opset >= 17:
        nodes = [node("LayerNormalization", ["x", "ln.weight", "ln.bias"], "n")]
    else:
        nodes = [
            node("ReduceMean", "x", "mean", axes=[-1]),
            node("Sub", ["x", "mean"], "centred"),
            node("Pow", ["centred", "two"], "squares"),
            node("ReduceMean", "squares", "variance", axes=[-1]),
            node("Add", ["variance", "epsilon"], "spread"),
            node("Sqrt", "spread", "deviation"),
            node("Div", ["centred", "deviation"], "normalized"),
            node("Mul", ["normalized", "ln.weight"], "scaled"),
            node("Add", ["scaled", "ln.bias"], "n"),
        ]
    for name, order in (("q", [0, 2, 1, 3]), ("k", [0, 2, 3, 1]), ("v", [0, 2, 1, 3])):
        nodes += [
            node("MatMul", ["n", f"{name}.weight"], f"{name}1"),
            node("Reshape", [f"{name}1", "split"], f"{name}2"),
            node("Transpose", f"{name}2", f"{name}3", perm=order),
        ]
    nodes += [
        node("MatMul", ["q3", "k3"], "products"),
        node("Mul", ["products", "scale"], "scores"),
        node("Softmax", "scores", "share", axis=-1),
        node("MatMul", ["share", "v3"], "mixed"),
        node("Transpose", "mixed", "mixed2", perm=[0, 2, 1, 3]),
        node("Reshape", ["mixed2", "merge"], "mixed3"),
        node("MatMul", ["mixed3", "proj.weight"], "projected"),
        node("Add", ["x", "projected"], "residual"),
        node("MatMul", ["residual", "up.weight"], "u"),
        node("Add", ["u", "up.bias"], "u2"),
        node("Div", ["u2", "root"], "u3"),
        node("Erf", "u3", "u4"),
        node("Add", ["u4", "one"], "u5"),
        node("Mul", ["u2", "u5"], "u6"),
        node("Mul", ["u6", "half"], "y"),
    ]
    feeds = {"x": noise(2, 5, width)}
    check(
        tmp_path, nodes, [tensor("x", ["n", "t", width])], [tensor("y", ["n", "t", 16])], stored, feeds, opset
    )


@pytest.mark.parametrize("causal", [0, 1])
def test_the_attention_operator_is_a_function_of_the_standard(tmp_path, causal):
    """Queries of more heads than keys, and keys of earlier steps."""
    from onnx.reference import ReferenceEvaluator

    nodes = [node("Attention", ["q", "k", "v"], ["y"], is_causal=causal)]
    inputs = [tensor("q", [1, 4, 3, 8]), tensor("k", [1, 2, 5, 8]), tensor("v", [1, 2, 5, 6])]
    made = model(nodes, inputs, [tensor("y", [1, 4, 3, 6])], {}, 23)
    path = tmp_path / "model.onnx"
    path.write_bytes(made.SerializeToString())
    feeds = {"q": noise(1, 4, 3, 8), "k": noise(1, 2, 5, 8), "v": noise(1, 2, 5, 6)}
    (want,) = ReferenceEvaluator(made).run(None, feeds)
    assert_close(np.asarray(jaxdnn.load(path)(feeds)["y"]), want, 1e-4)
