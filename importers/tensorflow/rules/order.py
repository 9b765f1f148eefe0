"""The order of axes, and of the elements along them."""

from __future__ import annotations

import numpy as np

from jaxdnn.errors import LayerError
from jaxdnn.importers.tensorflow.builder import TensorFlowBuilder
from jaxdnn.importers.tensorflow.registry import NodeSource, rules
from jaxdnn.layers.arithmetic import Unary
from jaxdnn.layers.shape import Permute, Reverse
from jaxdnn.layers.tensor import ReverseSequence, Roll

Values = tuple[str, ...]


@rules("Transpose", inputs=2)
def transpose(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Reorder axes."""
    return _reordered(b, node, inputs)


@rules("ConjugateTranspose", inputs=2)
def conjugate_transpose(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Reorder axes, and change the signs of imaginary parts."""
    y = _reordered(b, node, inputs, "reordered")
    return b.emit(node, Unary(function="conjugate"), y)


def _reordered(b: TensorFlowBuilder, node: NodeSource, inputs: Values, part: str = "") -> Values:
    order = b.constant(inputs[1])
    if order is not None and order.ndim == 1 and order.size and -order.size <= order.min() < 0:
        layer = Permute(order=tuple((order % order.size).tolist()))
        return b.emit(node, layer, inputs[:1], part=part)
    return b.late(node, Permute(order=()), inputs[:1], part=part, order=inputs[1])


@rules("ReverseV2", inputs=2)
def reverse(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Reverse axes."""
    return b.late(node, Reverse(axes=()), inputs[:1], axes=inputs[1])


@rules("Reverse", inputs=2)
def reverse_marked(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """The first version says of each axis whether it is reversed."""
    marks = b.constant(inputs[1])
    if marks is None or marks.ndim != 1:
        raise LayerError(f"the dims {inputs[1]!r} must be a constant with one value per axis")
    return b.emit(node, Reverse(axes=tuple(np.flatnonzero(marks).tolist())), inputs[:1])


@rules("ReverseSequence", inputs=2)
def reverse_sequence(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Reverse beginnings."""
    axis, batch = node.attributes.integer("seq_dim"), node.attributes.integer("batch_dim", 0)
    return b.emit(node, ReverseSequence(axis=axis, batch_axis=batch), inputs)


@rules("Roll", inputs=3)
def roll(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Shift in a circle."""
    return b.late(node, Roll(shift=(), axes=()), inputs[:1], shift=inputs[1], axes=inputs[2])
