"""Elements chosen by the data."""

from __future__ import annotations

from jaxdnn.errors import LayerError
from jaxdnn.importers.tensorflow.builder import TensorFlowBuilder
from jaxdnn.importers.tensorflow.registry import NodeSource, rules
from jaxdnn.layers.selection import NonZero, Partition, Unique

Values = tuple[str, ...]


@rules("Where")
def where(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """The places of what is true."""
    return b.emit(node, NonZero(), inputs)


@rules("Unique", outputs=("y", "idx"))
def unique(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Elements and places."""
    return b.emit(node, Unique(), inputs, outputs=3)[:2]


@rules("UniqueWithCounts", outputs=("y", "idx", "count"))
def unique_with_counts(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """How often, too."""
    return b.emit(node, Unique(), inputs, outputs=3)


@rules("UniqueV2", inputs=2, outputs=("y", "idx"))
@rules("UniqueWithCountsV2", inputs=2, outputs=("y", "idx", "count"))
def unique_along(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """The elements of a vector; the axis, the second input, can only be its own."""
    axis = b.constant(inputs[1])
    if axis is None or axis.size > 1 or axis.any():
        raise LayerError("only different elements of a vector are found, not different slices along an axis")
    values = b.emit(node, Unique(), inputs[:1], outputs=3)
    return values[:2] if node.op == "UniqueV2" else values


@rules("DynamicPartition", inputs=2)
def partition(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Deal out slices."""
    parts = node.attributes.integer("num_partitions")
    return b.emit(node, Partition(parts=parts), inputs, outputs=parts)
