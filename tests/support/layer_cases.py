"""One case for each layer that learns, activates, samples or detects and is no feature of its own."""

from __future__ import annotations

import numpy as np

from jaxdnn.layers.activation import (
    Gelu,
    GroupedSoftmax,
    HardMish,
    HardSigmoid,
    HardSwish,
    NormalizeAlong,
    PiecewiseLinear,
    Selu,
    Softsign,
    Stair,
    Threshold,
)
from jaxdnn.layers.audio import MelCepstrum, Spectrogram
from jaxdnn.layers.binary_convolution import BinaryConv
from jaxdnn.layers.cells import GruCell, LstmCell
from jaxdnn.layers.color import AdjustHsv, HsvToRgb, RgbToHsv
from jaxdnn.layers.constant import Parameter
from jaxdnn.layers.convolution import Conv, Im2Col
from jaxdnn.layers.decoding import CtcBeamDecode, CtcGreedyDecode, DenseRows, SparseRows
from jaxdnn.layers.dense import Embed
from jaxdnn.layers.detection import BestClassOutput
from jaxdnn.layers.elementwise import Axpy, Dropout, Exp, Identity, Log
from jaxdnn.layers.fourier import FourierTransform
from jaxdnn.layers.locally_connected import LocallyConnected
from jaxdnn.layers.loss import (
    Accuracy,
    ContrastiveLoss,
    CrossEntropyLoss,
    EuclideanLoss,
    HingeLoss,
    InfogainLoss,
    SigmoidCrossEntropyLoss,
    SmoothL1Loss,
)
from jaxdnn.layers.morphology import Dilation
from jaxdnn.layers.optical_flow import CenterCrop, ChannelNorm
from jaxdnn.layers.pooling import SpatialPyramidPool
from jaxdnn.layers.quantization import (
    Bitcast,
    Dequantize,
    FakeQuantize,
    ProductRange,
    Quantize,
    QuantizeDequantize,
)
from jaxdnn.layers.quantized import Quantized, QuantizedWeight
from jaxdnn.layers.recurrent import LstmUnit
from jaxdnn.layers.resize import Resample, ScaleAndTranslate
from jaxdnn.layers.roi import RoiAlign
from jaxdnn.layers.stages import DetectedBoxes, ProposalRows, ProposalScores
from jaxdnn.layers.suppression import BatchedSuppression, NonMaxSuppression
from jaxdnn.layers.yolo import GridDecode, YoloMap
from support.case import Case, image, ints, noise, positive

LABELS = np.array([[0, 3, 1], [2, 2, 0]], np.float32)
BOXES = np.array([[0, 0, 4, 4], [0.5, 0.2, 4.2, 4.1], [5, 5, 8, 9], [6, 1, 9, 4]], np.float32)
LOW, HIGH = np.float32(-1.5), np.float32(2.25)
DETECTIONS = np.array(
    [[[[0, 1, 0.9, 0.1, 0.1, 0.5, 0.5], [0, 2, 0.8, 0.3, 0.2, 0.9, 0.7], [-1, -1, -1, -1, -1, -1, -1]]]],
    np.float32,
)


def _activations() -> list[Case]:
    layers = {
        "HardSwish": HardSwish(),
        "HardMish": HardMish(),
        "Softsign": Softsign(),
        "Stair": Stair(),
        "SELU": Selu(),
        "GELU": Gelu(),
        "GELU by tanh": Gelu(approximation="tanh"),
        "HardSigmoid": HardSigmoid(),
        "Lines from point to point": PiecewiseLinear(
            points=((-1.0, 0.0), (1.0, 0.5)), first_slope=0.1, last_slope=2.0
        ),
        "Threshold": Threshold(threshold=0.25),
        "Softmax in groups": GroupedSoftmax(groups=(3, 1)),
        "Normalisation along an axis": NormalizeAlong(),
    }
    elementwise = {
        "Exp": Exp(),
        "Exp of another base": Exp(base=2.0, scale=0.5, shift=1.0),
        "Identity": Identity(),
        "Dropout": Dropout(),
        "Dropout that scales": Dropout(scale_train=False),
    }
    x = image()
    return [
        *(Case(name, layer, (x,), "activation") for name, layer in layers.items()),
        *(Case(name, layer, (x,), "elementwise") for name, layer in elementwise.items()),
        Case("Log", Log(), (positive(2, 4, 8, 6),), "elementwise"),
        Case("Axpy", Axpy(), (noise(2, 4), x, noise(2, 4, 8, 6, seed=1)), "elementwise"),
    ]


