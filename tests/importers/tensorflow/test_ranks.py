"""Arrays without elements, scalars and arrays of five axes, against numpy: one graph of all ops for each."""

import numpy as np
import pytest

from support.op_cases import Case, check

i32, f32 = np.int32, np.float32
NONE = np.zeros(0, np.int32)


@pytest.mark.parametrize("fed", [True, False])
def test_no_elements(tmp_path, fed):
    e, x, one = np.zeros((0, 3), f32), np.zeros((0, 4, 4, 4), f32), np.ones((1, 3), f32)
    slide = {"strides": [1, 2, 2, 1], "padding": "SAME"}
    pool = {**slide, "ksize": [1, 2, 2, 1]}
    halved = np.zeros((0, 2, 2, 4), f32)
    cases = [
        Case("Max", ("e", i32(0)), np.full(3, -np.inf, f32)),
        Case("Min", ("e", i32(0)), np.full(3, np.inf, f32)),
        Case("Sum", ("e", i32(0)), np.zeros(3, f32)),
        Case("Prod", ("e", i32(0)), np.ones(3, f32)),
        Case("Mean", ("e", i32(0)), np.full(3, np.nan, f32)),
        Case("Max", (e.astype(i32), i32(0)), np.full(3, np.iinfo(i32).min)),
        Case("Min", (e.astype(i32), i32(0)), np.full(3, np.iinfo(i32).max)),
        Case("All", (e.astype(bool), i32(0)), np.ones(3, bool)),
        Case("Any", (e.astype(bool), i32(0)), np.zeros(3, bool)),
        Case("Max", ("e", i32(1)), np.zeros(0, f32)),
        Case("ArgMax", ("e", i32(1)), np.zeros(0, int)),
        Case("TopKV2", ("e", i32(2)), np.zeros((0, 2), f32)),
        Case("MatMul", ("e", np.ones((3, 4), f32)), np.zeros((0, 4), f32)),
        Case("MatMul", (np.zeros((2, 0), f32), "e"), np.zeros((2, 3), f32)),
        Case("MatMul", (np.ones((2, 3), f32), np.zeros((3, 0), f32)), np.zeros((2, 0), f32)),
        Case("Einsum", ("e", np.ones((3, 4), f32)), np.zeros((0, 4), f32), {"equation": "ij,jk->ik"}),
        Case("Conv2D", ("x", np.ones((3, 3, 4, 2), f32)), halved[..., :2], slide),
        Case("DepthwiseConv2dNative", ("x", np.ones((3, 3, 4, 1), f32)), halved, slide),
        Case("MaxPool", ("x",), halved, pool),
        Case("AvgPool", ("x",), halved, pool),
        Case("ResizeBilinear", ("x", i32([2, 2])), halved),
        Case("ResizeNearestNeighbor", ("x", i32([2, 2])), halved),
        Case("DepthToSpace", ("x",), np.zeros((0, 8, 8, 1), f32), {"block_size": 2}),
        Case("SpaceToBatchND", ("x", i32([2, 2]), np.zeros((2, 2), i32)), halved),
        Case("LRN", ("x",), x),
        Case("Softmax", ("e",), e),
        Case("LogSoftmax", ("e",), e),
        Case("BiasAdd", ("e", np.ones(3, f32)), e),
        Case("Elu", ("e",), e),
        Case("Cumsum", ("e", i32(0)), e, {"exclusive": True}),
        Case("Transpose", ("e", i32([1, 0])), e.T),
        Case("Tile", (one, i32([0, 2])), np.zeros((0, 6), f32)),
        Case("Pad", ("e", i32([[1, 1], [0, 0]])), np.zeros((2, 3), f32)),
        Case("MirrorPad", ("e", i32([[0, 0], [1, 1]])), np.zeros((0, 5), f32), {"mode": "REFLECT"}),
        Case("GatherV2", (one, NONE, i32(0)), e),
        Case("GatherV2", ("e", NONE, i32(0)), e),
        Case("ConcatV2", ("e", one, i32(0)), one),
        Case("Pack", ("e", "e"), np.zeros((2, 0, 3), f32)),
        Case("Slice", (one, i32([1, 0]), i32([0, 3])), e),
        Case("StridedSlice", (one, i32([1]), i32([1]), i32([1])), e),
        Case("Unique", (np.zeros(0, f32),), np.zeros(0, f32)),
        Case("Where", ("e",), np.zeros((0, 2), int)),
        Case("UnsortedSegmentSum", ("e", NONE, i32(2)), np.zeros((2, 3), f32)),
        Case("SegmentSum", ("e", NONE), e),
        Case("OneHot", (NONE, i32(4), f32(1), f32(0)), np.zeros((0, 4), f32)),
        Case("ScatterNd", (np.zeros((0, 1), i32), "e", i32([4, 3])), np.zeros((4, 3), f32)),
        Case("TensorScatterAdd", (one, np.zeros((0, 1), i32), "e"), one),
        Case(
            "CropAndResize",
            (np.ones((1, 4, 4, 2), f32), np.zeros((0, 4), f32), NONE, i32([2, 2])),
            halved[..., :2],
        ),
        Case(
            "NonMaxSuppressionV3", (np.zeros((0, 4), f32), np.zeros(0, f32), i32(3), f32(0.5), f32(0)), NONE
        ),
        Case("L2Loss", ("e",), f32(0)),
        Case("Bincount", (NONE, i32(3), NONE), np.zeros(3, i32)),
        Case("ReverseSequence", ("e", np.zeros(0, np.int64)), e, {"seq_dim": 1}),
    ]
    check(tmp_path, cases, {"e": e, "x": x}, fed)


