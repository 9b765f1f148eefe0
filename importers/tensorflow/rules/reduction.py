"""Reductions."""

from __future__ import annotations

from jaxdnn.errors import LayerError
from jaxdnn.importers.tensorflow.builder import TensorFlowBuilder
from jaxdnn.importers.tensorflow.registry import NodeSource, rules
from jaxdnn.layers.arithmetic import Unary
from jaxdnn.layers.indexing import TopK
from jaxdnn.layers.reduction import ArgMax, Reduce

Values = tuple[str, ...]

_OPERATIONS = {
    "Mean": "mean",
    "Sum": "sum",
    "Prod": "product",
    "Max": "max",
    "Min": "min",
    "All": "all",
    "Any": "any",
}


@rules(*_OPERATIONS, inputs=2)
def reduce(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """An empty list of axes reduces nothing."""
    name = "keepdims" if node.attributes.has("keepdims") else "keep_dims"
    keepdims = node.attributes.boolean(name, False)
    layer = Reduce(operation=_OPERATIONS[node.op], axes=(), keepdims=keepdims)
    return b.late(node, layer, inputs[:1], axes=inputs[1])


@rules("EuclideanNorm", inputs=2)
def euclidean_norm(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """The root of the sum of the squares."""
    keepdims = node.attributes.boolean("keep_dims", False)
    layer = Reduce(operation="square_sum", axes=(), keepdims=keepdims)
    squares = b.late(node, layer, inputs[:1], part="squares", axes=inputs[1])
    return b.emit(node, Unary(function="sqrt"), squares)


@rules("ArgMax", "ArgMin", inputs=2)
def arg_max(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Of equal elements the first one counts."""
    layer = ArgMax(axis=0, smallest=node.op == "ArgMin", keepdims=False)
    return b.late(node, layer, inputs[:1], axis=inputs[1])


@rules("TopKV2", inputs=2, outputs=("values", "indices"))
def top_k(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Unsorted results may come in any order, so they come sorted too."""
    node.attributes.ignore("sorted")
    return b.late(node, TopK(count=1), inputs[:1], outputs=2, count=inputs[1])


@rules("TopK", outputs=("values", "indices"))
def top_k_v1(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Here the number is an attribute."""
    node.attributes.ignore("sorted")
    count = node.attributes.integer("k")
    if count < 0:
        raise LayerError(f"k must not be negative, got {count}")
    return b.emit(node, TopK(count=count), inputs, outputs=2)