def _learned() -> list[Case]:
    x = image()
    vector, state = noise(2, 3), noise(2, 5, seed=1)
    return [
        Case("Parameter", Parameter(shape=(3, 2)), (), "constant"),
        Case("Embed", Embed(rows=7, units=3), (ints([1, 6], [0, 2]),), "dense"),
        Case("Binary convolution", BinaryConv(filters=3, kernel=3), (x,), "binary_convolution"),
        Case("Local convolution", LocallyConnected(kernel=3, filters=2), (x,), "locally_connected"),
        Case("im2col", Im2Col(kernel=3), (x,), "convolution"),
        Case("Dilation", Dilation(padding=1), (noise(2, 6, 5, 3), noise(3, 3, 3, seed=1)), "morphology"),
        Case("LSTM cell", LstmCell(), (vector, state, noise(2, 5, seed=2)), "cells", outputs=7),
        Case("GRU cell", GruCell(), (vector, state), "cells", outputs=4),
        Case(
            "LSTM unit",
            LstmUnit(),
            (noise(1, 2, 5), noise(1, 2, 20, seed=1), np.ones((1, 2), np.float32)),
            "recurrent",
            outputs=2,
            indices=(2,),
        ),
        Case(
            "Convolution of 8 bits",
            Quantized(layer=Conv(filters=3, kernel=3)),
            (x,),
            "quantized",
            weights={
                "weight": np.arange(-54, 54, dtype=np.int8).reshape(3, 4, 3, 3),
                "weight_range": positive(3),
                "input_range": np.float32(4),
            },
        ),
        Case(
            "Convolution with a weight of 8 bits",
            QuantizedWeight(layer=Conv(filters=3, kernel=3)),
            (x,),
            "quantized",
            weights={"weight": np.arange(-54, 54, dtype=np.int8).reshape(3, 4, 3, 3)},
            single=True,
        ),
    ]


def _pictures_and_sound() -> list[Case]:
    colors = positive(2, 5, 4, 3)
    return [
        Case("RGB to HSV", RgbToHsv(), (colors,), "color"),
        Case("HSV to RGB", HsvToRgb(), (colors,), "color"),
        Case("Other hue", AdjustHsv(channel="hue"), (colors, np.float32(0.15)), "color"),
        Case("Other saturation", AdjustHsv(channel="saturation"), (colors, np.float32(0.9)), "color"),
        Case("Resample", Resample(size=(5, 11)), (image(),), "resize"),
        Case(
            "Scale and translate",
            ScaleAndTranslate(
                axes=(2, 3), size=(5, 11), scale=(0.7, 1.9), translation=(0.3, -0.2), kernel="lanczos3"
            ),
            (image(),),
            "scale_and_translate",
        ),
        Case("Spatial pyramid pooling", SpatialPyramidPool(levels=2), (image(),), "pooling"),
        Case("Channel norm", ChannelNorm(), (image(),), "optical_flow"),
        Case("Centre crop", CenterCrop(size=(5, 4)), (image(),), "optical_flow"),
        Case("Fourier transform, real", FourierTransform(kind="real", size=(8,)), (noise(3, 8),), "fourier"),
        Case("Spectrogram", Spectrogram(window=8, stride=4, squared=True), (noise(40, 2),), "audio"),
        Case(
            "Mel cepstrum",
            MelCepstrum(bands=6, coefficients=4, upper=3000.0),
            (positive(2, 5, 65), np.int32(8000)),
            "audio",
            known=(1,),
        ),
    ]


