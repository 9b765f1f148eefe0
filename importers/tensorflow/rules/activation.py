"""Activations and softmax."""

from __future__ import annotations

from jaxdnn.importers.tensorflow.builder import TensorFlowBuilder
from jaxdnn.importers.tensorflow.registry import NodeSource, rules
from jaxdnn.layers.activation import (
    Clip,
    Elu,
    LogSoftmax,
    Relu,
    Selu,
    Sigmoid,
    Softmax,
    Softplus,
    Softsign,
    Tanh,
)
from jaxdnn.layers.base import Layer

Values = tuple[str, ...]

_PLAIN: dict[str, Layer] = {
    "Relu": Relu(),
    "Relu6": Clip(floor=0.0, ceiling=6.0),
    "Elu": Elu(),
    "Selu": Selu(),
    "Sigmoid": Sigmoid(),
    "Tanh": Tanh(),
    "Softplus": Softplus(),
    "Softsign": Softsign(),
    "LogSoftmax": LogSoftmax(axis=-1),
}


@rules(*_PLAIN)
def activation(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Apply a function without attributes."""
    return b.emit(node, _PLAIN[node.op], inputs)


@rules("LeakyRelu")
def leaky_relu(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Read the slope."""
    return b.emit(node, Relu(negative_slope=node.attributes.number("alpha", 0.2)), inputs)


@rules("Softmax", "SoftMax")
def softmax(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """TensorFlow's has the last axis; text graphs may state another one."""
    return b.emit(node, Softmax(axis=node.attributes.integer("axis", -1)), inputs)
