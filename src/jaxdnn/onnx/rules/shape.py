"""Layers that move, join, cut and repeat values."""

from __future__ import annotations

import numpy as np

from jaxdnn.layers.base import normalize_axis, spread
from jaxdnn.layers.shape import (
    Concat,
    Crop,
    DepthToSpace,
    Filter,
    Flatten,
    Gather,
    Pad,
    Permute,
    Reorg,
    Reshape,
    ReshapeLike,
    Reverse,
    ShuffleChannel,
    Slice,
    SpaceToDepth,
    Tile,
)
from jaxdnn.onnx.exporter import Exporter
from jaxdnn.onnx.registry import NotExpressible, exports
from jaxdnn.onnx.sizes import Sizes, product, static

_END = np.iinfo(np.int64).max


@exports(Concat)
def concat(e: Exporter, layer: Concat, *inputs: str) -> str:
    """See :class:`~jaxdnn.layers.shape.Concat`."""
    return e.concat(inputs, normalize_axis(layer.axis, e.inputs[0].rank))


@exports(Slice)
def slice_(e: Exporter, layer: Slice, x: str) -> tuple[str, ...]:
    """See :class:`~jaxdnn.layers.shape.Slice`."""
    axis = normalize_axis(layer.axis, e.inputs[0].rank)
    return e.split(x, static(tuple(output.sizes[axis] for output in e.outputs)), axis)


@exports(Flatten)
def flatten(e: Exporter, layer: Flatten, x: str) -> str:
    """The operator joins all axes behind one; others are a Reshape."""
    if e.outputs[0].rank == 2 and normalize_axis(layer.axis, e.inputs[0].rank) == 1:
        return e.op("Flatten", x, axis=1)
    return e.reshape(x, e.outputs[0].sizes)


@exports(Reshape, ReshapeLike)
def reshape(e: Exporter, layer: Reshape | ReshapeLike, x: str, *like: str) -> str:
    """Only the result's sizes count."""
    del layer, like
    return e.reshape(x, e.outputs[0].sizes)


@exports(Permute)
def permute(e: Exporter, layer: Permute, x: str) -> str:
    """See :class:`~jaxdnn.layers.shape.Permute`."""
    rank = e.inputs[0].rank
    order = [normalize_axis(axis, rank) for axis in layer.order]
    return e.transpose(x, order + [axis for axis in range(rank) if axis not in order])


@exports(Crop)
def crop(e: Exporter, layer: Crop, x: str, reference: str) -> str:
    """See :class:`~jaxdnn.layers.shape.Crop`."""
    del reference
    rank = e.inputs[0].rank
    axis = normalize_axis(layer.axis, rank)
    starts = spread("offset", layer.offset, rank - axis)
    sizes = static(e.outputs[0].sizes[axis:])
    return e.slice(x, starts, [a + b for a, b in zip(starts, sizes, strict=True)], range(axis, rank))


@exports(Tile)
def tile(e: Exporter, layer: Tile, x: str) -> str:
    """See :class:`~jaxdnn.layers.shape.Tile`."""
    return e.op("Tile", x, _per_axis(layer.repeats, layer.axis, e.inputs[0].rank, 1))


@exports(Pad)
def pad(e: Exporter, layer: Pad, x: str) -> str:
    """Remove first, then add."""
    if layer.mode in ("symmetric", "wrap"):
        raise NotExpressible(f"padding of mode {layer.mode!r} has no operator in every opset")
    source = e.inputs[0]
    first = normalize_axis(layer.axis, source.rank) if layer.before else 0
    axes = layer.axes or range(first, first + len(layer.before))
    before, after = [0] * source.rank, [0] * source.rank
    for axis, b, a in zip(axes, layer.before, layer.after, strict=True):
        before[axis], after[axis] = b, a
    if layer.mode != "constant" and min(*before, *after, 0) < 0:
        starts = [max(0, -b) for b in before]
        ends = [min(a, 0) or _END for a in after]
        x = e.slice(x, starts, ends, range(source.rank))
        before, after = [max(0, b) for b in before], [max(0, a) for a in after]
    value = np.array(layer.value, source.dtype) if layer.mode == "constant" else None
    return e.pad(x, before, after, mode=layer.mode, value=value)


@exports(Reverse)
def reverse(e: Exporter, layer: Reverse, x: str) -> str:
    """See :class:`~jaxdnn.layers.shape.Reverse`."""
    axes = sorted({normalize_axis(axis, e.inputs[0].rank) for axis in layer.axes})
    count = len(axes)
    return e.slice(x, [-1] * count, [-_END] * count, axes, [-1] * count) if axes else x