@pytest.mark.parametrize("fed", [True, False])
def test_scalars(tmp_path, fed):
    s = f32(2.5)
    functions = {
        "Relu": s,
        "Relu6": s,
        "LeakyRelu": s,
        "Elu": s,
        "Selu": 1.0507009873554805 * s,
        "Sigmoid": 1 / (1 + np.exp(-s)),
        "Softplus": np.log1p(np.exp(s)),
        "Softsign": s / (1 + s),
        "Tanh": np.tanh(s),
        "Exp": np.exp(s),
        "ZerosLike": 0,
        "OnesLike": 1,
        "Floor": 2,
        "L2Loss": s * s / 2,
    }
    cases = [
        *(Case(op, ("s",), f32(want)) for op, want in functions.items()),
        *(Case(op, ("s", NONE), s) for op in ("Sum", "Max", "Mean", "Tile", "Transpose", "ReverseV2")),
        Case("Pad", ("s", np.zeros((0, 2), i32)), s),
        Case("Slice", ("s", NONE, NONE), s),
        Case("Pack", ("s", "s"), f32([s, s])),
        Case("Reshape", ("s", i32([1, 1])), f32([[s]])),
        Case("ExpandDims", ("s", i32(0)), f32([s])),
        Case("Squeeze", (f32([[s]]),), s),
        Case("BroadcastTo", ("s", i32([2, 3])), np.full((2, 3), s)),
        Case("Where", ("s",), np.zeros((1, 0), int)),
        Case("Where", (f32(0),), np.zeros((0, 0), int)),
        Case("Shape", ("s",), NONE),
        Case("AddN", ("s", "s"), s + s),
        Case("ClipByValue", ("s", f32(0), f32(2)), f32(2)),
        Case("UnsortedSegmentSum", ("s", i32(1), i32(2)), f32([0, s])),
        Case("OneHot", (i32(1), i32(3), "s", f32(0)), f32([0, s, 0])),
    ]
    check(tmp_path, cases, {"s": s}, fed)


def test_five_axes(tmp_path):
    x = np.random.default_rng(0).normal(size=(2, 3, 2, 2, 3)).astype(f32)
    powers = np.exp(x.astype(np.float64))
    statistics = (f32([1, 2, 3]), f32([0, 1, 2]), f32([1, 0, 1]), f32([1, 4, 9]))
    scale, bias, mean, variance = statistics
    norm = {"epsilon": 0.1, "is_training": False, "data_format": "NDHWC"}
    cases = [
        Case("Softmax", ("x",), (powers / powers.sum(-1, keepdims=True)).astype(f32)),
        Case("Transpose", ("x", i32([4, 2, 0, 1, 3])), x.transpose(4, 2, 0, 1, 3)),
        Case("BiasAdd", ("x", bias), x + bias),
        Case("BiasAdd", ("x", bias), x + bias.reshape(3, 1, 1, 1), {"data_format": "NCHW"}),
        Case(
            "FusedBatchNormV3",
            ("x", *statistics),
            (x - mean) / np.sqrt(variance + f32(0.1)) * scale + bias,
            norm,
        ),
        Case("Pad", ("x", i32([[1, 0]] * 5)), np.pad(x, [(1, 0)] * 5)),
        Case("ArgMax", ("x", i32(2)), x.argmax(2)),
        Case("TopKV2", ("x", i32(2)), -np.sort(-x, -1)[..., :2]),
        Case("BatchMatMulV2", ("x", "x"), x @ x.swapaxes(3, 4), {"adj_y": True}),
        Case("GatherV2", ("x", i32([1, 0]), i32(3)), x[:, :, :, [1, 0]]),
        Case("Tile", ("x", i32([1, 2, 1, 2, 1])), np.tile(x, (1, 2, 1, 2, 1))),
        Case("Cumsum", ("x", i32(-2)), x.cumsum(3)),
        Case("StridedSlice", ("x", i32([0, 1]), i32([2, 3]), i32([1, 1])), x[..., 1:3], {"ellipsis_mask": 1}),
        Case("Mean", ("x", i32([1, 2, 3])), x.mean((1, 2, 3)), {"keep_dims": False}),
    ]
    check(tmp_path, cases, {"x": x})
