"""Primitives that compute element by element."""

from __future__ import annotations

import math

import numpy as np

from jaxdnn.onnx.fallback.registry import converts
from jaxdnn.onnx.fallback.translator import Call
from jaxdnn.onnx.registry import NotExpressible

_FLOATS = {
    "acos": "Acos",
    "acosh": "Acosh",
    "asin": "Asin",
    "asinh": "Asinh",
    "atan": "Atan",
    "atanh": "Atanh",
    "ceil": "Ceil",
    "cos": "Cos",
    "cosh": "Cosh",
    "erf": "Erf",
    "exp": "Exp",
    "floor": "Floor",
    "log": "Log",
    "logistic": "Sigmoid",
    "sin": "Sin",
    "sinh": "Sinh",
    "sqrt": "Sqrt",
    "tan": "Tan",
    "tanh": "Tanh",
}
_NUMBERS = {"abs": "Abs", "neg": "Neg", "sign": "Sign"}
_PAIRS = {
    "add": "Add",
    "add_any": "Add",
    "sub": "Sub",
    "mul": "Mul",
    "div": "Div",
    "max": "Max",
    "min": "Min",
}
_COMPARISONS = {
    "eq": "Equal",
    "lt": "Less",
    "lt_to": "Less",
    "le": "LessOrEqual",
    "le_to": "LessOrEqual",
    "gt": "Greater",
    "ge": "GreaterOrEqual",
}
_LOGIC = {"and": "And", "or": "Or", "xor": "Xor"}


@converts(*_FLOATS, elementwise=True)
def floating(call: Call, x: str) -> str:
    """Write a function of floating numbers."""
    return call.narrow(call.e.op(_FLOATS[call.primitive], call.wide(x)), call.dtype)


@converts(*_NUMBERS, elementwise=True)
def number(call: Call, x: str) -> str:
    """Write a function of numbers."""
    return call.narrow(call.e.op(_NUMBERS[call.primitive], call.wide(x)), call.dtype)


@converts(*_PAIRS, elementwise=True)
def pair(call: Call, x: str, y: str) -> str:
    """Write an operator of two numbers. Integers are divided towards zero by both."""
    return call.narrow(call.e.op(_PAIRS[call.primitive], call.wide(x), call.wide(y)), call.dtype)


@converts(*_COMPARISONS, elementwise=True)
def comparison(call: Call, x: str, y: str) -> str:
    """Write a comparison."""
    return call.e.op(_COMPARISONS[call.primitive], call.wide(x), call.wide(y))


@converts("ne", elementwise=True)
def not_equal(call: Call, x: str, y: str) -> str:
    """``x != y``."""
    return call.e.op("Not", call.e.op("Equal", call.wide(x), call.wide(y)))


@converts(*_LOGIC, elementwise=True)
def logic(call: Call, x: str, y: str) -> str:
    """Write an operator of truth values, or of the bits of integers."""
    operator = _LOGIC[call.primitive]
    if call.dtype == "bool":
        return call.e.op(operator, x, y)
    _require_opset(call, 18)
    return call.e.op(f"Bitwise{operator}", x, y)


@converts("not", elementwise=True)
def not_(call: Call, x: str) -> str:
    """Write the opposite of truth values, or of the bits of integers."""
    if call.dtype == "bool":
        return call.e.op("Not", x)
    _require_opset(call, 18)
    return call.e.op("BitwiseNot", x)


@converts("shift_left", "shift_right_logical", elementwise=True)
def shift(call: Call, x: str, places: str) -> str:
    """Shift bits; beyond the type's last one there are zeros."""
    kind = np.dtype(call.dtype)
    unsigned = "uint32" if kind.itemsize <= 4 else "uint64"
    if kind.kind == "i" and kind.itemsize < 4 and call.primitive == "shift_right_logical":
        raise NotExpressible(f"{call.dtype} numbers are shifted as bits, which ONNX does with unsigned ones")
    direction = "LEFT" if call.primitive == "shift_left" else "RIGHT"
    bits, count = (call.e.cast(each, unsigned) for each in (x, places))
    shifted = call.e.op("BitShift", bits, count, direction=direction)
    inside = call.e.op("Less", call.e.cast(count, "int64"), np.array(8 * kind.itemsize, np.int64))
    return call.e.cast(call.e.op("Where", inside, shifted, np.array(0, unsigned)), call.dtype)


