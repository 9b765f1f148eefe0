"""Activations and softmax."""

from __future__ import annotations

import math

import numpy as np

from jaxdnn.importers.onnx.builder import OnnxBuilder
from jaxdnn.importers.onnx.registry import NodeSource, Values, rules
from jaxdnn.layers.activation import (
    Clip,
    Elu,
    Gelu,
    Hardmax,
    HardSigmoid,
    HardSwish,
    LogSoftmax,
    Mish,
    PRelu,
    Relu,
    Selu,
    Sigmoid,
    Softmax,
    Softplus,
    Softsign,
    Swish,
    Tanh,
)
from jaxdnn.layers.arithmetic import Binary, Select
from jaxdnn.layers.base import Layer
from jaxdnn.layers.tensor import FillLike

_PLAIN: dict[str, Layer] = {
    "HardSwish": HardSwish(),
    "Mish": Mish(),
    "Relu": Relu(),
    "Sigmoid": Sigmoid(),
    "Softplus": Softplus(),
    "Softsign": Softsign(),
    "Tanh": Tanh(),
}


@rules(*_PLAIN)
def plain(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """Functions of one number without a parameter."""
    return b.emit(node, _PLAIN[node.op], inputs)


@rules("Elu", "Gelu", "HardSigmoid", "LeakyRelu", "Selu", "Swish")
def stated(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """Functions of one number whose parameters are attributes."""
    return b.emit(node, _stated(node), inputs)


def _stated(node: NodeSource) -> Layer:
    attributes = node.attributes
    if node.op == "Elu":
        return Elu(alpha=attributes.number("alpha", 1.0))
    if node.op == "Gelu":
        return Gelu(approximation=attributes.one_of("approximate", ("none", "tanh"), "none"))
    if node.op == "HardSigmoid":
        return HardSigmoid(alpha=attributes.number("alpha", 0.2), beta=attributes.number("beta", 0.5))
    if node.op == "LeakyRelu":
        return Relu(negative_slope=attributes.number("alpha", 0.01))
    if node.op == "Swish":
        return Swish(beta=attributes.number("alpha", 1.0))
    # The first version has fewer digits.
    alpha, gamma = (1.6732, 1.0507) if node.version < 6 else (1.6732632423543772, 1.0507009873554805)
    return Selu(alpha=attributes.number("alpha", alpha), scale=attributes.number("gamma", gamma))


@rules("ThresholdedRelu")
def thresholded_relu(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """What is not above the threshold is zero."""
    alpha = b.const(node, np.array(node.attributes.number("alpha", 1.0), np.float32), part="alpha")
    above = b.emit(node, Binary(function="greater"), (*inputs, alpha), part="above")
    zeros = b.emit(node, FillLike(), inputs, part="zeros")
    return b.emit(node, Select(), (*above, *inputs, *zeros))


@rules("PRelu", inputs=2)
def prelu(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """A slope for each channel; any other shape that fits is broadcast."""
    x, slope = inputs
    array = b.constant(slope)
    if array is not None and array.size:
        places = [place for place, size in enumerate(array.shape) if size > 1]
        first = places[0] if places else 0
        axis = 1 if node.version < 7 else first - max(array.ndim, 1)
        layer = PRelu(axis=axis, shared=not places)
        reference = b.learned(slope, "slope", np.ravel) if len(places) < 2 else None
        if reference is not None:
            return b.emit(node, layer, (x,), {"slope": reference})
    zeros = b.emit(node, FillLike(), (x,), part="zeros")
    below = b.emit(node, Binary(function="less"), (x, *zeros), part="below")
    scaled = b.emit(node, Binary(function="multiply"), (x, slope), part="scaled")
    return b.emit(node, Select(), (*below, *scaled, x))


@rules("Clip", inputs=(1, 3))
def clip(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """The bounds were attributes at first; where they cross the upper one wins."""
    x, low, high = inputs
    floor: float | None
    ceiling: float | None
    if node.version < 11:
        floor = node.attributes.number("min", -math.inf)
        ceiling = node.attributes.number("max", math.inf)
    else:
        floor, ceiling = _bound(b, low, -math.inf), _bound(b, high, math.inf)
    if floor is not None and ceiling is not None:
        return b.emit(node, Clip(floor=min(floor, ceiling), ceiling=ceiling), (x,))
    steps = [(name, value) for name, value in (("maximum", low), ("minimum", high)) if value]
    for name, value in steps:
        part = "" if name == steps[-1][0] else "raised"
        (x,) = b.emit(node, Binary(function=name), (x, value), part=part)
    return (x,)


def _bound(b: OnnxBuilder, value: str, default: float) -> float | None:
    """Return a bound that is a floating constant; None for others, which integers among them are compared with."""
    array = b.constant(value)
    if not value:
        return default
    known = array is not None and array.size == 1 and array.dtype.kind == "f"
    return float(array.item()) if array is not None and known else None


@rules("Softmax", "LogSoftmax", "Hardmax")
def softmax(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """At first all axes from the stated one on counted as one."""
    layers: dict[str, type[Softmax] | type[LogSoftmax] | type[Hardmax]]
    layers = {"Softmax": Softmax, "LogSoftmax": LogSoftmax, "Hardmax": Hardmax}
    old = node.version < 13
    axis = node.attributes.integer("axis", 1 if old else -1)
    return b.emit(node, layers[node.op](axis=axis, later_axes=old and axis != -1), inputs)
