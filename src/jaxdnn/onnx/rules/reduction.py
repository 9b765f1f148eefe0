"""Fewer elements than before."""

from __future__ import annotations

from jaxdnn.layers.base import normalize_axis
from jaxdnn.layers.reduction import ArgMax, Reduce
from jaxdnn.onnx.exporter import Exporter
from jaxdnn.onnx.registry import NotExpressible, exports
from jaxdnn.onnx.sizes import product

_OPERATORS = {
    "sum": "Sum",
    "mean": "Mean",
    "max": "Max",
    "min": "Min",
    "product": "Prod",
    "abs_sum": "L1",
    "square_sum": "SumSquare",
    "log_sum_exp": "LogSumExp",
    "any": "Max",
    "all": "Min",
}


@exports(Reduce)
def reduce(e: Exporter, layer: Reduce, x: str) -> str:
    """See :class:`~jaxdnn.layers.reduction.Reduce`; booleans are joined as integers."""
    source = e.inputs[0]
    every = layer.axes is None or (layer.none_is_all and not layer.axes)
    axes = range(source.rank) if every else [normalize_axis(a, source.rank) for a in layer.axes or ()]
    if layer.later_axes:
        axes = range(min(axes), source.rank)
    if product(source.sizes) == 0:
        raise NotExpressible("no elements are joined")
    if layer.operation in ("any", "all"):
        joined = e.reduce(_OPERATORS[layer.operation], e.cast(x, "int32"), axes, keepdims=layer.keepdims)
        return e.cast(joined, "bool")
    if source.dtype != "int32" or layer.operation == "mean" or layer.coefficient != 1:
        e.require_floats()
    if not axes and layer.operation in ("abs_sum", "square_sum", "log_sum_exp"):
        raise NotExpressible("nothing is joined")
    y = e.reduce(_OPERATORS[layer.operation], x, axes, keepdims=layer.keepdims)
    return y if layer.coefficient == 1 else e.op("Mul", y, float(layer.coefficient))


@exports(ArgMax)
def argmax(e: Exporter, layer: ArgMax, x: str) -> str:
    """A single place is an ArgMax, several ones are a TopK."""
    source, output = e.inputs[0], e.outputs[0]
    if source.dtype != "int32":
        e.require_floats()
    axis = 2 if layer.axis is None else normalize_axis(layer.axis, source.rank)
    if layer.axis is None:
        x = e.reshape(x, (source.sizes[0], 1, product(source.sizes[1:])))
    if layer.top_k == 1:
        operator = "ArgMin" if layer.smallest else "ArgMax"
        places = e.op(operator, x, axis=axis, keepdims=1, select_last_index=int(layer.ties == "last"))
        values = e.op("GatherElements", x, places, axis=axis)
    elif layer.ties == "last":
        raise NotExpressible("of equal elements the last ones are wanted")
    else:
        values, places = e.ops("TopK", 2, x, [layer.top_k], axis=axis, largest=int(not layer.smallest))
    if layer.output == "both":
        y = e.concat([e.cast(places, source.dtype), values], 1)
    else:
        y = values if layer.output == "values" else e.cast(places, output.dtype)
    if layer.axis is None:
        return e.reshape(y, output.sizes) if output.rank != 3 else y
    return y if layer.keepdims else e.squeeze(y, [axis])
