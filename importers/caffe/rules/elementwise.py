"""Arithmetic on whole blobs."""

from __future__ import annotations

import math

from jaxdnn.importers.caffe.registry import CaffeBuilder, LayerSource, rules
from jaxdnn.layers.elementwise import Abs, Axpy, Dropout, Eltwise, Exp, Log, Power

_OPERATIONS = {"PROD": "product", "SUM": "sum", "MAX": "max", "DIV": "division", "MIN": "min"}


@rules("AbsVal")
def absval(b: CaffeBuilder, source: LayerSource, inputs: tuple[str, ...]) -> tuple[str, ...]:
    """Absolute value."""
    return b.emit(source, Abs(), inputs)


@rules("Power")
def power(b: CaffeBuilder, source: LayerSource, inputs: tuple[str, ...]) -> tuple[str, ...]:
    """``(shift + scale * x)^power``."""
    p = source.param("power_param")
    layer = Power(power=p.number("power", 1.0), scale=p.number("scale", 1.0), shift=p.number("shift", 0.0))
    return b.emit(source, layer, inputs)


@rules("Exp", "Log")
def exp_log(b: CaffeBuilder, source: LayerSource, inputs: tuple[str, ...]) -> tuple[str, ...]:
    """To a base that is e if it is given as -1."""
    p = source.param(f"{source.type.lower()}_param")
    base = p.number("base", -1.0)
    layer = (Exp if source.type == "Exp" else Log)(
        base=math.e if base == -1 else base, scale=p.number("scale", 1.0), shift=p.number("shift", 0.0)
    )
    return b.emit(source, layer, inputs)


@rules("Dropout")
def dropout(b: CaffeBuilder, source: LayerSource, inputs: tuple[str, ...]) -> tuple[str, ...]:
    """Forks may leave the scaling to the test phase."""
    p = source.param("dropout_param")
    p.ignore("sample_weights_test")
    layer = Dropout(ratio=p.number("dropout_ratio", 0.5), scale_train=p.boolean("scale_train", True))
    return b.emit(source, layer, inputs)


@rules("Eltwise", bottoms=(2, None))
def eltwise(b: CaffeBuilder, source: LayerSource, inputs: tuple[str, ...]) -> tuple[str, ...]:
    """Blobs of one shape: Caffe broadcasts nothing. The last two operations are OpenCV's."""
    p = source.param("eltwise_param")
    p.ignore("stable_prod_grad", "engine")
    operation = _OPERATIONS[p.enum("operation", tuple(_OPERATIONS), "SUM")]
    return b.emit(source, Eltwise(operation=operation, coefficients=p.numbers("coeff")), inputs)


@rules("Axpy", bottoms=3)
def axpy(b: CaffeBuilder, source: LayerSource, inputs: tuple[str, ...]) -> tuple[str, ...]:
    """The squeeze-and-excitation fork's scaled shortcut."""
    return b.emit(source, Axpy(), inputs)
