"""One case per feature that the set of layers must cover, whatever format a network comes from."""

from __future__ import annotations

import numpy as np

from jaxdnn.layers.activation import (
    Clip,
    Elu,
    LogSoftmax,
    Mish,
    PRelu,
    Relu,
    Sigmoid,
    Softmax,
    Softplus,
    Swish,
    Tanh,
)
from jaxdnn.layers.constant import Const
from jaxdnn.layers.convolution import Conv, ConvTranspose
from jaxdnn.layers.dense import Dense, MatMul
from jaxdnn.layers.detection import DetectionOutput, PriorBox, Proposal
from jaxdnn.layers.elementwise import Abs, Eltwise, Power, Sqrt, Square, WeightedSum
from jaxdnn.layers.normalization import (
    BatchNorm,
    Bias,
    LocalResponseNorm,
    MeanVarianceNorm,
    Normalize,
    Scale,
)
from jaxdnn.layers.optical_flow import Accum, Correlation, FlowWarp, SubtractMean
from jaxdnn.layers.pooling import MaxUnpool, Pool
from jaxdnn.layers.recurrent import Gru, Lstm, Rnn
from jaxdnn.layers.resize import CropAndResize, Interp, Resize
from jaxdnn.layers.roi import PsRoiPool, RoiPool
from jaxdnn.layers.shape import (
    Concat,
    Crop,
    Flatten,
    Pad,
    Permute,
    Reorg,
    Reshape,
    ShuffleChannel,
    Slice,
)
from jaxdnn.layers.yolo import YoloDecode
from support.array_cases import ARRAY_CASES
from support.case import BATCH, CHANNELS, SIZES, Case, image, noise
from support.layer_cases import LAYER_CASES
from support.network_cases import NETWORK_CASES
from support.number_cases import NUMBER_CASES

ROIS = np.array([[0, 0, 0, 5, 3], [1, 1, 2, 4, 7], [0, 2, 2, 2, 2]], np.float32)
WINDOW = np.array([[[[2, 4], [8, 22], [30, 40]]]], np.float32)


