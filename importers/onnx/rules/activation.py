"""Activations and softmax."""

from __future__ import annotations

from jaxdnn.importers.onnx.builder import OnnxBuilder
from jaxdnn.importers.onnx.registry import NodeSource, Values, rules
from jaxdnn.layers.activation import Relu, Sigmoid, Softplus, Softsign, Tanh
from jaxdnn.layers.base import Layer

_PLAIN: dict[str, Layer] = {
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