@exports(ShuffleChannel)
def shuffle_channel(e: Exporter, layer: ShuffleChannel, x: str) -> str:
    """See :class:`~jaxdnn.layers.shape.ShuffleChannel`."""
    sizes = e.inputs[0].sizes
    axis = normalize_axis(layer.axis, len(sizes))
    (channels,) = static(sizes[axis : axis + 1])
    grouped = e.reshape(x, (*sizes[:axis], layer.groups, channels // layer.groups, *sizes[axis + 1 :]))
    swapped = e.transpose(grouped, [*range(axis), axis + 1, axis, *range(axis + 2, len(sizes) + 1)])
    return e.reshape(swapped, sizes)


@exports(SpaceToDepth)
def space_to_depth(e: Exporter, layer: SpaceToDepth, x: str) -> str:
    """Cut spatial axes into blocks, and move the places in them to the channels."""
    sizes = e.inputs[0].sizes
    axis = normalize_axis(layer.axis, len(sizes))
    y = e.transpose(x, _to_front(axis, len(sizes)))
    batch, channels, *spatial = sizes[0], sizes[axis], *sizes[1:axis], *sizes[axis + 1 :]
    if len(spatial) == 2 and layer.order == "block_first":
        y = e.op("SpaceToDepth", y, blocksize=layer.block)
    else:
        y = _blocks_to_channels(e, y, (batch, channels, *spatial), layer)
    return e.transpose(y, _from_front(axis, len(sizes)))


def _blocks_to_channels(e: Exporter, x: str, sizes: Sizes, layer: SpaceToDepth) -> str:
    batch, *known = sizes
    channels, *spatial = static(tuple(known))
    rank, block = len(spatial), layer.block
    cut = [part for size in spatial for part in (size // block, block)]
    y = e.reshape(x, (batch, channels, *cut))
    outer, places = range(2, 2 + 2 * rank, 2), range(3, 3 + 2 * rank, 2)
    moved = (*places, 1) if layer.order == "block_first" else (1, *places)
    y = e.transpose(y, [0, *moved, *outer])
    return e.reshape(y, (batch, channels * block**rank, *(size // block for size in spatial)))


@exports(DepthToSpace)
def depth_to_space(e: Exporter, layer: DepthToSpace, x: str) -> str:
    """See :class:`~jaxdnn.layers.shape.DepthToSpace`."""
    rank = e.inputs[0].rank
    if rank != 4:
        raise NotExpressible(f"blocks of {rank - 2} axes have no operator")
    axis = normalize_axis(layer.axis, rank)
    mode = "DCR" if layer.order == "block_first" else "CRD"
    y = e.op("DepthToSpace", e.transpose(x, _to_front(axis, rank)), blocksize=layer.block, mode=mode)
    return e.transpose(y, _from_front(axis, rank))


@exports(Reorg)
def reorg(e: Exporter, layer: Reorg, x: str) -> str:
    """Read the memory as the formula says."""
    batch, *others = e.inputs[0].sizes
    c, h, w = static(tuple(others))
    s = layer.stride
    y = e.op("SpaceToDepth", e.reshape(x, (batch, c // s**2, h * s, w * s)), blocksize=s)
    return e.reshape(y, e.outputs[0].sizes)


@exports(Gather)
def gather(e: Exporter, layer: Gather, x: str, indices: str) -> str:
    """See :class:`~jaxdnn.layers.shape.Gather`."""
    if layer.batch_axes:
        raise NotExpressible("indices of their own for each place of the first axes have no operator")
    axis = normalize_axis(layer.axis, e.inputs[0].rank)
    return e.op("Gather", x, e.cast(indices, "int64"), axis=axis)


@exports(Filter)
def filter_(e: Exporter, layer: Filter, *inputs: str) -> tuple[str, ...]:
    """See :class:`~jaxdnn.layers.shape.Filter`."""
    del layer
    *values, selector = inputs
    marked = e.cast(e.reshape(selector, (product(e.inputs[-1].sizes),)), "bool")
    return tuple(e.op("Compress", value, marked, axis=0) for value in values)


def _per_axis(values: tuple[int, ...], axis: int, rank: int, default: int) -> list[int]:
    """Return one value for each of all axes; the given ones count from an axis on."""
    first = normalize_axis(axis, rank) if values else 0
    return [default] * first + [*values] + [default] * (rank - first - len(values))


def _to_front(axis: int, rank: int) -> list[int]:
    return [0, axis, *(i for i in range(1, rank) if i != axis)]


def _from_front(axis: int, rank: int) -> list[int]:
    return [int(i) for i in np.argsort(_to_front(axis, rank))]
