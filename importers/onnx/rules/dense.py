"""Matrix products, sums of products, determinants."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np

from jaxdnn.errors import LayerError
from jaxdnn.importers.onnx.builder import OnnxBuilder
from jaxdnn.importers.onnx.registry import NodeSource, Values, rules
from jaxdnn.layers.arithmetic import Binary, Einsum
from jaxdnn.layers.constant import Parameter
from jaxdnn.layers.dense import Dense, MatMul
from jaxdnn.layers.linear_algebra import Determinant


@rules("MatMul", inputs=2)
def matmul(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """A dense layer where the right matrix is a constant."""
    return product(b, node, inputs)


def product(
    b: OnnxBuilder,
    node: NodeSource,
    inputs: Values,
    bias: str = "",
    *,
    transpose_a: bool = False,
    transpose_b: bool = False,
    part: str = "",
) -> Values:
    """Add a matrix product, whose factors are params where they are constants.

    Args:
        b, node, part: see :meth:`OnnxBuilder.emit`.
        inputs: the two factors.
        bias: added to the rows of the product; one that is a constant vector is part of the dense layer.
        transpose_a, transpose_b: whether the last two axes of a factor are swapped first.
    """
    x, weight = inputs
    array, vector = b.constant(weight), b.constant(bias) if bias else None
    dense = array is not None and array.ndim == 2 and array.size and not transpose_a
    units = array.shape[0 if transpose_b else 1] if array is not None and dense else 0
    reference = b.learned(weight, "weight") if dense else None
    joined = reference is not None and vector is not None and vector.shape in ((units,), (1, units))
    shift = b.learned(bias, "bias", np.ravel) if joined else None
    inner = part if not bias or shift is not None else f"{part}product"
    if reference is not None:
        layer = Dense(units=units, bias=shift is not None, axis=-1, transpose=not transpose_b)
        y = b.emit(node, layer, (x,), {"weight": reference} | ({"bias": shift} if shift else {}), part=inner)
    else:
        matrices = MatMul(transpose_a=transpose_a, transpose_b=transpose_b, vectors=True)
        factors = (learned(b, node, x, "weight"), learned(b, node, weight, "weight"))
        y = b.emit(node, matrices, factors, part=inner)
    if not bias or shift is not None:
        return y
    return b.emit(node, Binary(function="add"), (*y, learned(b, node, bias, "bias")), part=part)


def learned(b: OnnxBuilder, node: NodeSource, value: str, slot: str) -> str:
    """Return a value that holds a parameter in the place of a floating constant, any other value as it is."""
    array = b.constant(value)
    reference = b.learned(value, slot) if array is not None and array.size else None
    if array is None or reference is None:
        return value
    return b.emit(node, Parameter(shape=array.shape), (), {"value": reference}, part=value)[0]


@rules("Gemm", inputs=(2, 3))
def gemm(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """``alpha * A * B + beta * C``; a plain one with a constant B is a dense layer."""
    node.attributes.ignore("broadcast")
    x, weight, bias = inputs
    alpha, beta = (node.attributes.number(name, 1.0) for name in ("alpha", "beta"))
    trans_a, trans_b = (node.attributes.flag(name, False) for name in ("transA", "transB"))
    if beta == 0:
        bias = ""
    if alpha == 1 and (beta == 1 or not bias):
        return product(b, node, (x, weight), bias, transpose_a=trans_a, transpose_b=trans_b)
    (y,) = product(b, node, (x, weight), transpose_a=trans_a, transpose_b=trans_b, part="product")
    (y,) = scaled(b, node, y, alpha, "alpha", last=not bias)
    if not bias:
        return (y,)
    (bias,) = scaled(b, node, learned(b, node, bias, "bias"), beta, "beta")
    return b.emit(node, Binary(function="add"), (y, bias))


def scaled(
    b: OnnxBuilder, node: NodeSource, value: str, factor: float, name: str, *, last: bool = False
) -> Values:
    """Multiply by a number that an attribute states."""
    if factor == 1 and not last:
        return (value,)
    number = b.const(node, np.array(factor, np.float32), part=name)
    return b.emit(node, Binary(function="multiply"), (value, number), part="" if last else f"{name}_times")


@rules("Einsum", inputs=(1, None))
def einsum(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """Without an arrow the output has the indices that occur once, in the alphabet's order."""
    equation = re.sub(r"\s", "", node.attributes.text("equation"))
    terms, arrow, output = equation.partition("->")
    if len(terms.split(",")) != len(inputs):
        raise LayerError(f"equation {equation!r} has {len(terms.split(','))} terms for {len(inputs)} inputs")
    if not re.fullmatch(r"([A-Za-z]*(\.\.\.)?[A-Za-z]*(,|$))*", f"{terms}") or not re.fullmatch(
        r"[A-Za-z]*(\.\.\.)?[A-Za-z]*", output
    ):
        raise LayerError(f"equation {equation!r} makes no sense")
    if not arrow:
        counts = Counter(letter for letter in terms if letter.isalpha())
        output = "..." * ("..." in terms) + "".join(sorted(letter for letter, n in counts.items() if n == 1))
    return b.emit(node, Einsum(equation=f"{terms}->{output}"), inputs)


@rules("Det")
def determinant(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """Of each matrix."""
    return b.emit(node, Determinant(), inputs)
