"""Slices, gathers and scatters."""

from __future__ import annotations

from jaxdnn.importers.tensorflow.builder import TensorFlowBuilder
from jaxdnn.importers.tensorflow.registry import NodeSource, rules
from jaxdnn.layers.dense import Embed
from jaxdnn.layers.indexing import (
    GatherNd,
    OneHot,
    ScatterNd,
    ScatterUpdate,
    Stitch,
    StridedSlice,
    Window,
)
from jaxdnn.layers.shape import Gather
from jaxdnn.layers.tensor import ExpandDims

Values = tuple[str, ...]


@rules("StridedSlice", inputs=4)
def strided_slice(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Read the masks."""
    masks = ("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask")
    return b.emit(node, StridedSlice(**{mask: node.attributes.integer(mask, 0) for mask in masks}), inputs)


@rules("Slice", inputs=3)
def slice_(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Cut a window."""
    return b.emit(node, Window(), inputs)


@rules("Gather", "ResourceGather", inputs=2)
def gather(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Take rows."""
    return _rows(b, node, inputs)


@rules("GatherV2", inputs=3)
def gather_v2(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Take slices along an axis; rows of a constant table are an embedding."""
    batch = node.attributes.integer("batch_dims", 0)
    axis = b.constant(inputs[2])
    if batch == 0 and axis is not None and not axis.any():
        return _rows(b, node, inputs[:2])
    return b.late(node, Gather(batch_axes=batch), inputs[:2], axis=inputs[2])


def _rows(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    table, indices = inputs
    array = b.constant(table)
    embeds = array is not None and array.ndim == 2 and 0 not in array.shape and b.constant(indices) is None
    reference = b.learned(table, "weight") if embeds else None
    if array is None or reference is None:
        return b.emit(node, Gather(axis=0), inputs)
    layer = Embed(rows=array.shape[0], units=array.shape[1], bias=False)
    return b.emit(node, layer, (indices,), {"weight": reference})


@rules("GatherNd", inputs=2)
def gather_nd(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Take elements at places."""
    node.attributes.ignore("bad_indices_policy")
    return b.emit(node, GatherNd(batch_axes=node.attributes.integer("batch_dims", 0)), inputs)


@rules("ScatterNd", inputs=3)
def scatter_nd(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Put values at places."""
    node.attributes.ignore("bad_indices_policy")
    return b.late(node, ScatterNd(shape=()), inputs[:2], shape=inputs[2])


_UPDATES = {
    "TensorScatterUpdate": "set",
    "TensorScatterAdd": "add",
    "TensorScatterSub": "subtract",
    "TensorScatterMax": "max",
    "TensorScatterMin": "min",
}


@rules(*_UPDATES, inputs=3)
def scatter_update(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Change elements at places."""
    node.attributes.ignore("bad_indices_policy")
    return b.emit(node, ScatterUpdate(operation=_UPDATES[node.op]), inputs)


_ROW_UPDATES = {"InplaceUpdate": "set", "InplaceAdd": "add", "InplaceSub": "subtract"}


@rules(*_ROW_UPDATES, inputs=3)
def update_rows(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Change rows; the input stays what it was to others."""
    x, rows, values = inputs
    places = b.emit(node, ExpandDims(axes=(-1,)), (rows,), part="places")
    return b.emit(node, ScatterUpdate(operation=_ROW_UPDATES[node.op]), (x, *places, values))


@rules("OneHot", inputs=4)
def one_hot(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Mark places."""
    indices, depth, on, off = inputs
    layer = OneHot(depth=1, axis=node.attributes.integer("axis", -1))
    return b.late(node, layer, (indices, on, off), depth=depth)


@rules("DynamicStitch", "ParallelDynamicStitch", inputs=(2, None))
def stitch(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Deal out rows."""
    return b.emit(node, Stitch(), inputs)
