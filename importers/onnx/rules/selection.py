"""Elements chosen by the data: their number is known only when the net runs."""

from __future__ import annotations

from jaxdnn.importers.onnx.builder import OnnxBuilder
from jaxdnn.importers.onnx.registry import NodeSource, Values, rules
from jaxdnn.layers.selection import NonZero, UniqueSlices
from jaxdnn.layers.shape import Gather, Permute, Reshape


@rules("NonZero")
def non_zero(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """The places are columns."""
    places = b.emit(node, NonZero(), inputs, part="places")
    return b.emit(node, Permute(order=(1, 0)), places)


@rules("Compress", inputs=2)
def compress(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """Take what a vector of marks, which may be too short, selects; without an axis the array is a vector."""
    x, marks = inputs
    axis = node.attributes.integer("axis", 0)
    if not node.attributes.has("axis"):
        (x,) = b.emit(node, Reshape(shape=(-1,)), (x,), part="vector")
    places = b.emit(node, NonZero(), (marks,), part="places")
    places = b.emit(node, Reshape(shape=(-1,)), places, part="rows")
    return b.emit(node, Gather(axis=axis), (x, *places))


@rules("Unique")
def unique(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """Different elements, or different slices along an axis."""
    axis = node.attributes.integer("axis") if node.attributes.has("axis") else None
    layer = UniqueSlices(axis=axis, ordered=node.attributes.flag("sorted", True))
    return b.emit(node, layer, inputs, outputs=4)
