"""Arithmetic of Caffe and Darknet, one element at a time."""

from __future__ import annotations

import functools
import math

from jaxdnn.layers.base import normalize_axis
from jaxdnn.layers.elementwise import (
    Abs,
    Axpy,
    Dropout,
    Eltwise,
    Exp,
    Identity,
    Log,
    Power,
    Sqrt,
    Square,
    WeightedSum,
)
from jaxdnn.onnx.exporter import Exporter
from jaxdnn.onnx.registry import exports

_OPERATORS = {"sum": "Add", "product": "Mul", "max": "Max", "min": "Min", "division": "Div"}


@exports(Abs)
def absolute(e: Exporter, layer: Abs, x: str) -> str:
    """See :class:`~jaxdnn.layers.elementwise.Abs`."""
    del layer
    return e.op("Abs", x)


@exports(Square)
def square(e: Exporter, layer: Square, x: str) -> str:
    """See :class:`~jaxdnn.layers.elementwise.Square`."""
    del layer
    return e.op("Mul", x, x)


@exports(Sqrt)
def sqrt(e: Exporter, layer: Sqrt, x: str) -> str:
    """See :class:`~jaxdnn.layers.elementwise.Sqrt`."""
    del layer
    return e.op("Sqrt", x)


@exports(Power)
def power(e: Exporter, layer: Power, x: str) -> str:
    """See :class:`~jaxdnn.layers.elementwise.Power`."""
    e.require_floats()
    base = _affine(e, x, layer.scale, layer.shift)
    return base if layer.power == 1 else e.op("Pow", base, float(layer.power))


@exports(Exp)
def exp(e: Exporter, layer: Exp, x: str) -> str:
    """See :class:`~jaxdnn.layers.elementwise.Exp`."""
    e.require_floats()
    factor = math.log(layer.base)
    return e.op("Exp", _affine(e, x, factor * layer.scale, factor * layer.shift))


@exports(Log)
def log(e: Exporter, layer: Log, x: str) -> str:
    """See :class:`~jaxdnn.layers.elementwise.Log`."""
    e.require_floats()
    return _affine(e, e.op("Log", _affine(e, x, layer.scale, layer.shift)), 1 / math.log(layer.base), 0)


@exports(Identity)
def identity(e: Exporter, layer: Identity, x: str) -> str:
    """See :class:`~jaxdnn.layers.elementwise.Identity`."""
    del e, layer
    return x


@exports(Dropout)
def dropout(e: Exporter, layer: Dropout, x: str) -> str:
    """See :class:`~jaxdnn.layers.elementwise.Dropout`."""
    return x if layer.scale_train else e.op("Mul", x, 1.0 - layer.ratio)


@exports(Eltwise)
def eltwise(e: Exporter, layer: Eltwise, *inputs: str) -> str:
    """Join two at a time."""
    if layer.coefficients or layer.operation == "division":
        e.require_floats()
    coefficients = layer.coefficients or (1.0,) * len(inputs)
    terms = [_affine(e, x, c, 0) for c, x in zip(coefficients, inputs, strict=True)]
    return functools.reduce(functools.partial(e.op, _OPERATORS[layer.operation]), terms)


@exports(WeightedSum)
def weighted_sum(e: Exporter, layer: WeightedSum, *inputs: str) -> str:
    """Normalise the weights, then cut them apart."""
    weight = e.param("weight")
    if layer.normalization == "relu":
        weight = e.op("Relu", weight)
    elif layer.normalization == "softmax":
        weight = e.op("Exp", e.op("Sub", weight, e.reduce("Max", weight, [0])))
    if layer.normalization != "none":
        weight = e.op("Div", weight, e.op("Add", e.reduce("Sum", weight, [0]), float(layer.epsilon)))
    rank = e.inputs[0].rank
    behind = rank - normalize_axis(layer.axis, rank) - 1
    along = (-1, *(1,) * behind) if layer.per_channel else ()
    parts = e.split(weight, [1] * len(inputs), 0)
    terms = [e.op("Mul", e.op("Reshape", w, along), x) for w, x in zip(parts, inputs, strict=True)]
    return functools.reduce(functools.partial(e.op, "Add"), terms)


@exports(Axpy)
def axpy(e: Exporter, layer: Axpy, scale: str, x: str, y: str) -> str:
    """See :class:`~jaxdnn.layers.elementwise.Axpy`."""
    del layer
    sizes = e.inputs[0].sizes[:2] + (1,) * (e.inputs[1].rank - 2)
    return e.op("Add", e.op("Mul", e.reshape(scale, sizes), x), y)


def _affine(e: Exporter, x: str, factor: float, summand: float) -> str:
    """Return ``factor * x + summand``."""
    if factor != 1:
        x = e.op("Mul", x, float(factor))
    return e.op("Add", x, float(summand)) if summand else x
