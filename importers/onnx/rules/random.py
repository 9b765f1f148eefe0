"""Random numbers, which a trained network needs only where training left something behind."""

from __future__ import annotations

import warnings

import numpy as np

from jaxdnn.errors import JaxdnnWarning
from jaxdnn.importers.onnx.builder import OnnxBuilder
from jaxdnn.importers.onnx.dtypes import dtype_attribute, dtype_of
from jaxdnn.importers.onnx.registry import NodeSource, Values, rules
from jaxdnn.layers.arithmetic import Binary, Cast
from jaxdnn.layers.reduction import ArgMax
from jaxdnn.layers.tensor import Fill, FillLike


@rules("RandomNormal", "RandomUniform", inputs=0)
def random(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """Take the mean instead: a net gives the same for the same inputs, and noise around zero is none."""
    dtype = dtype_attribute(node, "dtype", "float32")
    mean = b.const(node, np.array(_mean(node)).astype(dtype), part="mean")
    return b.emit(node, Fill(shape=node.attributes.integers("shape")), (mean,))


@rules("RandomNormalLike", "RandomUniformLike")
def random_like(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """The shape is another array's, and so is the type if none is stated."""
    dtype = dtype_attribute(node, "dtype", dtype_of(b, inputs[0]))
    typed = b.emit(node, Cast(dtype=dtype), inputs, part="typed")
    return b.emit(node, FillLike(value=_mean(node)), typed)


def _mean(node: NodeSource) -> float:
    node.attributes.ignore("seed")
    if "Normal" in node.op:
        node.attributes.ignore("scale")
        mean = node.attributes.number("mean", 0.0)
    else:
        mean = (node.attributes.number("low", 0.0) + node.attributes.number("high", 1.0)) / 2
    _warn(node, f"its mean {mean:g} takes the place of random numbers")
    return mean


@rules("Bernoulli")
def bernoulli(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """Take the likelier one of 0 and 1."""
    node.attributes.ignore("seed")
    _warn(node, "the likelier number takes the place of random ones")
    half = b.const(node, np.array(0.5, np.float32), part="half")
    likely = b.emit(node, Binary(function="greater"), (*inputs, half), part="likely")
    return b.emit(node, Cast(dtype=dtype_attribute(node, "dtype", dtype_of(b, inputs[0]))), likely)


@rules("Multinomial")
def multinomial(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """Take the class that is drawn most often, each time."""
    node.attributes.ignore("seed")
    _warn(node, "the most likely class takes the place of random draws")
    best = b.emit(node, ArgMax(axis=-1), inputs, part="best")
    count = node.attributes.integer("sample_size", 1)
    draws = b.const(node, np.zeros(count, np.int32), part="draws")
    classes = b.emit(node, Binary(function="add"), (*best, draws), part="classes")
    return b.emit(node, Cast(dtype=dtype_attribute(node, "dtype", "int32")), classes)


def _warn(node: NodeSource, what: str) -> None:
    warnings.warn(f"{node.name!r} ({node.op}): {what}", JaxdnnWarning, stacklevel=4)
