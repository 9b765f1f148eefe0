"""com.microsoft: attention of several heads, as encoders have it."""

from __future__ import annotations

import numpy as np

from jaxdnn.errors import LayerError
from jaxdnn.importers.onnx.builder import OnnxBuilder
from jaxdnn.importers.onnx.registry import NodeSource, Values, rules
from jaxdnn.importers.onnx.rules.dense import product
from jaxdnn.importers.onnx.standard import MICROSOFT, floating, rank_of
from jaxdnn.layers.activation import Softmax
from jaxdnn.layers.arithmetic import Binary, Cast, Select, Unary
from jaxdnn.layers.dense import MatMul
from jaxdnn.layers.diagonal import Triangle
from jaxdnn.layers.shape import Gather, Permute, Reshape, Slice
from jaxdnn.layers.tensor import ExpandDims, FillLike, ShapeOf, SplitSizes, Stack, Unstack

_SWAP = (0, 2, 1, 3)
_FILTER = -10000.0
"""What is added to the scores of places that a mask leaves out."""


@rules("Attention", inputs=(2, 7), domain=MICROSOFT)
def attention(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """Queries, keys and values are one product of the input."""
    x, weight, bias, mask, past, added, length = inputs
    if past or length:
        raise LayerError("takes states of earlier calls, which only decoders have")
    if node.attributes.flag("do_rotary", False):
        raise LayerError("rotates its queries and keys (do_rotary), which is not known")
    node.attributes.ignore("past_present_share_buffer", "rotary_embedding_dim")
    (joined,) = product(b, node, (x, weight), bias, part="projected")
    sizes = node.attributes.integers("qkv_hidden_sizes", ())
    layer = SplitSizes(sizes=sizes, axis=-1) if sizes else Slice(parts=3, axis=-1)
    parts = b.emit(node, layer, (joined,), outputs=3, part="parts")
    count = node.attributes.integer("num_heads")
    named = zip(("query", "key", "value"), parts, strict=True)
    heads = tuple(_heads(b, node, value, count, name) for name, value in named)
    y = _attended(b, node, heads, mask, added, node.attributes.flag("unidirectional", False))
    if not any(node.outputs[1:2]):
        return (y,)
    return y, *b.emit(node, Stack(axis=0), heads[1:], part="present")


@rules("MultiHeadAttention", inputs=(1, 10), domain=MICROSOFT)
def multi_head_attention(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """Queries, keys and values may be inputs of their own, or joined."""
    query, key, value, bias, mask, added, *past = inputs
    if any(past):
        raise LayerError("takes states of earlier calls, which only decoders have")
    count = node.attributes.integer("num_heads")
    parts = tuple(filter(None, (query, key, value)))
    if len(parts) < 3:
        # The queries, keys and values of each head lie side by side.
        if bias:
            raise LayerError("has a bias beside joined keys and values, which is not known")
        joined = 4 - len(parts)
        unstacked = b.emit(node, Unstack(parts=joined, axis=3), parts[-1:], outputs=joined, part="parts")
        parts = (*parts[:-1], *unstacked)
    shifts = b.emit(node, Slice(parts=3, axis=0), (bias,), outputs=3, part="biases") if bias else ("",) * 3
    heads = []
    for name, part, shift in zip(("query", "key", "value"), parts, shifts, strict=True):
        if name != "query" and key and value and rank_of(b, part) == 4:
            heads.append(part)  # Those of an encoder have their heads in front already, and their bias.
            continue
        if shift:
            (part,) = b.emit(node, Binary(function="add"), (part, shift), part=f"{name}_biased")
        heads.append(_heads(b, node, part, count, name))
    y = _attended(b, node, tuple(heads), mask, added, node.attributes.flag("unidirectional", False))
    return y, heads[1], heads[2]


def _heads(b: OnnxBuilder, node: NodeSource, value: str, count: int, name: str) -> str:
    """Return (batch, heads, places, features of a head)."""
    (value,) = b.emit(node, Reshape(shape=(0, 0, count, -1)), (value,), part=f"{name}_split")
    return b.emit(node, Permute(order=_SWAP), (value,), part=f"{name}_heads")[0]


def _attended(b: OnnxBuilder, node: NodeSource, heads: Values, mask: str, added: str, causal: bool) -> str:
    query, key, value = heads
    (scores,) = b.emit(node, MatMul(transpose_b=True), (query, key), part="products")
    scale = _scale(b, node, query)
    (scores,) = b.emit(node, Binary(function="multiply"), (scores, scale), part="scaled")
    lowest = node.attributes.number("mask_filter_value", _FILTER)
    if added:
        (scores,) = b.emit(node, Binary(function="add"), (scores, added), part="added")
    if mask:
        hidden = _mask(b, node, mask, lowest)
        (scores,) = b.emit(node, Binary(function="add"), (scores, hidden), part="masked")
    if causal:
        ones = b.emit(node, FillLike(value=1.0), (scores,), part="ones")
        past = b.emit(node, Triangle(upper=False), ones, part="past")
        seen = b.emit(node, Cast(dtype="bool"), past, part="seen")
        never = floating(b, node, float(np.finfo(np.float32).min), part="never")
        (scores,) = b.emit(node, Select(), (*seen, scores, never), part="causal")
    (shares,) = b.emit(node, Softmax(axis=-1), (scores,), part="shares")
    (mixed,) = b.emit(node, MatMul(), (shares, value), part="mixed")
    (mixed,) = b.emit(node, Permute(order=_SWAP), (mixed,), part="places")
    return b.emit(node, Reshape(shape=(0, 0, -1)), (mixed,))[0]


def _scale(b: OnnxBuilder, node: NodeSource, query: str) -> str:
    """Return what scores are multiplied by: one over the root of a head's features if it is not stated."""
    stated = node.attributes.number("scale", 0.0)
    if stated:
        return floating(b, node, stated, part="scale")
    last = b.const(node, np.array(-1, np.int32), part="last")
    sizes = b.emit(node, ShapeOf(), (query,), part="sizes")
    size = b.emit(node, Gather(axis=0), (*sizes, last), part="size")
    number = b.emit(node, Cast(dtype="float32"), size, part="features")
    return b.emit(node, Unary(function="rsqrt"), number, part="scale")[0]


def _mask(b: OnnxBuilder, node: NodeSource, mask: str, lowest: float) -> str:
    """Return what is added to scores: nothing where a mask (batch, keys) or (batch, queries, keys) is not zero."""
    rank = rank_of(b, mask)
    if rank not in (2, 3):
        stated = "an unknown number of" if rank is None else str(rank)
        raise LayerError(f"its mask {mask!r} has {stated} axes, 2 or 3 are known")
    (marks,) = b.emit(node, Cast(dtype="bool"), (mask,), part="mask_marks")
    (marks,) = b.emit(node, ExpandDims(axes=(1, 2)[: 4 - rank]), (marks,), part="mask_axes")
    zero, number = (floating(b, node, n, part=f"mask{i}") for i, n in enumerate((0, lowest)))
    return b.emit(node, Select(), (marks, zero, number), part="mask")[0]
