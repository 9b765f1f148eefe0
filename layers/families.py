"""Layers by what they do to axes."""

from __future__ import annotations

from jaxdnn.layers.activation import (
    Clip,
    Elu,
    Gelu,
    HardMish,
    HardSigmoid,
    HardSwish,
    LogSoftmax,
    Mish,
    PiecewiseLinear,
    PRelu,
    Relu,
    Selu,
    Sigmoid,
    Softmax,
    Softplus,
    Softsign,
    Stair,
    Swish,
    Tanh,
    Threshold,
)
from jaxdnn.layers.arithmetic import Binary, Cast, Select, Unary
from jaxdnn.layers.base import Layer
from jaxdnn.layers.elementwise import Abs, Dropout, Eltwise, Exp, Identity, Log, Power, Sqrt, Square
from jaxdnn.layers.normalization import BatchNorm

ELEMENTWISE: tuple[type[Layer], ...] = (
    *(Relu, Clip, Elu, Selu, Gelu, Sigmoid, Tanh, Swish, Mish, HardMish, HardSigmoid, HardSwish),
    *(Softplus, Softsign, Stair, PiecewiseLinear, Threshold),
    *(Abs, Square, Sqrt, Power, Exp, Log, Identity, Dropout, Unary, Cast),
)
"""One input, every element by itself."""

JOINING: tuple[type[Layer], ...] = (Binary, Eltwise, Select)
"""Several inputs, broadcast against each other, every element by itself."""

ALONG_AXIS: tuple[type[Layer], ...] = (PRelu, Softmax, LogSoftmax, BatchNorm)
"""One input and an ``axis``; what the other axes mean does not matter."""
