"""One case for each layer of integers with scale and zero point, of signals, and of what goes with them."""

from __future__ import annotations

import numpy as np

from jaxdnn.layers.arithmetic import Cast, CastLike
from jaxdnn.layers.convolution import Conv
from jaxdnn.layers.integer_products import IntegerConv, IntegerMatMul
from jaxdnn.layers.linear_quantization import DynamicQuantize, LinearDequantize, LinearQuantize
from jaxdnn.layers.loss import NegativeLogLikelihood
from jaxdnn.layers.reduction import Reduce
from jaxdnn.layers.signal import CosineWindow, MelWeights, PairedFourierTransform, ShortTimeFourier
from jaxdnn.layers.tensor import AlignAxes
from support.case import Case, ints, noise

X = noise(3, 5)
BYTES = np.random.default_rng(3).integers(0, 256, (2, 3, 6, 6)).astype(np.uint8)
ROWS = BYTES[0, 0]
WEIGHT = np.random.default_rng(4).integers(-128, 128, (4, 3, 3, 3)).astype(np.int8)
SCALE, ZERO = np.float32(0.25), np.uint8(120)

NUMBER_CASES = [
    Case("Cast like another", CastLike(), (X, ints(1)), "cast"),
    Case("Cast to 8 bits", Cast(dtype="float8_e4m3fn", saturate=True), (X,), "cast"),
    Case("Axes like another", AlignAxes(axis=0), (X[:, 0], X), "tensor", indices=(1,)),
    Case("Reduction, log sum exp", Reduce(operation="log_sum_exp", axes=(1,)), (X,), "reduction"),
    Case("Integers by a scale", LinearQuantize(dtype="uint8"), (X, SCALE, ZERO), "linear_quantization"),
    Case("Numbers by a scale", LinearDequantize(), (BYTES, SCALE, ZERO), "linear_quantization"),
    Case("Integers by their range", DynamicQuantize(), (X,), "linear_quantization", outputs=3),
    Case(
        "Convolution of integers",
        IntegerConv(layer=Conv(filters=None, kernel=None, padding=1, bias=False), weight_zero=True),
        (BYTES, ZERO, ints(1, -2, 3, 4).astype(np.int8), WEIGHT),
        "integer_products",
    ),
    Case(
        "Product of integers",
        IntegerMatMul(),
        (ROWS, ZERO, np.int8(3), WEIGHT[:2, :, 0, 0].reshape(6)),
        "integer_products",
    ),
    Case("Fourier transform of pairs", PairedFourierTransform(), (noise(2, 8, 2),), "signal"),
    Case("Fourier transforms of frames", ShortTimeFourier(step=2), (noise(2, 16, 1), noise(8)), "signal"),
    Case("Window of cosines", CosineWindow(size=8, coefficients=(0.5, 0.5)), (), "signal"),
    Case("Mel scale", MelWeights(bands=4, length=32, rate=8000, lower=0.0, upper=4000.0), (), "signal"),
    Case("Likelihood of labels", NegativeLogLikelihood(), (X, ints(4, 0, 2)), "loss"),
]