def _spatial() -> list[Case]:
    cases = []
    for rank in (1, 2, 3):
        x = image(rank)
        pooled = tuple(size // 2 for size in SIZES[rank])
        cases += [
            Case(f"Convolution {rank}-D", Conv(filters=6, kernel=3, padding=1), (x,), "convolution"),
            Case(
                f"Deconvolution {rank}-D", ConvTranspose(filters=6, kernel=3, stride=2), (x,), "convolution"
            ),
            Case(f"Pooling, maximum {rank}-D", Pool(statistic="max", kernel=2, stride=2), (x,), "pooling"),
            Case(
                f"Pooling, average {rank}-D", Pool(statistic="average", kernel=2, stride=2), (x,), "pooling"
            ),
        ]
        if rank > 1:
            arrived = np.arange(np.prod(pooled), dtype=np.float32).reshape(1, 1, *pooled)
            mask = np.broadcast_to(arrived, (BATCH, CHANNELS, *pooled)).copy()
            cases += [
                Case(
                    f"Pooling, maximum with indices {rank}-D",
                    Pool(statistic="max", kernel=2, stride=2, indices=True),
                    (x,),
                    "pooling",
                    outputs=2,
                ),
                Case(
                    f"MaxUnpool {rank}-D",
                    MaxUnpool(size=SIZES[rank]),
                    (noise(BATCH, CHANNELS, *pooled), mask),
                    "pooling",
                    indices=(1,),
                ),
            ]
    return cases


def _shapes() -> list[Case]:
    x = image()
    return [
        Case("Slice", Slice(parts=2), (x,), "shape", outputs=2),
        Case("Split", Slice(parts=4, axis=1), (x,), "shape", outputs=4),
        Case("Concat", Concat(), (x, x), "shape"),
        Case("Reshape", Reshape(shape=(0, -1, 2)), (x,), "shape"),
        Case("Flatten", Flatten(), (x,), "shape"),
        Case("Permute", Permute(order=(0, 2, 3, 1)), (x,), "shape"),
        Case("Crop", Crop(axis=2, offset=1), (x, noise(BATCH, CHANNELS, 5, 4)), "shape"),
        Case("ShuffleChannel", ShuffleChannel(groups=2), (x,), "shape"),
        Case("Reorg", Reorg(stride=2), (x,), "shape"),
        Case("Padding, constant", Pad(before=(1, 2), after=(2, 0), axis=2, value=0.5), (x,), "shape"),
        Case("Padding, reflect-101", Pad(before=(1, 2), after=(2, 0), axis=2, mode="reflect"), (x,), "shape"),
        Case("Padding, edge", Pad(before=(1, 2), after=(2, 0), axis=2, mode="edge"), (x,), "shape"),
        Case("Resize, nearest", Resize(size=(5, 11), mode="nearest"), (x,), "resize"),
        Case("Resize, bilinear", Resize(size=(5, 11), mode="linear"), (x,), "resize"),
        Case("Interp", Interp(zoom=2), (x,), "resize"),
        Case(
            "CropAndResize",
            CropAndResize(size=(3, 3)),
            (
                x,
                np.array([[0.05, 0.1, 0.92, 0.83], [0.11, 0.23, 0.88, 0.79]], np.float32),
                np.array([0, 1], np.int32),
            ),
            "resize",
        ),
        Case("Const", Const(value=np.arange(6, dtype=np.float32).reshape(2, 3)), (), "constant"),
    ]


def _arithmetic() -> list[Case]:
    x, y = image(), noise(BATCH, CHANNELS, *SIZES[2], seed=1)
    positive = np.abs(x) + np.float32(0.5)
    eltwise = {
        "sum": Eltwise(operation="sum"),
        "weighted sum": Eltwise(operation="sum", coefficients=(2.0, -1.0)),
        "product": Eltwise(operation="product"),
        "division": Eltwise(operation="division"),
        "maximum": Eltwise(operation="max"),
        "minimum": Eltwise(operation="min"),
    }
    return [
        *(Case(f"Eltwise, {name}", layer, (x, positive), "elementwise") for name, layer in eltwise.items()),
        Case("Shortcut", Eltwise(operation="sum"), (x, y), "elementwise"),
        Case("Shortcut with weights", WeightedSum(normalization="softmax"), (x, y), "elementwise"),
        Case("InnerProduct", Dense(units=5), (x,), "dense"),
        Case("MatMul of runtime values", MatMul(transpose_b=True), (x, y), "dense"),
        Case("Abs", Abs(), (x,), "elementwise"),
        Case("Square", Square(), (x,), "elementwise"),
        Case("Square root", Sqrt(), (positive,), "elementwise"),
        Case("Power", Power(power=2.0, scale=0.5, shift=1.0), (x,), "elementwise"),
        Case("ReLU with slope", Relu(negative_slope=0.1), (x,), "activation"),
        Case("ReLU6 with ceiling and floor", Clip(floor=-0.5, ceiling=1.5), (x,), "activation"),
        Case("PReLU per channel", PRelu(), (x,), "activation"),
        Case("Sigmoid", Sigmoid(), (x,), "activation"),
        Case("TanH", Tanh(), (x,), "activation"),
        Case("Swish", Swish(), (x,), "activation"),
        Case("Mish", Mish(), (x,), "activation"),
        Case("ELU", Elu(), (x,), "activation"),
        Case("BNLL, softplus", Softplus(), (x,), "activation"),
        Case("Softmax", Softmax(), (x,), "activation"),
        Case("LogSoftmax", LogSoftmax(), (x,), "activation"),
        Case("BatchNorm", BatchNorm(), (x,), "normalization", weights={"variance": np.ones(4, np.float32)}),
        Case("Scale", Scale(bias=True), (x,), "normalization"),
        Case("Shift", Bias(), (x,), "normalization"),
        Case("LRN across channels", LocalResponseNorm(), (x,), "normalization"),
        Case("LRN within channels", LocalResponseNorm(region="within_channel"), (x,), "normalization"),
        Case("MVN", MeanVarianceNorm(), (x,), "normalization"),
        Case("Normalize, L1", Normalize(order=1), (x,), "normalization"),
        Case("Normalize, L2", Normalize(order=2), (x,), "normalization"),
    ]


def _detection() -> list[Case]:
    priors = np.stack([np.linspace(0, 0.7, 12), np.full(12, 0.1)]).astype(np.float32).reshape(1, 2, 12)
    anchors = ((-8.0, -8.0, 8.0, 8.0), (-4.0, -8.0, 4.0, 8.0))
    scores, deltas = np.abs(noise(1, 4, 3, 4)), noise(1, 8, 3, 4) * np.float32(0.1)
    return [
        Case(
            "PriorBox", PriorBox(sizes=((4.0, 4.0), (6.0, 3.0))), (image(), noise(1, 3, 32, 32)), "detection"
        ),
        Case(
            "DetectionOutput",
            DetectionOutput(classes=2, keep_top_k=2),
            (noise(1, 12), np.abs(noise(1, 6)), priors),
            "detection",
        ),
        Case(
            "Proposal, SimplerNMS",
            Proposal(anchors=anchors, post_nms_top_n=4, min_size=1.0),
            (scores, deltas, np.array([[48, 64, 1]], np.float32)),
            "detection",
        ),
        Case("Region", YoloDecode(anchors=((1.0, 2.0),), classes=3), (noise(1, 8, 3, 4),), "yolo"),
        Case("ROIPooling", RoiPool(output=(2, 2)), (image(), ROIS), "roi", indices=(1,)),
        Case("PSROIPooling", PsRoiPool(channels=1, groups=2), (image(), ROIS), "roi", indices=(1,)),
    ]


def _sequences_and_flow() -> list[Case]:
    x, sequence = image(), noise(5, BATCH, 3)
    flow = noise(BATCH, 2, *SIZES[2])
    correlation = Correlation(vertical=(-1, 0, 1), horizontal=(-1, 0, 1), padding=(1, 1), margin=(1, 1))
    return [
        Case("LSTM", Lstm(units=4), (sequence,), "recurrent"),
        Case("RNN", Rnn(units=4), (sequence,), "recurrent"),
        Case("GRU", Gru(units=4), (sequence,), "recurrent"),
        Case("Correlation", correlation, (x, x), "optical_flow"),
        Case("Accum", Accum(size=(8, 12)), (x, noise(BATCH, 1, 4, 3)), "optical_flow"),
        Case("FlowWarp", FlowWarp(), (x, flow), "optical_flow"),
        Case("DataAugmentation", SubtractMean(constant=(1.0, 2.0, 3.0, 4.0)), (x,), "optical_flow"),
    ]


CASES = [
    *_spatial(),
    *_shapes(),
    *_arithmetic(),
    *_detection(),
    *_sequences_and_flow(),
    *LAYER_CASES,
    *ARRAY_CASES,
    *NETWORK_CASES,
    *NUMBER_CASES,
]
