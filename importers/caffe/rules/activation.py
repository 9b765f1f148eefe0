"""Activations: functions of one element, and softmax."""

from __future__ import annotations

import math

from jaxdnn.errors import LayerError
from jaxdnn.importers.caffe.registry import CaffeBuilder, LayerSource, rules
from jaxdnn.ir import Initializer
from jaxdnn.layers.activation import (
    Clip,
    Elu,
    HardSigmoid,
    HardSwish,
    LogSoftmax,
    Mish,
    PRelu,
    Relu,
    Sigmoid,
    Softmax,
    Softplus,
    Swish,
    Tanh,
    Threshold,
)
from jaxdnn.layers.base import Layer

_WITHOUT_ATTRIBUTES: dict[str, Layer] = {
    "BNLL": Softplus(),
    "HSwish": HardSwish(),
    "HardSwish": HardSwish(),
    "Mish": Mish(),
    "Sigmoid": Sigmoid(),
    "TanH": Tanh(),
}


@rules(*_WITHOUT_ATTRIBUTES)
def activation(b: CaffeBuilder, source: LayerSource, inputs: tuple[str, ...]) -> tuple[str, ...]:
    """A function that the type alone names."""
    source.param(f"{source.type.lower()}_param").ignore("engine")
    return b.emit(source, _WITHOUT_ATTRIBUTES[source.type], inputs)


@rules("ReLU", "ReLU6")
def relu(b: CaffeBuilder, source: LayerSource, inputs: tuple[str, ...]) -> tuple[str, ...]:
    """Rectifier; that of MobileNet's forks has a ceiling."""
    p = source.param(f"{source.type.lower()}_param", "relu_param")
    p.ignore("engine")
    slope = p.number("negative_slope", 0.0)
    ceiling = p.number("upper", p.number("threshold", 6.0 if source.type == "ReLU6" else math.inf))
    if slope == 0 and ceiling < math.inf:
        return b.emit(source, Clip(floor=0.0, ceiling=ceiling), inputs)
    if ceiling < math.inf:
        inputs = b.emit(source, Clip(ceiling=ceiling), inputs, name=f"{source.name}/clip")
    return b.emit(source, Relu(negative_slope=slope), inputs)


@rules("PReLU")
def prelu(b: CaffeBuilder, source: LayerSource, inputs: tuple[str, ...]) -> tuple[str, ...]:
    """Rectifier with learned slopes, which start at a quarter."""
    p = source.param("prelu_param")
    filler = p.filler("filler") or Initializer(kind="constant", value=0.25)
    layer = PRelu(shared=p.boolean("channel_shared", False))
    return b.emit(source, layer, inputs, b.slots(source, slope=filler))


@rules("ELU")
def elu(b: CaffeBuilder, source: LayerSource, inputs: tuple[str, ...]) -> tuple[str, ...]:
    """Exponential linear unit."""
    return b.emit(source, Elu(alpha=source.param("elu_param").number("alpha", 1.0)), inputs)


@rules("Swish")
def swish(b: CaffeBuilder, source: LayerSource, inputs: tuple[str, ...]) -> tuple[str, ...]:
    """``x * sigmoid(beta * x)``."""
    p = source.param("swish_param")
    p.ignore("engine")
    return b.emit(source, Swish(beta=p.number("beta", 1.0)), inputs)


@rules("HardSigmoid")
def hard_sigmoid(b: CaffeBuilder, source: LayerSource, inputs: tuple[str, ...]) -> tuple[str, ...]:
    """A sigmoid of three straight lines, by default that of MobileNetV3."""
    p = source.param("hardsigmoid_param")
    p.ignore("engine")
    return b.emit(source, HardSigmoid(alpha=p.number("alpha", 1 / 6), beta=p.number("beta", 0.5)), inputs)


@rules("Clip")
def clip(b: CaffeBuilder, source: LayerSource, inputs: tuple[str, ...]) -> tuple[str, ...]:
    """Both bounds must be stated."""
    p = source.param("clip_param")
    floor, ceiling = p.number("min"), p.number("max")
    if floor is None or ceiling is None:
        raise LayerError(f"{'min' if floor is None else 'max'} is missing in clip_param")
    return b.emit(source, Clip(floor=floor, ceiling=ceiling), inputs)


@rules("Threshold")
def threshold(b: CaffeBuilder, source: LayerSource, inputs: tuple[str, ...]) -> tuple[str, ...]:
    """1 above a threshold, 0 elsewhere."""
    layer = Threshold(threshold=source.param("threshold_param").number("threshold", 0.0))
    return b.emit(source, layer, inputs)


@rules("Softmax", "LogSoftmax")
def softmax(b: CaffeBuilder, source: LayerSource, inputs: tuple[str, ...]) -> tuple[str, ...]:
    """Over the channels, unless an axis is stated."""
    p = source.param("softmax_param")
    p.ignore("engine")
    kind = Softmax if source.type == "Softmax" else LogSoftmax
    return b.emit(source, kind(axis=p.integer("axis", 1)), inputs)
