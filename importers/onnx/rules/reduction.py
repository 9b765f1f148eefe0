"""Reductions, the places of extremes, and running sums."""

from __future__ import annotations

from jaxdnn.importers.onnx.builder import OnnxBuilder
from jaxdnn.importers.onnx.dtypes import is_floating
from jaxdnn.importers.onnx.registry import NodeSource, Values, rules
from jaxdnn.layers.arithmetic import Accumulate, CastLike, Unary
from jaxdnn.layers.reduction import ArgMax, Reduce

_OPERATIONS = {
    "ReduceSum": "sum",
    "ReduceMean": "mean",
    "ReduceMax": "max",
    "ReduceMin": "min",
    "ReduceProd": "product",
    "ReduceL1": "abs_sum",
    "ReduceSumSquare": "square_sum",
    "ReduceLogSumExp": "log_sum_exp",
}
_THEN = {"ReduceL2": ("square_sum", "sqrt"), "ReduceLogSum": ("sum", "log")}


@rules(*_OPERATIONS, inputs=(1, 2))
def reduce(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """Join elements."""
    return _reduced(b, node, inputs, _OPERATIONS[node.op])


@rules(*_THEN, inputs=(1, 2))
def reduce_and_apply(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """Apply a function to what the elements are joined to; of integers its fraction is dropped."""
    operation, function = _THEN[node.op]
    joined = _reduced(b, node, inputs, operation, part="joined")
    if is_floating(b, inputs[0]):
        return b.emit(node, Unary(function=function), joined)
    y = b.emit(node, Unary(function=function), joined, part="function")
    return b.emit(node, CastLike(), (*y, inputs[0]))


def _reduced(b: OnnxBuilder, node: NodeSource, inputs: Values, operation: str, part: str = "") -> Values:
    """Reduce along axes that are an attribute or, later, an input; without any all are meant or, if so stated, none."""
    x, given = inputs
    noop = node.attributes.flag("noop_with_empty_axes", False)
    layer = Reduce(
        operation=operation,
        axes=node.attributes.integers("axes", ()),
        none_is_all=not noop,
        keepdims=node.attributes.flag("keepdims", True),
    )
    return b.late(node, layer, (x,), part=part, axes=given) if given else b.emit(node, layer, (x,), part=part)


@rules("ArgMax", "ArgMin")
def arg_max(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """Of equal elements the first one counts, or the last."""
    layer = ArgMax(
        axis=node.attributes.integer("axis", 0),
        smallest=node.op == "ArgMin",
        ties="last" if node.attributes.flag("select_last_index", False) else "first",
        keepdims=node.attributes.flag("keepdims", True),
        dtype="int64",
    )
    return b.emit(node, layer, inputs)


@rules("CumSum", "CumProd", inputs=2)
def accumulate(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """Join all elements up to each one."""
    layer = Accumulate(
        operation="sum" if node.op == "CumSum" else "product",
        exclusive=node.attributes.flag("exclusive", False),
        reverse=node.attributes.flag("reverse", False),
    )
    return b.late(node, layer, inputs[:1], axis=inputs[1])
