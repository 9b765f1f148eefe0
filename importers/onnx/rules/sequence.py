"""Sequences of tensors, and optional values."""

from __future__ import annotations

import numpy as np

from jaxdnn.errors import GraphError
from jaxdnn.importers.onnx.builder import OnnxBuilder
from jaxdnn.importers.onnx.registry import NodeSource, Values, rules
from jaxdnn.layers.base import Layer
from jaxdnn.layers.sequences import (
    SequenceAt,
    SequenceErase,
    SequenceInsert,
    SequenceJoin,
    SequenceLength,
    SequenceOf,
    SequenceSplit,
)

_LAYERS: dict[str, Layer] = {
    "SequenceConstruct": SequenceOf(),
    "SequenceEmpty": SequenceOf(),
    "SequenceInsert": SequenceInsert(),
    "SequenceErase": SequenceErase(),
    "SequenceAt": SequenceAt(),
    "SequenceLength": SequenceLength(),
}


@rules("SequenceConstruct", inputs=(1, None))
@rules("SequenceEmpty", inputs=0)
@rules("SequenceInsert", inputs=(2, 3))
@rules("SequenceErase", inputs=(1, 2))
@rules("SequenceAt", inputs=2)
@rules("SequenceLength", inputs=1)
def plain(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """Of an empty sequence the type of elements does not matter: it has none."""
    node.attributes.ignore("dtype")
    return b.emit(node, _LAYERS[node.op], tuple(filter(None, inputs)))


@rules("SplitToSequence", inputs=(1, 2))
def split_to_sequence(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """Without sizes each part has the size 1, and may lose the axis."""
    axis, keep = node.attributes.integer("axis", 0), node.attributes.flag("keepdims", True)
    return b.emit(node, SequenceSplit(axis=axis, keep_axis=keep), tuple(filter(None, inputs)))


@rules("ConcatFromSequence")
def concat_from_sequence(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """Join the elements, along a new axis too."""
    layer = SequenceJoin(
        axis=node.attributes.integer("axis"), new_axis=node.attributes.flag("new_axis", False)
    )
    return b.emit(node, layer, inputs)


@rules("Optional", inputs=(0, 1))
def optional(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """An optional value is the value itself, or one that is left out."""
    del b
    node.attributes.ignore("type")
    return inputs


@rules("OptionalHasElement", inputs=(0, 1))
def optional_has_element(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """Known while importing: an optional input of the graph counts as given."""
    return (b.const(node, np.array(bool(inputs[0]))),)


@rules("OptionalGetElement", inputs=(0, 1))
def optional_get_element(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """A value that is no optional one is passed on as well."""
    del b, node
    if not inputs[0]:
        raise GraphError("reads the element of an optional value that has none")
    return inputs
