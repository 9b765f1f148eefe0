"""Activations and softmax."""

from __future__ import annotations

import numpy as np

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
from jaxdnn.layers.arithmetic import Binary, Select
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


@rules("ReluGrad", inputs=2)
def relu_gradient(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """The first input where the second one is positive, as graphs have it that show what a class depends on."""
    gradient, x = inputs
    zero = b.const(node, np.array(0, np.float32), part="zero")
    positive = b.emit(node, Binary(function="greater"), (x, zero), part="positive")
    return b.emit(node, Select(), (*positive, gradient, zero))


@rules("LeakyRelu")
def leaky_relu(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Read the slope."""
    return b.emit(node, Relu(negative_slope=node.attributes.number("alpha", 0.2)), inputs)


@rules("Softmax", "SoftMax")
def softmax(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """TensorFlow's has the last axis; text graphs may state another one."""
    return b.emit(node, Softmax(axis=node.attributes.integer("axis", -1)), inputs)
