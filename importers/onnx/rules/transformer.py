"""com.microsoft: the blocks of transformers."""

from __future__ import annotations

import numpy as np

from jaxdnn.errors import LayerError
from jaxdnn.importers.onnx.builder import OnnxBuilder
from jaxdnn.importers.onnx.registry import NodeSource, Values, rules
from jaxdnn.importers.onnx.rules.normalization import affine, layer_normalization, rms_normalization
from jaxdnn.importers.onnx.standard import MICROSOFT, standard
from jaxdnn.layers.activation import Swish
from jaxdnn.layers.arithmetic import Binary, Cast
from jaxdnn.layers.elements import SliceAxes
from jaxdnn.layers.reduction import Reduce
from jaxdnn.layers.shape import Permute
from jaxdnn.layers.tensor import FillLike, ShapeOf

# ONNX Runtime writes them into the standard's domain, where their names are not taken.
rules("SimplifiedLayerNormalization", inputs=2)(rms_normalization)
rules("LayerNormalization", inputs=(2, 3), domain=MICROSOFT)(layer_normalization)
rules("SimplifiedLayerNormalization", inputs=2, domain=MICROSOFT)(rms_normalization)

_FIRST, _LAST = (0, 3, 1, 2), (0, 2, 3, 1)


@rules("SkipLayerNormalization", inputs=(3, 5), domain=MICROSOFT)
def skip_layer_normalization(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """A sum, normalised; the sum is the fourth output."""
    x, skip, scale, shift, bias = inputs
    total = _sum(b, node, x, skip, bias)
    return _normalized(b, node, total, "LayerNormalization", (scale, shift))


@rules("SkipSimplifiedLayerNormalization", inputs=(3, 4), domain=MICROSOFT)
def skip_rms_normalization(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """The same without a mean."""
    x, skip, scale, bias = inputs
    return _normalized(b, node, _sum(b, node, x, skip, bias), "RMSNormalization", (scale,))


def _sum(b: OnnxBuilder, node: NodeSource, x: str, skip: str, bias: str) -> str:
    (total,) = b.emit(node, Binary(function="add"), (x, skip), part="sum")
    return affine(b, node, total, "", bias, None, "biased") if bias else total


def _normalized(b: OnnxBuilder, node: NodeSource, total: str, op: str, params: Values) -> Values:
    if any(node.outputs[1:3]):
        raise LayerError("yields the mean or the spread, which only training needs")
    epsilon = node.attributes.number("epsilon", 1e-12 if op == "LayerNormalization" else 1e-5)
    y = standard(b, node._replace(outputs=node.outputs[:1]), op, (total, *params), {"epsilon": epsilon})
    return (*y, "", "", total)


@rules("EmbedLayerNormalization", inputs=(1, 9), domain=MICROSOFT)
def embed_layer_normalization(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """Words, places and segments, looked up, summed and normalised."""
    words, segments, word_table, place_table, segment_table, scale, shift, mask, places = inputs
    node.attributes.ignore("mask_index_type")
    epsilon = node.attributes.number("epsilon", 1e-12)
    (total,) = standard(b, node, "Gather", (word_table, words), {}, part="words")
    rows = places and standard(b, node, "Gather", (place_table, places), {}, part="places")[0]
    if not places:
        sizes = b.emit(node, ShapeOf(), (words,), part="sizes")
        zero, one, two = (b.const(node, np.array([n], np.int32), part=f"number{n}") for n in range(3))
        count = b.emit(node, SliceAxes(), (*sizes, one, two), part="count")
        (rows,) = b.emit(node, SliceAxes(), (place_table, zero, *count), part="places")
    (total,) = b.emit(node, Binary(function="add"), (total, rows), part="placed")
    if segment_table:
        rows = standard(b, node, "Gather", (segment_table, segments), {}, part="segments")[0]
        (total,) = b.emit(node, Binary(function="add"), (total, rows), part="sum")
    step = node._replace(outputs=node.outputs[:1])
    y = standard(b, step, "LayerNormalization", (total, scale, shift), {"epsilon": epsilon})
    return (*y, *_lengths(b, node, words, mask), total)


def _lengths(b: OnnxBuilder, node: NodeSource, words: str, mask: str) -> Values:
    """Return how many words each row has; zeros without a mask."""
    if not any(node.outputs[1:2]):
        return ("",)
    ones = (mask,) if mask else b.emit(node, FillLike(value=0.0), (words,), part="unmasked")
    ones = b.emit(node, Cast(dtype="int32"), ones, part="marks")
    return b.emit(node, Reduce(axes=(1,)), ones, part="lengths")


@rules("GroupNorm", inputs=3, domain=MICROSOFT)
def group_norm(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """Groups of channels, normalised; channels may come last, and a SiLU may follow."""
    x, scale, shift = inputs
    attributes = node.attributes
    last, activates = attributes.flag("channels_last", True), attributes.flag("activation", False)
    stated = {"epsilon": attributes.number("epsilon", 1e-5), "num_groups": attributes.integer("groups")}
    if last:
        (x,) = b.emit(node, Permute(order=_FIRST), (x,), part="channels_first")
    part = "normalized" if last or activates else ""
    y = standard(b, node, "GroupNormalization", (x, scale, shift), stated, part=part)
    if activates:
        y = b.emit(node, Swish(), y, part="activated" if last else "")
    return b.emit(node, Permute(order=_LAST), y) if last else y