@converts("rem", elementwise=True)
def remainder(call: Call, x: str, y: str) -> str:
    """Return what a division towards zero leaves, of the sign of the dividend."""
    return call.narrow(call.e.op("Mod", call.wide(x), call.wide(y), fmod=1), call.dtype)


@converts("pow", elementwise=True)
def power(call: Call, x: str, y: str) -> str:
    """``x ** y``; the exponent may be an integer."""
    exponent = call.reads[1].dtype
    return call.narrow(call.e.op("Pow", call.wide(x), call.wide(y, exponent)), call.dtype)


@converts("integer_pow", elementwise=True)
def integer_power(call: Call, x: str) -> str:
    """Multiply as often as is needed; a runtime may compute Pow with logarithms, which negative numbers lack."""
    exponent = call["y"]
    x = call.wide(x)
    one = np.array(1, call.wide_type())
    if exponent == 0:
        return call.narrow(
            call.e.op("Add", call.e.op("Mul", x, np.array(0, call.wide_type())), one), call.dtype
        )
    result, square, left = "", x, abs(exponent)
    while left:
        if left % 2:
            result = call.e.op("Mul", result, square) if result else square
        left //= 2
        square = call.e.op("Mul", square, square) if left else square
    return call.narrow(call.e.op("Div", one, result) if exponent < 0 else result, call.dtype)


@converts("square", elementwise=True)
def square(call: Call, x: str) -> str:
    """``x * x``."""
    x = call.wide(x)
    return call.narrow(call.e.op("Mul", x, x), call.dtype)


@converts("rsqrt", elementwise=True)
def reciprocal_root(call: Call, x: str) -> str:
    """``1 / sqrt(x)``."""
    return call.narrow(call.e.op("Reciprocal", call.e.op("Sqrt", call.wide(x))), call.dtype)


@converts("cbrt", elementwise=True)
def cube_root(call: Call, x: str) -> str:
    """Return the third root, which has the number's sign."""
    x = call.wide(x)
    root = call.e.op("Pow", call.e.op("Abs", x), _scalar(call, 1 / 3))
    return call.narrow(call.e.op("Mul", call.e.op("Sign", x), root), call.dtype)


@converts("exp2", elementwise=True)
def power_of_two(call: Call, x: str) -> str:
    """``2 ** x``."""
    return call.narrow(call.e.op("Pow", _scalar(call, 2), call.wide(x)), call.dtype)


@converts("expm1", elementwise=True)
def exponential_less_one(call: Call, x: str) -> str:
    """``exp(x) - 1 = tanh(x / 2) * (exp(x) + 1)``, which does not cancel."""
    x = call.wide(x)
    half = call.e.op("Tanh", call.e.op("Mul", x, _scalar(call, 0.5)))
    other = call.e.op("Add", call.e.op("Exp", x), _scalar(call, 1))
    return call.narrow(call.e.op("Mul", half, other), call.dtype)


@converts("log1p", elementwise=True)
def logarithm_of_one_more(call: Call, x: str) -> str:
    """``log(1 + x)``; near zero ``2 * atanh(x / (2 + x))``, which does not cancel."""
    x = call.wide(x)
    near = call.e.op("Less", call.e.op("Abs", x), _scalar(call, 0.5))
    inside = call.e.op("Where", near, x, _scalar(call, 0))
    ratio = call.e.op("Div", inside, call.e.op("Add", inside, _scalar(call, 2)))
    exact = call.e.op("Mul", call.e.op("Atanh", ratio), _scalar(call, 2))
    plain = call.e.op("Log", call.e.op("Add", x, _scalar(call, 1)))
    return call.narrow(call.e.op("Where", near, exact, plain), call.dtype)


@converts("erfc", elementwise=True)
def complementary_error_function(call: Call, x: str) -> str:
    """``1 - erf(x)``, exact to the rounding of 1."""
    return call.narrow(call.e.op("Sub", _scalar(call, 1), call.e.op("Erf", call.wide(x))), call.dtype)


