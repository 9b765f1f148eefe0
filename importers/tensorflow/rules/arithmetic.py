"""Arithmetic, comparisons and logic, element by element."""

from __future__ import annotations

import numpy as np

from jaxdnn.errors import LayerError
from jaxdnn.importers.tensorflow.builder import TensorFlowBuilder
from jaxdnn.importers.tensorflow.registry import NodeSource, rules
from jaxdnn.layers.arithmetic import Accumulate, Binary, Cast, Select, Unary
from jaxdnn.layers.elementwise import Eltwise
from jaxdnn.layers.normalization import Scale
from jaxdnn.layers.reduction import Reduce
from jaxdnn.layers.tensor import Roll

Values = tuple[str, ...]

_UNARY = {
    "Abs": "abs",
    "Neg": "negate",
    "Sign": "sign",
    "Floor": "floor",
    "Ceil": "ceil",
    "Round": "round",
    "Rint": "round",
    "Square": "square",
    "Sqrt": "sqrt",
    "Rsqrt": "rsqrt",
    "Inv": "reciprocal",
    "Reciprocal": "reciprocal",
    "Exp": "exp",
    "Expm1": "expm1",
    "Log": "log",
    "Log1p": "log1p",
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
    "Erfc": "erfc",
    "Lgamma": "lgamma",
    "Digamma": "digamma",
    "IsNan": "is_nan",
    "IsInf": "is_inf",
    "IsFinite": "is_finite",
    "LogicalNot": "not",
    "Invert": "bitwise_not",
    "Erfinv": "erfinv",
    "Ndtri": "ndtri",
    "BesselI0e": "bessel_i0e",
    "BesselI1e": "bessel_i1e",
    "BesselI0": "bessel_i0",
    "BesselI1": "bessel_i1",
    "Spence": "spence",
    "Expint": "expint",
    "Real": "real",
    "Imag": "imaginary",
    "Conj": "conjugate",
    "Angle": "angle",
    "ComplexAbs": "abs",
}
_BINARY = {
    "Add": "add",
    "AddV2": "add",
    "Sub": "subtract",
    "Mul": "multiply",
    "Div": "divide",
    "RealDiv": "divide",
    "FloorDiv": "floor_divide",
    "TruncateDiv": "truncate_divide",
    "FloorMod": "floor_remainder",
    "Mod": "truncate_remainder",
    "TruncateMod": "truncate_remainder",
    "Pow": "power",
    "Maximum": "maximum",
    "Minimum": "minimum",
    "SquaredDifference": "squared_difference",
    "Atan2": "atan2",
    "DivNoNan": "divide_no_nan",
    "MulNoNan": "multiply_no_nan",
    "Xlogy": "xlogy",
    "Xlog1py": "xlog1py",
    "Xdivy": "xdivy",
    "Equal": "equal",
    "NotEqual": "not_equal",
    "Less": "less",
    "LessEqual": "less_equal",
    "Greater": "greater",
    "GreaterEqual": "greater_equal",
    "LogicalAnd": "and",
    "LogicalOr": "or",
    "BitwiseAnd": "bitwise_and",
    "BitwiseOr": "bitwise_or",
    "BitwiseXor": "bitwise_xor",
    "LeftShift": "shift_left",
    "RightShift": "shift_right",
    "NextAfter": "next_after",
    "Igamma": "igamma",
    "Igammac": "igammac",
    "Polygamma": "polygamma",
    "Zeta": "zeta",
    "Complex": "complex",
}


@rules(*_UNARY)
def unary(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """One array."""
    return b.emit(node, Unary(function=_UNARY[node.op]), inputs)


@rules("PopulationCount")
def population_count(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Eight bits hold the number of bits of any integer."""
    count = b.emit(node, Unary(function="population_count"), inputs, part="count")
    return b.emit(node, Cast(dtype="uint8"), count)


@rules(*_BINARY, inputs=2)
def binary(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Two arrays."""
    if node.op == "Mul" and node.attributes.has("axis"):  # as OpenCV's text graphs may state it
        return b.emit(node, Scale(axis=node.attributes.integer("axis")), inputs)
    return b.emit(node, Binary(function=_BINARY[node.op]), inputs)


@rules("AddN", "AccumulateNV2", inputs=(1, None))
def add_n(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Add any number of arrays."""
    node.attributes.ignore("shape")
    return b.emit(node, Eltwise(operation="sum"), inputs)


@rules("ClipByValue", inputs=3)
def clip_by_value(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Take the smaller of x and the ceiling, then the larger of that and the floor."""
    x, floor, ceiling = inputs
    below = b.emit(node, Binary(function="minimum"), (x, ceiling), part="ceiling")
    return b.emit(node, Binary(function="maximum"), (*below, floor))


@rules("Select", "SelectV2", inputs=3)
def select(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """The first version's condition may tell about rows; the second one broadcasts as numpy does."""
    return b.emit(node, Select(rows=node.op == "Select"), inputs)


@rules("Cast")
def cast(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Convert; a constant stays one, so that half-precision weights are weights."""
    node.attributes.ignore("Truncate")
    dtype = node.attributes.dtype("DstT")
    if dtype.numpy is None:
        raise LayerError(f"nothing can be cast to {dtype.name}")
    array = b.constant(inputs[0])
    if array is not None and array.dtype.kind in "fiub" and dtype.numpy in ("float32", "float64"):
        return (b.const(node, array.astype(dtype.numpy), like=inputs[0]),)
    return b.emit(node, Cast(dtype=dtype.numpy), inputs)


_ACCUMULATE = {"Cumsum": "sum", "Cumprod": "product", "CumulativeLogsumexp": "log_sum_exp"}


@rules(*_ACCUMULATE, inputs=2)
def accumulate(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Join all elements up to each one."""
    layer = Accumulate(
        operation=_ACCUMULATE[node.op],
        exclusive=node.attributes.boolean("exclusive", False),
        reverse=node.attributes.boolean("reverse", False),
    )
    return b.late(node, layer, inputs[:1], axis=inputs[1])


@rules("L2Loss")
def l2_loss(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Half the sum of the squares."""
    return b.emit(node, Reduce(operation="square_sum", coefficient=0.5), inputs)


@rules("ApproximateEqual", inputs=2)
def approximately_equal(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """The distance is less than an attribute."""
    tolerance = b.const(
        node, np.array(node.attributes.number("tolerance", 1e-5), np.float32), part="tolerance"
    )
    difference = b.emit(node, Binary(function="subtract"), inputs, part="difference")
    distance = b.emit(node, Unary(function="abs"), difference, part="distance")
    return b.emit(node, Binary(function="less"), (*distance, tolerance))


@rules("Cross", inputs=2)
def cross(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Vectors of three along the last axis: of each, the next two elements change places."""
    shifted = [
        b.emit(node, Roll(shift=(shift,), axes=(-1,)), (value,), part=f"{name}{-shift}")[0]
        for name, value in zip("ab", inputs, strict=True)
        for shift in (-1, -2)
    ]
    a1, a2, b1, b2 = shifted
    (first,) = b.emit(node, Binary(function="multiply"), (a1, b2), part="first")
    (second,) = b.emit(node, Binary(function="multiply"), (a2, b1), part="second")
    return b.emit(node, Binary(function="subtract"), (first, second))
