"""Reduction, ArgMax."""

from __future__ import annotations

from jaxdnn.importers.caffe.registry import CaffeBuilder, LayerSource, rules
from jaxdnn.layers.reduction import ArgMax, Reduce

_OPERATIONS = {"SUM": "sum", "ASUM": "abs_sum", "SUMSQ": "square_sum", "MEAN": "mean"}
_NUMBERS = {name: number for number, name in enumerate(_OPERATIONS, 1)}


@rules("Reduction")
def reduction(b: CaffeBuilder, source: LayerSource, inputs: tuple[str, ...]) -> tuple[str, ...]:
    """Over the axis and all behind it."""
    p = source.param("reduction_param")
    layer = Reduce(
        operation=_OPERATIONS[p.enum("operation", _NUMBERS, "SUM")],
        axes=(p.integer("axis", 0),),
        later_axes=True,
        coefficient=p.number("coeff", 1.0),
    )
    return b.emit(source, layer, inputs)


@rules("ArgMax")
def argmax(b: CaffeBuilder, source: LayerSource, inputs: tuple[str, ...]) -> tuple[str, ...]:
    """Indices are floats, as every blob is; of equal elements the last one wins."""
    p = source.param("argmax_param")
    axis = p.integer("axis")
    values = p.boolean("out_max_val", False)
    layer = ArgMax(
        axis=axis,
        top_k=p.uint("top_k", 1),
        output="indices" if not values else "both" if axis is None else "values",
        ties="last",
        dtype="float32",
    )
    return b.emit(source, layer, inputs)