def _losses() -> list[Case]:
    scores = positive(2, 4, 3)
    pair = (noise(3, 5), noise(3, 5, seed=1))
    gains = positive(4, 4, seed=3)
    return [
        Case("Loss, cross entropy", CrossEntropyLoss(), (scores, LABELS), "loss", indices=(1,)),
        Case("Loss, infogain", InfogainLoss(), (scores, LABELS, gains), "loss", indices=(1,)),
        Case("Loss, sigmoid cross entropy", SigmoidCrossEntropyLoss(), (noise(3, 5), positive(3, 5)), "loss"),
        Case("Loss, Euclidean", EuclideanLoss(), pair, "loss"),
        Case(
            "Loss, hinge",
            HingeLoss(norm=2),
            (noise(2, 4), np.array([1, 3], np.float32)),
            "loss",
            indices=(1,),
        ),
        Case(
            "Loss, contrastive",
            ContrastiveLoss(margin=9.0),
            (*pair, np.array([1, 0, 1], np.float32)),
            "loss",
            indices=(2,),
        ),
        Case("Loss, smooth L1", SmoothL1Loss(), pair, "loss"),
        Case("Accuracy", Accuracy(), (scores, LABELS), "loss", indices=(1,)),
    ]


def _detections() -> list[Case]:
    rows = np.concatenate([positive(2, 5, 5) / 2, positive(2, 5, 3, seed=1)], 2)
    regions = np.array([[0, 0.3, 0.2, 5.1, 3.3], [1, 1.2, 2.1, 4.4, 6.8]], np.float32)
    scores = np.array([0.9, 0.75, 0.6, 0.3], np.float32)
    return [
        Case(
            "Best class output",
            BestClassOutput(confidence_threshold=0.2, nms_threshold=0.5),
            (rows,),
            "detection",
        ),
        Case("Suppression", NonMaxSuppression(count=3), (BOXES, scores), "suppression", outputs=3),
        Case(
            "Suppression by class",
            BatchedSuppression(class_count=2, count=3, clip=False),
            (BOXES[None, :, None], np.stack([scores, scores[::-1] * np.float32(0.95)], 1)[None]),
            "suppression",
            outputs=4,
        ),
        Case("ROIAlign", RoiAlign(output=(2, 2), samples=2), (image(), regions), "roi", indices=(1,)),
        Case("Proposal rows", ProposalRows(), (DETECTIONS,), "stages"),
        Case(
            "Proposal scores",
            ProposalScores(classes=2),
            (noise(2, 2), DETECTIONS[0, 0, :2]),
            "stages",
            indices=(1,),
        ),
        Case("Detected boxes", DetectedBoxes(), (DETECTIONS, noise(1, 4, 4, 2)), "stages", outputs=2),
        Case("YOLO map", YoloMap(boxes=1, classes=3), (noise(1, 8, 3, 4),), "yolo"),
        Case("YOLO v1 grid", GridDecode(side=2, boxes=1, classes=3), (positive(1, 32),), "yolo"),
        Case(
            "CTC beam decoding", CtcBeamDecode(width=4), (noise(6, 2, 4), ints(6, 4)), "decoding", outputs=3
        ),
        Case("CTC greedy decoding", CtcGreedyDecode(), (noise(6, 2, 4), ints(6, 4)), "decoding", outputs=3),
        Case("Rows to sparse", SparseRows(), (noise(2, 4), ints(3, 2)), "decoding", outputs=3),
        Case("Rows to dense", DenseRows(), (noise(2, 4), ints(3, 2), np.float32(0)), "decoding"),
    ]


def _integers() -> list[Case]:
    x = noise(3, 5)
    codes = np.arange(0, 150, 10, dtype=np.uint8).reshape(3, 5)
    types = ("uint8", "uint8")
    return [
        Case("Dequantise", Dequantize(), (codes, LOW, HIGH), "quantization"),
        Case("Quantise", Quantize(dtype="uint8"), (x, LOW, HIGH), "quantization", outputs=3),
        Case("Quantise and back", QuantizeDequantize(), (x, LOW, HIGH), "quantization"),
        Case("Quantise in training", FakeQuantize(), (x, LOW, HIGH), "quantization"),
        Case(
            "Range of products", ProductRange(dtypes=types), (LOW, HIGH, LOW, HIGH), "quantization", outputs=2
        ),
        Case("Bit cast", Bitcast(dtype="int32"), (x,), "quantization"),
    ]


LAYER_CASES = [
    *_activations(),
    *_learned(),
    *_pictures_and_sound(),
    *_losses(),
    *_detections(),
    *_integers(),
]
