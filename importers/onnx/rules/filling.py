"""Arrays made of one number, of numbers in a row, of a diagonal."""

from __future__ import annotations

import numpy as np

from jaxdnn.errors import LayerError
from jaxdnn.importers.onnx.builder import OnnxBuilder
from jaxdnn.importers.onnx.registry import NodeSource, Values, rules
from jaxdnn.importers.onnx.tensors import dtype_of
from jaxdnn.layers.arithmetic import Cast
from jaxdnn.layers.diagonal import Triangle
from jaxdnn.layers.tensor import Fill, FillLike, Range


@rules("ConstantOfShape")
def constant_of_shape(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """Zeros, if no value is stated."""
    stated = node.attributes.has("value")
    value = node.attributes.tensor("value") if stated else np.zeros(1, np.float32)
    if value.size != 1:
        raise LayerError(f"the value must be one number, got {value.size}")
    number = b.const(node, value.reshape(()), part="value")
    return b.late(node, Fill(shape=()), (number,), shape=inputs[0])


@rules("Range", inputs=3)
def range_(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """Count."""
    node.attributes.ignore("stash_type")
    return b.emit(node, Range(), inputs)


@rules("EyeLike")
def eye_like(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """Ones on both sides of a diagonal are on it."""
    number = node.attributes.integer("k", 0)
    kind = node.attributes.integer("dtype", 0)
    (value,) = b.emit(node, FillLike(value=1.0), inputs, part="ones")
    (value,) = b.emit(node, Triangle(upper=True, diagonal=number), (value,), part="upper")
    values = b.emit(node, Triangle(upper=False, diagonal=number), (value,), part="lower" if kind else "")
    return b.emit(node, Cast(dtype=str(dtype_of(kind))), values) if kind else values


@rules("Trilu", inputs=(1, 2))
def trilu(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """A triangle of each matrix."""
    x, number = inputs
    layer = Triangle(upper=node.attributes.flag("upper", True))
    return b.late(node, layer, (x,), diagonal=number) if number else b.emit(node, layer, (x,))
