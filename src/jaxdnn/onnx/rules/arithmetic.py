"""Arithmetic of tensor languages, by function."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from jaxdnn.layers.arithmetic import Accumulate, Binary, Cast, Einsum, Select, Unary
from jaxdnn.layers.base import normalize_axis
from jaxdnn.onnx.exporter import Exporter
from jaxdnn.onnx.registry import NotExpressible, exports

_OF_FLOATS = {
    **{name: name.capitalize() for name in ("floor", "ceil", "round", "sqrt", "reciprocal", "exp", "log")},
    **{
        name: name.capitalize()
        for name in ("sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh")
    },
    **{name: name.capitalize() for name in ("asinh", "acosh", "atanh", "erf")},
    "is_nan": "IsNaN",
    "is_inf": "IsInf",
}
_OF_NUMBERS = {"abs": "Abs", "negate": "Neg", "sign": "Sign"}

_ARITHMETIC = {
    "add": "Add",
    "subtract": "Sub",
    "multiply": "Mul",
    "maximum": "Max",
    "minimum": "Min",
    "less": "Less",
    "less_equal": "LessOrEqual",
    "greater": "Greater",
    "greater_equal": "GreaterOrEqual",
}
_LOGIC = {"and": "And", "or": "Or", "xor": "Xor"}
_BITS = {f"bitwise_{name}": operator for name, operator in {**_LOGIC, "not": "Not"}.items()}
_COMPARED = ("bool", "int32", "float16", "float32")


@exports(Unary)
def unary(e: Exporter, layer: Unary, x: str) -> str:
    """See :class:`~jaxdnn.layers.arithmetic.Unary`."""
    function, dtype = layer.function, e.inputs[0].dtype
    if function == "not" and dtype == "bool":
        return e.op("Not", x)
    if function in _BITS:
        return _bitwise(e, function, x)
    if function in _OF_NUMBERS:
        _require_number(e)
        return e.op(_OF_NUMBERS[function], x)
    if function == "square":
        _require_number(e)
        return e.op("Mul", x, x)
    if function in ("floor", "ceil", "round") and np.dtype(dtype).kind in "iub":
        return x
    e.require_floats()
    if function in _OF_FLOATS:
        return e.op(_OF_FLOATS[function], x)
    if function == "rsqrt":
        return e.op("Reciprocal", e.op("Sqrt", x))
    if function == "is_finite":
        return e.op("Not", e.op("Or", e.op("IsNaN", x), e.op("IsInf", x)))
    raise _no_operator(function)


@exports(Binary)
def binary(e: Exporter, layer: Binary, a: str, b: str) -> str:
    """See :class:`~jaxdnn.layers.arithmetic.Binary`."""
    function, dtype = layer.function, e.inputs[0].dtype
    if function in ("equal", "not_equal") and dtype in _COMPARED:
        equal = e.op("Equal", a, b)
        return equal if function == "equal" else e.op("Not", equal)
    if function in _LOGIC and dtype == "bool":
        return e.op(_LOGIC[function], a, b)
    if function in _BITS:
        return _bitwise(e, function, a, b)
    _require_number(e)
    if function in _ARITHMETIC:
        return e.op(_ARITHMETIC[function], a, b)
    if function == "squared_difference":
        difference = e.op("Sub", a, b)
        return e.op("Mul", difference, difference)
    e.require_floats()
    if function not in _FLOATING:
        raise _no_operator(function)
    return _FLOATING[function](e, a, b)


def _bitwise(e: Exporter, function: str, *operands: str) -> str:
    """Booleans are their own only bit."""
    if e.inputs[0].dtype == "bool":
        return e.op(_BITS[function], *operands)
    if e.opset < 18:
        raise NotExpressible("arithmetic on bits needs opset 18")
    return e.op(f"Bitwise{_BITS[function]}", *operands)


def _unless_zero(e: Exporter, zero: str, value: str) -> str:
    return e.op("Where", e.op("Equal", zero, 0.0), 0.0, value)


_FLOATING: dict[str, Callable[[Exporter, str, str], str]] = {
    "divide": lambda e, a, b: e.op("Div", a, b),
    "power": lambda e, a, b: e.op("Pow", a, b),
    "floor_divide": lambda e, a, b: e.op("Floor", e.op("Div", a, b)),
    "truncate_remainder": lambda e, a, b: e.op("Mod", a, b, fmod=1),
    "divide_no_nan": lambda e, a, b: _unless_zero(e, b, e.op("Div", a, b)),
    "multiply_no_nan": lambda e, a, b: _unless_zero(e, b, e.op("Mul", a, b)),
    "xlogy": lambda e, a, b: _unless_zero(e, a, e.op("Mul", a, e.op("Log", b))),
    "xdivy": lambda e, a, b: _unless_zero(e, a, e.op("Div", a, b)),
}


def _require_number(e: Exporter) -> None:
    """Runtimes compute with floats and with whole numbers of 32 bits, but hardly with smaller ones."""
    if e.inputs[0].dtype != "int32":
        e.require_floats()


def _no_operator(function: str) -> NotExpressible:
    return NotExpressible(f"the function {function} has no operator")


@exports(Select)
def select(e: Exporter, layer: Select, condition: str, x: str, y: str) -> str:
    """See :class:`~jaxdnn.layers.arithmetic.Select`."""
    if layer.rows and e.inputs[0].rank == 1:
        condition = e.reshape(condition, e.inputs[0].sizes + (1,) * (e.inputs[1].rank - 1))
    if e.inputs[0].dtype != "bool":
        raise NotExpressible(f"a condition of {e.inputs[0].dtype} has no operator")
    return e.op("Where", condition, x, y)


@exports(Cast)
def cast(e: Exporter, layer: Cast, x: str) -> str:
    """Small integers keep the lower bits; a half type only rounds."""
    source, target = np.dtype(e.inputs[0].dtype), np.dtype(e.outputs[0].dtype)
    if target.kind == "f":
        if layer.dtype not in ("float32", "float64", *_HALVES):
            raise NotExpressible(f"rounding to {layer.dtype} has no operator in every opset")
        half = layer.dtype in ("float16", "bfloat16") and source.kind == "f"
        rounded = e.op("Cast", x, to=_HALVES[layer.dtype]) if half else x
        return e.cast(rounded, target.name)
    if source.kind == "f" and target.kind in "iu" and target.itemsize < 4:
        x = e.cast(x, "int32")
    return e.cast(x, target.name)


_HALVES = {"float16": 10, "bfloat16": 16}
"""ONNX' numbers of the half types; numpy lacks one of them."""


@exports(Accumulate)
def accumulate(e: Exporter, layer: Accumulate, x: str) -> str:
    """See :class:`~jaxdnn.layers.arithmetic.Accumulate`."""
    if layer.operation != "sum":
        raise NotExpressible(f"running results of {layer.operation} have no operator")
    _require_number(e)
    axis = np.array(normalize_axis(layer.axis, e.inputs[0].rank), np.int64)
    return e.op("CumSum", x, axis, exclusive=int(layer.exclusive), reverse=int(layer.reverse))


@exports(Einsum)
def einsum(e: Exporter, layer: Einsum, *inputs: str) -> str:
    """See :class:`~jaxdnn.layers.arithmetic.Einsum`."""
    equation = layer.equation.replace(" ", "")
    output = equation.split("->")[1].replace(".", "")
    if len(set(output)) < len(output):
        raise NotExpressible("an index that the output repeats has no operator")
    return e.op("Einsum", *inputs, equation=equation)
