"""com.microsoft: products of quantised matrices, and of matrices whose weights lie in a few bits."""

from __future__ import annotations

import numpy as np

from jaxdnn.errors import LayerError
from jaxdnn.importers.onnx.builder import OnnxBuilder
from jaxdnn.importers.onnx.registry import NodeSource, Values, rules
from jaxdnn.importers.onnx.rules.attention import attention
from jaxdnn.importers.onnx.rules.dense import product
from jaxdnn.importers.onnx.rules.fused import biased
from jaxdnn.importers.onnx.rules.quantized import dequantized, integer_matmul, quantised, rescaled
from jaxdnn.importers.onnx.standard import MICROSOFT
from jaxdnn.layers.arithmetic import Binary
from jaxdnn.layers.base import dims
from jaxdnn.layers.linear_quantization import DynamicQuantize, LinearDequantize
from jaxdnn.layers.shape import Permute

_COLUMNS = LinearDequantize(axis=-1)
"""Of products: scales may belong to columns."""


@rules("MatMulIntegerToFloat", inputs=(4, 7), domain=MICROSOFT)
def matmul_to_float(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """The sums as what they stand for, and a bias."""
    x, weight, x_scale, weight_scale, x_zero, weight_zero, bias = inputs
    return _to_float(b, node, (x, x_zero, weight, weight_zero), (x_scale, weight_scale), bias)


@rules("DynamicQuantizeMatMul", inputs=(3, 5), domain=MICROSOFT)
def dynamic_matmul(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """The first factor is quantised by its own range."""
    x, weight, weight_scale, weight_zero, bias = inputs
    q, x_scale, x_zero = b.emit(node, DynamicQuantize(), (x,), outputs=3, part="quantised")
    return _to_float(b, node, (q, x_zero, weight, weight_zero), (x_scale, weight_scale), bias)


def _to_float(b: OnnxBuilder, node: NodeSource, factors: Values, scales: Values, bias: str) -> Values:
    sums = integer_matmul(b, node, factors, part="sums")
    scale = rescaled(b, node, scales)
    (y,) = b.emit(node, _COLUMNS, (*sums, scale), part="real" if bias else "")
    return (biased(b, node, y, bias, part=""),)


@rules("QGemm", inputs=(6, 9), domain=MICROSOFT)
def gemm(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """``alpha * A * B`` and a bias in the steps of the sums; the result is quantised if it has a scale."""
    x, x_scale, x_zero, weight, weight_scale, weight_zero, bias, y_scale, y_zero = inputs
    if node.attributes.flag("transA", False):
        (x,) = b.emit(node, Permute(order=(1, 0)), (x,), part="x")
    if node.attributes.flag("transB", False):
        weight = _transposed(b, node, weight)
    sums = integer_matmul(b, node, (x, x_zero, weight, weight_zero), part="sums")
    if bias:
        sums = b.emit(node, Binary(function="add"), (*sums, bias), part="biased")
    scale = rescaled(b, node, (x_scale, weight_scale))
    alpha = node.attributes.number("alpha", 1.0)
    if alpha != 1:
        scale = rescaled(
            b, node, (scale, b.const(node, np.array(alpha, np.float32), part="alpha")), part="factor"
        )
    (y,) = b.emit(node, _COLUMNS, (*sums, scale), part="real" if y_scale else "")
    return quantised(b, node, y, y_scale, y_zero) if y_scale else (y,)


def _transposed(b: OnnxBuilder, node: NodeSource, weight: str) -> str:
    array = b.constant(weight)
    if array is None:
        return b.emit(node, Permute(order=(1, 0)), (weight,), part="weight")[0]
    if array.ndim != 2:
        raise LayerError(f"the second matrix is {dims(array.shape)}")
    return b.const(node, np.ascontiguousarray(array.T), part="weight", like=weight)


@rules("QAttention", inputs=(5, 9), domain=MICROSOFT)
def quantised_attention(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """The attention of what the integers stand for."""
    x, weight, bias, x_scale, weight_scale, mask, x_zero, weight_zero, past = inputs
    x = dequantized(b, node, LinearDequantize(), (x, x_scale, x_zero), part="x")
    weight = dequantized(b, node, _COLUMNS, (weight, weight_scale, weight_zero), part="weight")
    return attention(b, node, (x, weight, bias, mask, past, "", ""))


@rules("MatMulNBits", inputs=(3, 6), domain=MICROSOFT)
def matmul_of_bits(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """The weight lies in blocks of a few bits, each with a scale; it is read while importing."""
    x, *packed, order, bias = inputs
    node.attributes.ignore("accuracy_level", "weight_prepacked")
    arrays = [b.constant(value) if value else None for value in (*packed, order)]
    for name, value, array in zip(
        ("B", "scales", "zero_points", "g_idx"), (*packed, order), arrays, strict=True
    ):
        if value and array is None:
            raise LayerError(f"{name} must be a constant of the file")
    weight = _unpacked(node, *arrays)
    value = b.const(node, weight, part="weight", like=packed[0])
    return product(b, node, (x, value), bias, transpose_b=True)


def _unpacked(
    node: NodeSource,
    packed: np.ndarray | None,
    scales: np.ndarray | None,
    zeros: np.ndarray | None,
    order: np.ndarray | None,
) -> np.ndarray:
    """Return the weight, (units, inputs), float32."""
    assert packed is not None
    assert scales is not None
    units, size = node.attributes.integer("N"), node.attributes.integer("K")
    bits, block = node.attributes.integer("bits", 4), node.attributes.integer("block_size")
    if bits not in (2, 4, 8) or block < 1 or units < 1 or size < 1:
        raise LayerError(f"has {bits} bits in blocks of {block} for {units} units of {size} inputs")
    blocks = -(-size // block)
    if packed.dtype != np.uint8 or packed.size * 8 != units * blocks * block * bits:
        raise LayerError(f"B is {packed.dtype} {dims(packed.shape)} for {units} units of {size} inputs")
    if scales.size != units * blocks:
        raise LayerError(f"scales are {dims(scales.shape)} for {units} units of {blocks} blocks")
    integers = _numbers(packed.reshape(units, -1), bits).reshape(units, blocks, block)
    shift = np.full((units, blocks), 2 ** (bits - 1), np.float32)
    if zeros is not None:
        row = zeros.reshape(units, -1)
        shift = _numbers(row, bits)[:, :blocks] if zeros.dtype == np.uint8 else row
        if shift.shape != (units, blocks):
            raise LayerError(f"zero_points are {dims(zeros.shape)} for {units} units of {blocks} blocks")
    factor = scales.reshape(units, blocks).astype(np.float32)
    if order is None:
        weight = (integers.astype(np.float32) - shift[..., None].astype(np.float32)) * factor[..., None]
        return weight.reshape(units, -1)[:, :size]
    places = order[:size].astype(np.int64)
    if places.shape != (size,) or places.min() < 0 or places.max() >= blocks:
        raise LayerError(f"g_idx has {order.size} blocks for {size} inputs, numbers below {blocks} expected")
    flat = integers.reshape(units, -1)[:, :size].astype(np.float32)
    return (flat - shift.astype(np.float32)[:, places]) * factor[:, places]


def _numbers(rows: np.ndarray, bits: int) -> np.ndarray:
    """Return the numbers that lie in the bytes of rows, the lowest bits first."""
    steps = np.arange(0, 8, bits, dtype=np.uint8)
    numbers = (rows[..., None] >> steps) & np.uint8(2**bits - 1)
    return numbers.reshape(*rows.shape[:-1], -1)
