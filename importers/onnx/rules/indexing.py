"""Slices, gathers and scatters, one-hot vectors, the largest elements."""

from __future__ import annotations

import numpy as np

from jaxdnn.errors import LayerError
from jaxdnn.importers.onnx.builder import OnnxBuilder
from jaxdnn.importers.onnx.registry import NodeSource, Values, rules
from jaxdnn.importers.onnx.rules.shape import listed
from jaxdnn.layers.arithmetic import Cast, Select
from jaxdnn.layers.dense import Embed
from jaxdnn.layers.elements import GatherElements, ReplaceWindow, ScatterElements, SliceAxes
from jaxdnn.layers.indexing import GatherNd, OneHot, ScatterUpdate, TopK
from jaxdnn.layers.shape import Gather, Slice
from jaxdnn.layers.tensor import ReverseSequence

_REDUCTIONS = {"none": "set", "add": "add", "mul": "multiply", "max": "max", "min": "min"}


@rules("Slice", inputs=(1, 5))
def slice_(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """All but the array were attributes before version 10, which had no steps."""
    x, starts, ends, axes, steps = inputs
    if not starts:
        starts, ends = listed(b, node, "starts"), listed(b, node, "ends")
        axes = listed(b, node, "axes") if node.attributes.has("axes") else ""
    bounds = tuple(_clipped(b, node, name, value) for name, value in (("start", starts), ("end", ends)))
    read = (x, *bounds, *([_clipped(b, node, "step", steps)] if steps else []))
    return b.late(node, SliceAxes(), read, axes=axes) if axes else b.emit(node, SliceAxes(), read)


def _clipped(b: OnnxBuilder, node: NodeSource, name: str, value: str) -> str:
    """Bounds beyond 32 bits mean the ends of an axis."""
    array = b.constant(value)
    limits = np.iinfo(np.int32)
    if array is None or array.dtype.itemsize < 8:
        return value
    return b.const(node, np.clip(array, -limits.max, limits.max).astype(np.int32), part=name)


@rules("Gather", inputs=2)
def gather(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """Take slices along an axis; rows of a constant table are an embedding."""
    table, indices = inputs
    axis = node.attributes.integer("axis", 0)
    array = b.constant(table)
    embeds = array is not None and array.ndim == 2 and 0 not in array.shape and b.constant(indices) is None
    reference = b.learned(table, "weight") if embeds and axis in (0, -2) else None
    if array is None or reference is None:
        return b.emit(node, Gather(axis=axis), inputs)
    layer = Embed(rows=array.shape[0], units=array.shape[1], bias=False)
    return b.emit(node, layer, (indices,), {"weight": reference})


@rules("GatherElements", inputs=2)
def gather_elements(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """Each place picks an element."""
    return b.emit(node, GatherElements(axis=node.attributes.integer("axis", 0)), inputs)


@rules("GatherND", inputs=2)
@rules("GatherND", inputs=2, domain="com.microsoft")
def gather_nd(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """Take elements, or slices, at places."""
    return b.emit(node, GatherNd(batch_axes=node.attributes.integer("batch_dims", 0)), inputs)


@rules("Scatter", "ScatterElements", inputs=3)
def scatter_elements(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """Each value has a place."""
    layer = ScatterElements(axis=node.attributes.integer("axis", 0), operation=_operation(node))
    return b.emit(node, layer, inputs)


@rules("ScatterND", inputs=3)
def scatter_nd(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """Change elements, or slices, at places."""
    return b.emit(node, ScatterUpdate(operation=_operation(node)), inputs)


def _operation(node: NodeSource) -> str:
    return _REDUCTIONS[node.attributes.one_of("reduction", tuple(_REDUCTIONS), "none")]


@rules("TensorScatter", inputs=(2, 3))
def tensor_scatter(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """Write into a cache."""
    wraps = node.attributes.one_of("mode", ("linear", "circular"), "linear") == "circular"
    layer = ReplaceWindow(axis=node.attributes.integer("axis", -2), wraps=wraps)
    return b.emit(node, layer, tuple(filter(None, inputs)))


@rules("OneHot", inputs=3)
def one_hot(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """The values are that elsewhere, then that at the place; the depth may be a floating number."""
    indices, depth, values = inputs
    (whole,) = b.emit(node, Cast(dtype="int32"), (depth,), part="depth")
    off, on = b.emit(node, Slice(parts=2, axis=0), (values,), outputs=2, part="values")
    layer = OneHot(depth=1, axis=node.attributes.integer("axis", -1), from_end=True)
    return b.late(node, layer, (indices, on, off), depth=whole)


@rules("Where", inputs=3)
def where(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """Choose between two arrays."""
    return b.emit(node, Select(), inputs)


@rules("TopK", inputs=(1, 2))
def top_k(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """The number was an attribute before version 10; the order is that of sorted results in any case."""
    x, count = inputs
    node.attributes.ignore("sorted")
    smallest = not node.attributes.flag("largest", True)
    layer = TopK(count=1, axis=node.attributes.integer("axis", -1), smallest=smallest)
    if not count:
        stated = node.attributes.integer("k")
        if stated < 1:
            raise LayerError(f"k must be at least 1, got {stated}")
        count = b.const(node, np.array(stated, np.int64), part="k")
    return b.late(node, layer, (x,), outputs=2, count=count)


@rules("ReverseSequence", inputs=2)
def reverse_sequence(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """Reverse beginnings."""
    axis, batch = node.attributes.integer("time_axis", 0), node.attributes.integer("batch_axis", 1)
    return b.emit(node, ReverseSequence(axis=axis, batch_axis=batch), inputs)
