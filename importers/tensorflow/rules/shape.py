"""Shapes: reshaping, joining, cutting, padding, and shapes as values."""

from __future__ import annotations

import numpy as np

from jaxdnn.errors import LayerError
from jaxdnn.importers.tensorflow.builder import TensorFlowBuilder
from jaxdnn.importers.tensorflow.graphdef import MAX_RANK
from jaxdnn.importers.tensorflow.registry import NodeSource, rules
from jaxdnn.importers.tensorflow.rules.convolution import channels_last
from jaxdnn.layers.arithmetic import Binary, Cast
from jaxdnn.layers.base import dims
from jaxdnn.layers.shape import (
    Concat,
    DepthToSpace,
    Gather,
    Pad,
    Reshape,
    Slice,
    SpaceToDepth,
    Tile,
)
from jaxdnn.layers.tensor import (
    BatchToSpace,
    BroadcastTo,
    ExpandDims,
    Fill,
    FillLike,
    LinSpace,
    Range,
    ShapeOf,
    SpaceToBatch,
    SplitSizes,
    Squeeze,
    Stack,
    Unstack,
)

Values = tuple[str, ...]


@rules("Shape", "Size", "Rank")
def shape(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """What is known of the input."""
    what = {"Shape": "sizes", "Size": "count", "Rank": "rank"}[node.op]
    return b.emit(node, ShapeOf(what=what), inputs)


@rules("ShapeN", inputs=(1, None))
def shape_n(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """One shape per input."""
    if len(inputs) == 1:
        return b.emit(node, ShapeOf(), inputs)
    parts = [b.emit(node, ShapeOf(), (x,), part=f"{i}")[0] for i, x in enumerate(inputs)]
    return tuple(parts)


@rules("Reshape", inputs=2)
def reshape(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """A constant stays one, so that reshaped weights are weights."""
    array, sizes = (b.constant(value) for value in inputs)
    if sizes is not None and sizes.size > MAX_RANK:
        raise LayerError(f"the shape has {sizes.size} values, more than {MAX_RANK}")
    if array is not None and sizes is not None and array.dtype.kind == "f":
        try:
            return (b.const(node, array.reshape(sizes.tolist()), like=inputs[0]),)
        except (TypeError, ValueError):
            raise LayerError(f"{dims(array.shape)} cannot become {sizes.tolist()}") from None
    # TensorFlow itself has no use for a zero beside a -1; in a text graph it copies.
    copies = sizes is not None and {0, -1}.issubset(sizes.ravel().tolist())
    return b.late(node, Reshape(shape=(), zero_copies=copies), inputs[:1], shape=inputs[1])


@rules("ExpandDims", inputs=2)
def expand_dims(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """A constant stays one."""
    array, axis = (b.constant(value) for value in inputs)
    if array is not None and array.dtype.kind == "f" and axis is not None and axis.size == 1:
        place = int(axis.reshape(()))
        if -array.ndim - 1 <= place <= array.ndim:
            place %= array.ndim + 1
            sizes = (*array.shape[:place], 1, *array.shape[place:])
            return (b.const(node, array.reshape(sizes), like=inputs[0]),)
    return b.late(node, ExpandDims(axes=()), inputs[:1], axes=inputs[1])


@rules("Squeeze")
def squeeze(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Without axes all of size 1 go."""
    name = "axis" if node.attributes.has("axis") else "squeeze_dims"
    return b.emit(node, Squeeze(axes=node.attributes.integers(name, ())), inputs)


@rules("ConcatV2", inputs=(2, None))
def concat_v2(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """The axis comes last; text graphs may state it as an attribute."""
    return b.late(node, Concat(axis=0), inputs[:-1], axis=inputs[-1])


@rules("Concat", inputs=(2, None))
def concat(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """The axis comes first."""
    return b.late(node, Concat(axis=0), inputs[1:], axis=inputs[0])


@rules("ParallelConcat", inputs=(1, None))
def parallel_concat(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """The first axis is the one."""
    node.attributes.ignore("shape")
    return b.emit(node, Concat(axis=0), inputs)


@rules("Pack", inputs=(1, None))
def pack(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Join along a new axis."""
    return b.emit(node, Stack(axis=node.attributes.integer("axis", 0)), inputs)


@rules("Unpack")
def unpack(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Take apart along an axis."""
    parts = node.attributes.integer("num")
    layer = Unstack(parts=parts, axis=node.attributes.integer("axis", 0))
    return b.emit(node, layer, inputs, outputs=parts)


@rules("Split", inputs=2)
def split(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Equal parts; the axis comes first."""
    parts = node.attributes.integer("num_split")
    return b.late(node, Slice(parts=parts, axis=0), inputs[1:], outputs=parts, axis=inputs[0])


@rules("SplitV", inputs=3)
def split_v(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Parts of given sizes."""
    parts = node.attributes.integer("num_split")
    layer = SplitSizes(sizes=(), axis=0)
    return b.late(node, layer, inputs[:1], outputs=parts, sizes=inputs[1], axis=inputs[2])


@rules("Pad", "PadV2", "MirrorPad", inputs=(2, 3))
def pad(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """The paddings are pairs; they are taken apart into those before and those behind."""
    mode = "constant"
    if node.op == "MirrorPad":
        mode = node.attributes.one_of("mode", ("REFLECT", "SYMMETRIC")).lower()
    return padded(b, node, inputs, mode)


def padded(b: TensorFlowBuilder, node: NodeSource, inputs: Values, mode: str, part: str = "") -> Values:
    """Add the padding of a node, or of the part of a node that is one."""
    layer = Pad(before=(), after=(), mode=mode)
    x, paddings, *value = inputs
    array = b.constant(paddings)
    if array is not None:
        if array.ndim != 2 or array.shape[1] != 2:
            raise LayerError(f"paddings must be pairs, got {dims(array.shape)}")
        ends = tuple(b.const(node, array[:, side], part=f"side{side}") for side in (0, 1))
    else:
        ends = b.emit(node, Unstack(parts=2, axis=1), (paddings,), outputs=2, part="paddings")
    if value:
        return b.late(node, layer, (x,), part=part, before=ends[0], after=ends[1], value=value[0])
    return b.late(node, layer, (x,), part=part, before=ends[0], after=ends[1])


@rules("Tile", inputs=2)
def tile(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Repeat along each axis."""
    return b.late(node, Tile(repeats=()), inputs[:1], repeats=inputs[1])


@rules("Fill", inputs=2)
def fill(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """The shape comes first."""
    return b.late(node, Fill(shape=()), inputs[1:], shape=inputs[0])


@rules("ZerosLike", "OnesLike")
def fill_like(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """An array of the same shape."""
    return b.emit(node, FillLike(value=float(node.op == "OnesLike")), inputs)


@rules("BroadcastTo", inputs=2)
def broadcast_to(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Stretch to a shape."""
    return b.late(node, BroadcastTo(shape=()), inputs[:1], shape=inputs[1])


@rules("Range", inputs=3)
def range_(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Count."""
    return b.emit(node, Range(), inputs)


@rules("LinSpace", inputs=3)
def linspace(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Divide an interval."""
    return b.late(node, LinSpace(count=1), inputs[:2], count=inputs[2])


@rules("SpaceToDepth", "DepthToSpace")
def space_and_depth(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Channels count the place in the block slower than the channel."""
    kind = SpaceToDepth if node.op == "SpaceToDepth" else DepthToSpace
    axis = -1 if channels_last(node) else 1
    return b.emit(node, kind(block=node.attributes.integer("block_size"), axis=axis), inputs)


@rules("SpaceToBatchND", inputs=3)
def space_to_batch(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Blocks become images."""
    layer = SpaceToBatch(block=(), padding=())
    return b.late(node, layer, inputs[:1], block=inputs[1], padding=inputs[2])


@rules("BatchToSpaceND", inputs=3)
def batch_to_space(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Images become blocks."""
    return b.late(node, BatchToSpace(block=(), crops=()), inputs[:1], block=inputs[1], crops=inputs[2])


@rules("SpaceToBatch", "BatchToSpace", inputs=2)
def square_blocks(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """The first versions have square blocks along rows and columns."""
    block = (node.attributes.integer("block_size"),) * 2
    if node.op == "SpaceToBatch":
        return b.late(node, SpaceToBatch(block=block, padding=()), inputs[:1], padding=inputs[1])
    return b.late(node, BatchToSpace(block=block, crops=()), inputs[:1], crops=inputs[1])


@rules("BroadcastArgs", inputs=2)
def broadcast_args(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """The shape of what two shapes give: of the sum of two arrays without numbers."""
    zero = b.const(node, np.array(False), part="zero")
    parts = [
        b.late(node, Fill(shape=()), (zero,), part=f"part{i}", shape=value)[0]
        for i, value in enumerate(inputs)
    ]
    joined = b.emit(node, Binary(function="or"), tuple(parts), part="joined")
    return b.emit(node, ShapeOf(), joined)


@rules("Empty")
def empty(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """What nobody has filled is zero."""
    dtype = node.attributes.dtype("dtype").numpy
    node.attributes.ignore("init")
    if dtype is None or dtype == "bfloat16":
        raise LayerError("nothing can be made of this type")
    zero = b.const(node, np.zeros((), dtype), part="zero")
    return b.late(node, Fill(shape=()), (zero,), shape=inputs[0])


@rules("DataFormatVecPermute")
def permute_vector(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Sizes, or pairs of paddings, in the order of another layout."""
    source, target = _layouts(node)
    places = b.const(node, np.array([source.index(axis) for axis in target], np.int32), part="places")
    return b.emit(node, Gather(axis=0), (*inputs, places))


@rules("DataFormatDimMap")
def map_axis(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """The number of an axis in another layout; a negative one counts from the end."""
    source, target = _layouts(node)
    table = b.const(node, np.array([target.index(axis) for axis in source], np.int32), part="table")
    rank = b.const(node, np.array(len(source), np.int32), part="rank")
    places = b.emit(node, Cast(dtype="int32"), inputs, part="axis")
    places = b.emit(node, Binary(function="floor_remainder"), (*places, rank), part="place")
    return b.emit(node, Gather(axis=0), (table, *places))


def _layouts(node: NodeSource) -> tuple[str, str]:
    source = node.attributes.text("src_format", "NHWC")
    target = node.attributes.text("dst_format", "NCHW")
    if sorted(source) != sorted(target) or len(set(source)) != len(source):
        raise LayerError(f"src_format {source!r} and dst_format {target!r} do not have the same axes")
    return source, target
