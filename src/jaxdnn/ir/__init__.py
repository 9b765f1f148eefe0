"""The intermediate representation: graphs of layers, without formats and without jax."""

from jaxdnn.ir.graph import Graph, Model, Node, Params, Source, Value, split_reference
from jaxdnn.ir.initializer import Initializer
from jaxdnn.ir.verify import verify

__all__ = [
    "Graph",
    "Initializer",
    "Model",
    "Node",
    "Params",
    "Source",
    "Value",
    "split_reference",
    "verify",
]
