"""Arithmetic, comparisons and logic, element by element."""

from __future__ import annotations

import math

import numpy as np

from jaxdnn.errors import LayerError
from jaxdnn.importers.onnx.builder import OnnxBuilder
from jaxdnn.importers.onnx.dtypes import dtype_of
from jaxdnn.importers.onnx.registry import NodeSource, Values, rules
from jaxdnn.importers.onnx.rules.dense import learned
from jaxdnn.importers.onnx.standard import rank_of
from jaxdnn.layers.arithmetic import Binary, Unary
from jaxdnn.layers.normalization import Bias, Scale
from jaxdnn.layers.tensor import AlignAxes

_UNARY = {
    "Abs": "abs",
    "Neg": "negate",
    "Sign": "sign",
    "Floor": "floor",
    "Ceil": "ceil",
    "Round": "round",
    "Sqrt": "sqrt",
    "Reciprocal": "reciprocal",
    "Exp": "exp",
    "Log": "log",
    "Sin": "sin",
    "Cos": "cos",
    "Tan": "tan",
    "Asin": "asin",
    "Acos": "acos",
    "Atan": "atan",
    "Sinh": "sinh",
    "Cosh": "cosh",
    "Asinh": "asinh",
    "Acosh": "acosh",
    "Atanh": "atanh",
    "Erf": "erf",
    "IsNaN": "is_nan",
    "Not": "not",
    "BitwiseNot": "bitwise_not",
}
_BINARY = {
    "Add": "add",
    "Sub": "subtract",
    "Mul": "multiply",
    "Div": "divide",
    "Pow": "power",
    "Equal": "equal",
    "Less": "less",
    "LessOrEqual": "less_equal",
    "Greater": "greater",
    "GreaterOrEqual": "greater_equal",
    "And": "and",
    "Or": "or",
    "Xor": "xor",
    "BitwiseAnd": "bitwise_and",
    "BitwiseOr": "bitwise_or",
    "BitwiseXor": "bitwise_xor",
}
_SLOTS = {"Add": "bias", "Sub": "bias", "Mul": "scale", "Div": "scale"}
"""What a learned operand is to its operator."""
_VARIADIC = {"Sum": "add", "Mean": "add", "Max": "maximum", "Min": "minimum"}


@rules(*_UNARY)
def unary(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """One array."""
    node.attributes.ignore("consumed_inputs")
    return b.emit(node, Unary(function=_UNARY[node.op]), inputs)


@rules(*_BINARY, inputs=2)
def binary(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """Two arrays; before version 7 an attribute may say where the second one's axes lie in the first."""
    node.attributes.ignore("consumed_inputs", "broadcast")
    if node.attributes.has("axis"):
        return _from_axis(b, node, inputs, node.attributes.integer("axis"))
    if dtype_of(b, inputs[0]) == "object":
        raise LayerError("compares strings, which cannot be computed with")
    if node.op in _SLOTS:
        first, second = inputs
        inputs = _operand(b, node, first, second), _operand(b, node, second, first)
    return b.emit(node, Binary(function=_BINARY[node.op]), inputs)


def _operand(b: OnnxBuilder, node: NodeSource, value: str, other: str) -> str:
    """Return an operand that is learned if it is an array beside images or rows of features.

    A vector that is joined with a vector may be arithmetic on sizes, and a single number is what a formula has.
    """
    array = b.constant(value)
    if array is None or array.size < 2 or b.constant(other) is not None or (rank_of(b, other) or 0) < 2:
        return value
    return learned(b, node, value, _SLOTS[node.op])


def _from_axis(b: OnnxBuilder, node: NodeSource, inputs: Values, axis: int) -> Values:
    """Add a bias or a scale as such, so that a constant is learned; of others the second array gets axes."""
    x, operand = inputs
    kinds: dict[str, type[Bias] | type[Scale]] = {"Add": Bias, "Mul": Scale}
    if node.op in kinds:
        kind, array = kinds[node.op], b.constant(operand)
        reference = b.learned(operand, slot := kind.__name__.lower())
        if reference is None or array is None:
            return b.emit(node, kind(axis=axis), inputs)
        return b.emit(node, kind(axis=axis, num_axes=array.ndim), (x,), {slot: reference})
    (operand,) = b.emit(node, AlignAxes(axis=axis), (operand, x), part="aligned")
    return b.emit(node, Binary(function=_BINARY[node.op]), (x, operand))


@rules("Mod", inputs=2)
def mod(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """The remainder has the divisor's sign or, as C's fmod, the dividend's."""
    function = "truncate_remainder" if node.attributes.flag("fmod", False) else "floor_remainder"
    return b.emit(node, Binary(function=function), inputs)


@rules("BitShift", inputs=2)
def bit_shift(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """The direction is an attribute."""
    direction = node.attributes.one_of("direction", ("LEFT", "RIGHT"))
    return b.emit(node, Binary(function=f"shift_out_{direction.lower()}"), inputs)


@rules(*_VARIADIC, inputs=(1, None))
def variadic(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """Join any number of arrays, two at a time."""
    node.attributes.ignore("consumed_inputs")
    layer = Binary(function=_VARIADIC[node.op])
    value, *rest = inputs
    for index, other in enumerate(rest):
        last = index == len(rest) - 1 and node.op != "Mean"
        (value,) = b.emit(node, layer, (value, other), part="" if last else f"join{index}")
    if node.op != "Mean" or not rest:
        return (value,)
    count = b.const(node, np.array(len(inputs), np.float32), part="count")
    return b.emit(node, Binary(function="divide"), (value, count))


@rules("IsInf")
def is_inf(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """Infinities of one sign may be left out."""
    positive = node.attributes.flag("detect_positive", True)
    negative = node.attributes.flag("detect_negative", True)
    if positive == negative:
        found = b.emit(node, Unary(function="is_inf"), inputs, part="" if positive else "found")
        return found if positive else b.emit(node, Binary(function="xor"), (*found, *found))
    infinity = b.const(node, np.array(math.inf if positive else -math.inf, np.float32), part="infinity")
    return b.emit(node, Binary(function="equal"), (*inputs, infinity))
