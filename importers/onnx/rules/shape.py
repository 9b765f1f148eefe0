"""Shapes: as values, and arrays that are reshaped, joined, cut apart and repeated."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from jaxdnn.errors import LayerError
from jaxdnn.importers.onnx.builder import OnnxBuilder
from jaxdnn.importers.onnx.registry import NodeSource, Values, rules
from jaxdnn.layers.arithmetic import Binary
from jaxdnn.layers.base import dims
from jaxdnn.layers.elements import SliceAxes
from jaxdnn.layers.shape import Concat, Flatten, Permute, Reshape, Slice, Tile
from jaxdnn.layers.tensor import (
    BroadcastTo,
    ExpandDims,
    Range,
    ShapeOf,
    SplitSizes,
    Squeeze,
)

_MAX_RANK = 64
_MAX_FOLDED = 4096
"""How many elements joined constants may have to be one while importing: shapes are short."""


@rules("Identity")
def identity(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """Give the input another name."""
    del b, node
    return inputs


@rules("Shape")
def shape(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """The sizes of all axes, or from one to another."""
    start, end = (node.attributes.integer(name, 0) for name in ("start", "end"))
    if not start and not node.attributes.has("end"):
        return b.emit(node, ShapeOf(), inputs)
    sizes = b.emit(node, ShapeOf(), inputs, part="sizes")
    ends = end if node.attributes.has("end") else np.iinfo(np.int32).max
    bounds = [b.const(node, np.array([n], np.int32), part=f"bound{i}") for i, n in enumerate((start, ends))]
    return b.emit(node, SliceAxes(), (*sizes, *bounds))


@rules("Size")
def size(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """The number of elements."""
    return b.emit(node, ShapeOf(what="count"), inputs)


@rules("Reshape", inputs=(1, 2))
def reshape(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """The shape was an attribute before version 5."""
    x, sizes = inputs
    node.attributes.ignore("consumed_inputs")
    layer = Reshape(shape=(), zero_copies=not node.attributes.flag("allowzero", False))
    sizes = sizes or listed(b, node, "shape")
    known = b.constant(sizes)
    if known is not None and known.ndim > 1:
        raise LayerError(f"the shape must be a list, got {dims(known.shape)}")
    if known is not None and known.size > _MAX_RANK:
        raise LayerError(f"the shape has {known.size} values, more than {_MAX_RANK}")
    if known is not None and (not layer.zero_copies or known.all()):
        folded = _moved(b, node, x, lambda array: array.reshape(known.tolist()))
        if folded:
            return folded
    return b.late(node, layer, (x,), shape=sizes)


@rules("Flatten")
def flatten(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """Two axes: those before the given one become one, and the others another."""
    axis = node.attributes.integer("axis", 1)
    if axis == 0:
        return b.emit(node, Reshape(shape=(1, -1)), inputs)
    if axis < 0:
        # One more axis in front, so that there is one to merge if all others are behind the place.
        (value,) = b.emit(node, ExpandDims(axes=(0,)), inputs, part="expanded")
        (value,) = b.emit(node, Flatten(axis=axis), (value,), part="behind")
        return b.emit(node, Flatten(axis=0, end_axis=-2), (value,))
    (value,) = b.emit(node, Reshape(shape=(-1,), axis=axis), inputs, part="behind" if axis > 1 else "")
    return b.emit(node, Flatten(axis=0, end_axis=-2), (value,)) if axis > 1 else (value,)


@rules("Squeeze", inputs=(1, 2))
def squeeze(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """The axes were an attribute before version 13; without them all of size 1 go."""
    x, axes = inputs
    if axes:
        return b.late(node, Squeeze(), (x,), axes=axes)
    return b.emit(node, Squeeze(axes=node.attributes.integers("axes", ())), (x,))


@rules("Unsqueeze", inputs=(1, 2))
def unsqueeze(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """The axes were an attribute before version 13."""
    x, axes = inputs
    axes = axes or listed(b, node, "axes")
    known = b.constant(axes)
    if known is not None:
        places = tuple(known.reshape(-1).tolist())
        folded = _moved(b, node, x, lambda array: np.expand_dims(array, places))
        if folded:
            return folded
    return b.late(node, ExpandDims(axes=()), (x,), axes=axes)


@rules("Transpose")
def transpose(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """Without an order the axes are reversed, how many there may be."""
    order = node.attributes.integers("perm", ())
    if not node.attributes.has("perm"):
        return _moved(b, node, inputs[0], np.transpose) or _reversed(b, node, inputs)
    if order and -len(order) <= min(order) < 0:
        order = tuple(axis % len(order) for axis in order)
    layer = Permute(order=order)
    return _moved(b, node, inputs[0], lambda array: array.transpose(order)) or b.emit(node, layer, inputs)


def _reversed(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    rank = b.emit(node, ShapeOf(what="rank"), inputs, part="rank")
    minus = b.const(node, np.array(-1, np.int32), part="step")
    last = b.emit(node, Binary(function="add"), (*rank, minus), part="last")
    order = b.emit(node, Range(), (*last, minus, minus), part="order")
    return b.late(node, Permute(order=()), inputs, order=order[0])


@rules("Concat", inputs=(1, None))
def concat(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """Version 1 has an axis by default."""
    axis = node.attributes.integer("axis", 1 if node.version < 4 else None)
    arrays = [array for array in map(b.constant, inputs) if array is not None and array.dtype.kind == "i"]
    if len(arrays) == len(inputs) and sum(array.size for array in arrays) <= _MAX_FOLDED:
        try:
            return (b.const(node, np.concatenate(arrays, axis)),)
        except ValueError as error:
            raise LayerError(f"cannot be joined: {error}") from None
    return b.emit(node, Concat(axis=axis), inputs)


@rules("Split", inputs=(1, 2))
def split(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """Sizes were an attribute before version 13, but an input in version 1; without them parts are equal."""
    x, sizes = inputs
    axis = node.attributes.integer("axis", 0)
    parts = len(node.outputs)
    if node.attributes.has("num_outputs"):
        stated = node.attributes.integer("num_outputs")
        if stated != parts:
            raise LayerError(f"has {parts} outputs and num_outputs {stated}")
    if sizes:
        return b.late(node, SplitSizes(sizes=(), axis=axis), (x,), outputs=parts, sizes=sizes)
    if node.attributes.has("split"):
        layer = SplitSizes(sizes=node.attributes.integers("split"), axis=axis)
        return b.emit(node, layer, (x,), outputs=parts)
    equal = Slice(parts=parts, axis=axis, smaller_last=node.version >= 18)
    return b.emit(node, equal, (x,), outputs=parts)


@rules("Expand", inputs=2)
def expand(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """The shape and that of the input are broadcast against each other."""
    return b.late(node, BroadcastTo(shape=(), mutual=True), inputs[:1], shape=inputs[1])


@rules("Tile", inputs=(2, 3))
def tile(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """Version 1 repeats along a single axis."""
    x, repeats, axis = inputs
    if axis:
        return b.late(node, Tile(repeats=()), (x,), repeats=repeats, axis=axis)
    return b.late(node, Tile(repeats=()), (x,), repeats=repeats)


def listed(b: OnnxBuilder, node: NodeSource, name: str) -> str:
    """Return an attribute's whole numbers as a constant."""
    return b.const(node, np.array(node.attributes.integers(name), np.int64), part=name)


def _moved(
    b: OnnxBuilder, node: NodeSource, value: str, move: Callable[[np.ndarray], np.ndarray]
) -> Values | None:
    """Return a constant that moves the elements of another one, None if the value is none.

    So weights that a file reshapes are weights, and so are sizes sizes.
    """
    array = b.constant(value)
    if array is None:
        return None
    try:
        return (b.const(node, move(array), like=value),)
    except (TypeError, ValueError) as error:
        raise LayerError(f"{dims(array.shape)} cannot be moved: {error}") from None
