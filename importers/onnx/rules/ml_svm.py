"""ai.onnx.ml: regression by support vectors."""

from __future__ import annotations

import numpy as np

from jaxdnn.errors import LayerError
from jaxdnn.importers.onnx.builder import OnnxBuilder
from jaxdnn.importers.onnx.registry import NodeSource, Values, rules
from jaxdnn.importers.onnx.rules.ml_features import ML, as_float
from jaxdnn.importers.onnx.rules.ml_linear import transformed
from jaxdnn.importers.onnx.standard import floating
from jaxdnn.layers.arithmetic import Binary, Select, Unary
from jaxdnn.layers.dense import MatMul
from jaxdnn.layers.reduction import Reduce

_KERNELS = ("LINEAR", "POLY", "RBF", "SIGMOID")


@rules("SVMRegressor", domain=ML)
def regressor(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """A weighted sum of kernels; without support vectors it is linear. One class is told by its sign."""
    attributes = node.attributes
    x = as_float(b, node, inputs[0])
    weights = np.array(attributes.numbers("coefficients"), np.float32).reshape(1, -1)
    count = attributes.integer("n_supports", 0)
    kernel = attributes.one_of("kernel_type", _KERNELS, "LINEAR")
    vectors = np.array(attributes.numbers("support_vectors", ()), np.float32)
    stated = attributes.numbers("kernel_params", ())
    if count:
        if count < 0 or vectors.size % count or weights.size != count:
            raise LayerError(
                f"{vectors.size} numbers and {weights.size} coefficients are not those of {count} vectors"
            )
        x = _kernels(b, node, x, vectors.reshape(count, -1), kernel, stated)
    elif vectors.size:
        raise LayerError("has support vectors, but n_supports is 0")
    factors = b.const(node, weights, part="coefficients")
    (total,) = b.emit(node, MatMul(transpose_b=True), (x, factors), part="weighted")
    shift = attributes.numbers("rho", (0.0,))
    if len(shift) != 1:
        raise LayerError(f"rho has {len(shift)} values, one expected")
    (total,) = b.emit(node, Binary(function="add"), (total, floating(b, node, shift[0], "rho")), part="sum")
    if not attributes.flag("one_class", False):
        return (transformed(b, node, total),)
    zero, inside, outside = (floating(b, node, n, f"sign{i}") for i, n in enumerate((0.0, 1.0, -1.0)))
    above = b.emit(node, Binary(function="greater"), (total, zero), part="above")
    return b.emit(node, Select(), (*above, inside, outside))


def _kernels(
    b: OnnxBuilder, node: NodeSource, x: str, vectors: np.ndarray, kernel: str, stated: tuple[float, ...]
) -> str:
    """Return (rows, vectors): how near each row is to each support vector."""
    if len(stated) not in (0, 3):
        raise LayerError(f"kernel_params has {len(stated)} values, 3 expected")
    gamma, offset, degree = stated or (0.0, 0.0, 3.0)

    def step(function: str, value: str, other: float, part: str) -> str:
        number = floating(b, node, other, f"{part}_number")
        return b.emit(node, Binary(function=function), (value, number), part=part)[0]

    table = b.const(node, vectors, part="vectors")
    (products,) = b.emit(node, MatMul(transpose_b=True), (x, table), part="products")
    if kernel == "LINEAR":
        return products
    if kernel == "RBF":
        squares = b.emit(node, Reduce(operation="square_sum", axes=(1,), keepdims=True), (x,), part="squares")
        lengths = b.const(node, np.square(vectors).sum(1), part="lengths")
        (far,) = b.emit(node, Binary(function="add"), (*squares, lengths), part="lengths_sum")
        twice = step("multiply", products, 2.0, "twice")
        (far,) = b.emit(node, Binary(function="subtract"), (far, twice), part="distances")
        return b.emit(
            node, Unary(function="exp"), (step("multiply", far, -gamma, "scaled"),), part="kernels"
        )[0]
    value = step("add", step("multiply", products, gamma, "scaled"), offset, "moved")
    if kernel == "POLY":
        return step("power", value, degree, "kernels")
    return b.emit(node, Unary(function="tanh"), (value,), part="kernels")[0]
