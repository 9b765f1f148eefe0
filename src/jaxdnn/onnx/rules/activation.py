"""Activations."""

from __future__ import annotations

import math
from itertools import pairwise

from jaxdnn.layers.activation import (
    Clip,
    Elu,
    Gelu,
    GroupedSoftmax,
    HardMish,
    HardSigmoid,
    HardSwish,
    LogSoftmax,
    Mish,
    NormalizeAlong,
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
from jaxdnn.layers.base import Layer, normalize_axis
from jaxdnn.onnx.exporter import Exporter
from jaxdnn.onnx.registry import exports
from jaxdnn.onnx.sizes import product

_SAME_OPERATORS = (Sigmoid, Tanh, Softplus, Softsign)


@exports(*_SAME_OPERATORS)
def same_operator(e: Exporter, layer: Layer, x: str) -> str:
    """Use the operator of the layer's name."""
    return e.op(type(layer).__name__, x)


@exports(Relu)
def relu(e: Exporter, layer: Relu, x: str) -> str:
    """Integers have no Relu before opset 14."""
    e.require_floats()
    return e.op("LeakyRelu", x, alpha=layer.negative_slope) if layer.negative_slope else e.op("Relu", x)


@exports(PRelu)
def prelu(e: Exporter, layer: PRelu, x: str) -> str:
    """The slope is broadcast from the last axis on."""
    rank = e.inputs[0].rank
    behind = rank - normalize_axis(layer.axis, rank) - 1
    return e.op("PRelu", x, e.param("slope", (-1, *(1,) * behind)))


@exports(Clip)
def clip(e: Exporter, layer: Clip, x: str) -> str:
    """See :class:`~jaxdnn.layers.activation.Clip`."""
    e.require_floats()
    limits = (None if math.isinf(limit) else limit for limit in (layer.floor, layer.ceiling))
    return e.op("Clip", x, *limits)


@exports(Elu)
def elu(e: Exporter, layer: Elu, x: str) -> str:
    """See :class:`~jaxdnn.layers.activation.Elu`."""
    return e.op("Elu", x, alpha=layer.alpha)


@exports(Selu)
def selu(e: Exporter, layer: Selu, x: str) -> str:
    """See :class:`~jaxdnn.layers.activation.Selu`."""
    return e.op("Selu", x, alpha=layer.alpha, gamma=layer.scale)


@exports(Gelu)
def gelu(e: Exporter, layer: Gelu, x: str) -> str:
    """Opsets before 20 have no Gelu."""
    if layer.approximation == "none":
        cumulated = e.op("Erf", e.op("Mul", x, math.sqrt(0.5)))
    else:
        cube = e.op("Mul", e.op("Mul", x, x), x)
        inner = e.op("Add", x, e.op("Mul", cube, 0.044715))
        cumulated = e.op("Tanh", e.op("Mul", inner, math.sqrt(2 / math.pi)))
    return e.op("Mul", e.op("Mul", x, 0.5), e.op("Add", cumulated, 1.0))


@exports(Swish)
def swish(e: Exporter, layer: Swish, x: str) -> str:
    """See :class:`~jaxdnn.layers.activation.Swish`."""
    steep = x if layer.beta == 1 else e.op("Mul", x, float(layer.beta))
    return e.op("Mul", x, e.op("Sigmoid", steep))


@exports(Mish)
def mish(e: Exporter, layer: Mish, x: str) -> str:
    """Opsets before 18 have no Mish."""
    del layer
    return e.op("Mul", x, e.op("Tanh", e.op("Softplus", x)))


@exports(HardSigmoid)
def hard_sigmoid(e: Exporter, layer: HardSigmoid, x: str) -> str:
    """See :class:`~jaxdnn.layers.activation.HardSigmoid`."""
    return e.op("HardSigmoid", x, alpha=layer.alpha, beta=layer.beta)


@exports(HardSwish)
def hard_swish(e: Exporter, layer: HardSwish, x: str) -> str:
    """Opset 13 has no HardSwish."""
    del layer
    return e.op("Mul", x, e.op("HardSigmoid", x, alpha=1 / 6, beta=0.5))


@exports(HardMish)
def hard_mish(e: Exporter, layer: HardMish, x: str) -> str:
    """See :class:`~jaxdnn.layers.activation.HardMish`."""
    del layer
    curve = e.op("Add", e.op("Mul", e.op("Mul", x, x), 0.5), x)
    below = e.op("Where", e.op("Greater", x, -2.0), curve, 0.0)
    return e.op("Where", e.op("Greater", x, 0.0), x, below)


@exports(Stair)
def stair(e: Exporter, layer: Stair, x: str) -> str:
    """See :class:`~jaxdnn.layers.activation.Stair`."""
    del layer
    step = e.op("Floor", e.op("Mul", x, 0.5))
    within = e.op("Sub", x, e.op("Mul", step, 2.0))
    return e.op("Add", step, e.op("Relu", e.op("Sub", within, 1.0)))


@exports(PiecewiseLinear)
def piecewise_linear(e: Exporter, layer: PiecewiseLinear, x: str) -> str:
    """Choose each line in turn by its left end."""

    def line(left: float, bottom: float, slope: float) -> str:
        return e.op("Add", e.op("Mul", e.op("Sub", x, float(left)), float(slope)), float(bottom))

    y = line(*layer.points[0], layer.first_slope)
    slopes = [(d - b) / (c - a) for (a, b), (c, d) in pairwise(layer.points)]
    for (left, bottom), slope in zip(layer.points, [*slopes, layer.last_slope], strict=True):
        y = e.op("Where", e.op("Greater", x, float(left)), line(left, bottom, slope), y)
    return y


@exports(Threshold)
def threshold(e: Exporter, layer: Threshold, x: str) -> str:
    """See :class:`~jaxdnn.layers.activation.Threshold`."""
    e.require_floats()
    return e.cast(e.op("Greater", x, float(layer.threshold)), e.outputs[0].dtype)


@exports(Softmax, LogSoftmax)
def softmax(e: Exporter, layer: Softmax | LogSoftmax, x: str) -> str:
    """See :class:`~jaxdnn.layers.activation.Softmax`."""
    sizes = e.inputs[0].sizes
    axis = normalize_axis(layer.axis, len(sizes))
    operator = type(layer).__name__
    if not layer.later_axes or axis == len(sizes) - 1:
        return e.op(operator, x, axis=axis)
    joined = e.reshape(x, (*sizes[:axis], product(sizes[axis:])))
    return e.reshape(e.op(operator, joined, axis=axis), sizes)


@exports(GroupedSoftmax)
def grouped_softmax(e: Exporter, layer: GroupedSoftmax, x: str) -> str:
    """Cut the axis into runs."""
    axis = normalize_axis(layer.axis, e.inputs[0].rank)
    runs = e.split(x, layer.groups, axis)
    return e.concat([e.op("Softmax", run, axis=axis) for run in runs], axis)


@exports(NormalizeAlong)
def normalize_along(e: Exporter, layer: NormalizeAlong, x: str) -> str:
    """See :class:`~jaxdnn.layers.activation.NormalizeAlong`."""
    axes = [normalize_axis(layer.axis, e.inputs[0].rank)]
    if layer.subtract_max:
        x = e.op("Sub", x, e.reduce("Max", x, axes))
    y = e.op("Exp" if layer.function == "exp" else "Relu", x)
    return e.op("Div", y, e.op("Add", e.reduce("Sum", y, axes), float(layer.epsilon)))