@converts("atan2", elementwise=True)
def angle(call: Call, y: str, x: str) -> str:
    """Return the angle of (x, y): ``2 * atan(y / (x + r))``, and pi minus that of (-x, y) where x is negative."""
    e = call.e
    y, x = call.wide(y), call.wide(x)
    length = e.op("Sqrt", e.op("Add", e.op("Mul", x, x), e.op("Mul", y, y)))
    down = e.op("Add", e.op("Abs", x), length)
    nothing = e.op("Equal", down, _scalar(call, 0))
    acute = e.op("Atan", e.op("Div", e.op("Abs", y), e.op("Where", nothing, _scalar(call, 1), down)))
    acute = e.op("Mul", acute, _scalar(call, 2))
    behind = e.op("Less", x, _scalar(call, 0))
    positive = e.op("Where", behind, e.op("Sub", _scalar(call, math.pi), acute), acute)
    below = e.op("Less", y, _scalar(call, 0))
    return call.narrow(e.op("Where", below, e.op("Neg", positive), positive), call.dtype)


@converts("is_finite", elementwise=True)
def is_finite(call: Call, x: str) -> str:
    """Whether a number is neither infinite nor NaN."""
    x = call.e.cast(x, "float32") if call.dtype == "float16" else call.wide(x)
    return call.e.op("Not", call.e.op("Or", call.e.op("IsInf", x), call.e.op("IsNaN", x)))


@converts("round", elementwise=True)
def rounded(call: Call, x: str) -> str:
    """Round to the nearest whole number, halves to the even one or away from zero."""
    x = call.wide(x)
    if call["rounding_method"].name == "TO_NEAREST_EVEN":
        return call.narrow(call.e.op("Round", x), call.dtype)
    size = call.e.op("Abs", x)
    whole = call.e.op("Floor", size)
    up = call.e.op("GreaterOrEqual", call.e.op("Sub", size, whole), _scalar(call, 0.5))
    magnitude = call.e.op("Where", up, call.e.op("Add", whole, _scalar(call, 1)), whole)
    return call.narrow(call.e.op("Mul", call.e.op("Sign", x), magnitude), call.dtype)


@converts("clamp", elementwise=True)
def clamp(call: Call, low: str, x: str, high: str) -> str:
    """``min(max(x, low), high)``."""
    low, x, high = map(call.wide, (low, x, high))
    return call.narrow(call.e.op("Min", call.e.op("Max", x, low), high), call.dtype)


@converts("select_n", elementwise=True)
def select(call: Call, which: str, *cases: str) -> str:
    """Choose each element from the case of that number."""
    dtype = call.reads[1].dtype
    result, *others = (call.wide(case, dtype) for case in cases)
    for number, case in enumerate(others, start=1):
        chosen = which if call.dtype == "bool" else call.e.op("Equal", which, np.array(number, call.dtype))
        result = call.e.op("Where", chosen, case, result)
    return call.narrow(result, dtype)


@converts("convert_element_type", elementwise=True)
def convert(call: Call, x: str) -> str:
    """Convert to another type: floats to integers towards zero, integers modulo the type's range."""
    old, new = call.dtype, call.results[0].dtype
    if old == new:
        return x
    if new == "bool" and np.dtype(old).kind != "b":
        zero = np.array(0, call.wide_type())
        return call.e.op("Not", call.e.op("Equal", call.wide(x), zero))
    if np.dtype(old).kind == "f" and np.dtype(new).kind in "iu" and np.dtype(new).itemsize < 4:
        return _saturated(call, x, new)
    return call.e.cast(x, new)


def _saturated(call: Call, x: str, dtype: str) -> str:
    """Convert floats to a small integer type, whose ends numbers beyond them become."""
    limits = np.iinfo(dtype)
    x = call.wide(x)
    low, high = _scalar(call, limits.min), _scalar(call, limits.max)
    return call.e.cast(
        call.e.op("Clip", call.e.op("Where", call.e.op("IsNaN", x), low * 0, x), low, high), dtype
    )


@converts("reduce_precision", elementwise=True)
def reduce_precision(call: Call, x: str) -> str:
    """Round to a smaller type and back."""
    for dtype in ("float16", "float32"):
        info = np.finfo(dtype)
        if (call["exponent_bits"], call["mantissa_bits"]) == (info.nexp, info.nmant):
            return x if dtype == call.dtype else call.e.cast(call.e.cast(x, dtype), call.dtype)
    raise NotExpressible("it rounds to a type that ONNX lacks")


def _scalar(call: Call, value: float) -> np.ndarray:
    """Return a scalar of the type that is computed in."""
    return np.array(value, call.wide_type())


def _require_opset(call: Call, opset: int) -> None:
    if call.e.opset < opset:
        raise NotExpressible(f"bits of integers need opset {opset}, and {call.e.opset} is asked for")
