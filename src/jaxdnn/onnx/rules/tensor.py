"""Arrays made of shapes or reshaped by them."""

from __future__ import annotations

import numpy as np

from jaxdnn.layers.base import normalize_axis
from jaxdnn.layers.tensor import (
    BatchToSpace,
    BroadcastTo,
    ExpandDims,
    Fill,
    FillLike,
    Range,
    ReverseSequence,
    Roll,
    SpaceToBatch,
    SplitSizes,
    Squeeze,
    Stack,
    Unstack,
)
from jaxdnn.onnx.exporter import Exporter
from jaxdnn.onnx.registry import NotExpressible, exports
from jaxdnn.onnx.sizes import Sizes, product, static

_END = np.iinfo(np.int64).max


@exports(Fill, BroadcastTo)
def expand(e: Exporter, layer: Fill | BroadcastTo, x: str) -> str:
    """Only the result's sizes count."""
    del layer
    return e.expand(x, e.outputs[0].sizes)


@exports(FillLike)
def fill_like(e: Exporter, layer: FillLike, x: str) -> str:
    """See :class:`~jaxdnn.layers.tensor.FillLike`."""
    output = e.outputs[0]
    value = np.full(1, layer.value, output.dtype)
    if None in output.sizes:
        return e.op("ConstantOfShape", e.op("Shape", x), value=e.tensor(value))
    return e.expand(value, output.sizes)


@exports(Range)
def range_(e: Exporter, layer: Range, start: str, limit: str, step: str) -> str:
    """Only a range whose limit follows from the batch is no constant."""
    del layer
    return e.op("Range", *(e.reshape(x, ()) for x in (start, limit, step)))


@exports(Squeeze, ExpandDims)
def squeeze(e: Exporter, layer: Squeeze | ExpandDims, x: str) -> str:
    """See :class:`~jaxdnn.layers.tensor.Squeeze`."""
    if isinstance(layer, ExpandDims):
        return e.unsqueeze(x, [normalize_axis(axis, e.outputs[0].rank) for axis in layer.axes])
    sizes = e.inputs[0].sizes
    named = [normalize_axis(axis, len(sizes)) for axis in layer.axes]
    return e.squeeze(x, named or [axis for axis, size in enumerate(sizes) if size == 1])


@exports(Stack)
def stack(e: Exporter, layer: Stack, *inputs: str) -> str:
    """See :class:`~jaxdnn.layers.tensor.Stack`."""
    axis = normalize_axis(layer.axis, e.outputs[0].rank)
    return e.concat([e.unsqueeze(x, [axis]) for x in inputs], axis)


@exports(Unstack)
def unstack(e: Exporter, layer: Unstack, x: str) -> tuple[str, ...]:
    """See :class:`~jaxdnn.layers.tensor.Unstack`."""
    axis = normalize_axis(layer.axis, e.inputs[0].rank)
    return tuple(e.squeeze(part, [axis]) for part in e.split(x, [1] * layer.parts, axis))


@exports(SplitSizes)
def split_sizes(e: Exporter, layer: SplitSizes, x: str) -> tuple[str, ...]:
    """See :class:`~jaxdnn.layers.tensor.SplitSizes`."""
    axis = normalize_axis(layer.axis, e.inputs[0].rank)
    return e.split(x, static(tuple(output.sizes[axis] for output in e.outputs)), axis)


@exports(Roll)
def roll(e: Exporter, layer: Roll, x: str) -> str:
    """Cut each axis in two, and swap the parts."""
    if "shift" in e.varying or "axes" in e.varying:
        raise NotExpressible("how far elements shift depends on the batch")
    sizes = e.inputs[0].sizes
    for shift, given in zip(layer.shift, layer.axes, strict=True):
        axis = normalize_axis(given, len(sizes))
        (size,) = static(sizes[axis : axis + 1])
        first = -shift % size if size else 0
        if first:
            parts = [e.slice(x, [first], [_END], [axis]), e.slice(x, [0], [first], [axis])]
            x = e.concat(parts, axis)
    return x


@exports(ReverseSequence)
def reverse_sequence(e: Exporter, layer: ReverseSequence, x: str, lengths: str) -> str:
    """The operator knows the first two axes only."""
    rank = e.inputs[0].rank
    axis, batch = normalize_axis(layer.axis, rank), normalize_axis(layer.batch_axis, rank)
    order = [batch, axis, *(i for i in range(rank) if i not in (axis, batch))]
    if axis == batch:
        raise NotExpressible("the lengths run along the axis that is reversed")
    moved = e.transpose(x, order)
    y = e.op("ReverseSequence", moved, e.cast(lengths, "int64"), batch_axis=0, time_axis=1)
    return e.transpose(y, [int(i) for i in np.argsort(order)])


@exports(SpaceToBatch)
def space_to_batch(e: Exporter, layer: SpaceToBatch, x: str) -> str:
    """Cut spatial axes into blocks, and move the places in them to the batch."""
    batch, *others = e.inputs[0].sizes
    rank = len(layer.block)
    before, after = zip(*layer.padding, strict=True) if rank else ((), ())
    behind = (0,) * (len(others) - rank)
    x = e.pad(x, (0, *before, *behind), (0, *after, *behind), value=np.zeros((), e.inputs[0].dtype))
    spatial = [n + b + a for n, b, a in zip(static(tuple(others[:rank])), before, after, strict=True)]
    cut = [part for n, b in zip(spatial, layer.block, strict=True) for part in (n // b, b)]
    y = e.reshape(x, (batch, *cut, *others[rank:]))
    outer, places = range(1, 2 * rank, 2), range(2, 2 * rank + 1, 2)
    y = e.transpose(y, [*places, 0, *outer, *range(2 * rank + 1, 1 + rank + len(others))])
    return e.reshape(y, e.outputs[0].sizes)


@exports(BatchToSpace)
def batch_to_space(e: Exporter, layer: BatchToSpace, x: str) -> str:
    """Move the places in blocks back, and cut."""
    sizes: Sizes = e.inputs[0].sizes
    rank = len(layer.block)
    batch = e.outputs[0].sizes[0]
    y = e.reshape(x, (*layer.block, batch, *sizes[1:]))
    spatial = [axis for i in range(rank) for axis in (rank + 1 + i, i)]
    y = e.transpose(y, [rank, *spatial, *range(2 * rank + 1, rank + len(sizes))])
    joined = [product((n, b)) for n, b in zip(sizes[1:], layer.block, strict=False)]
    y = e.reshape(y, (batch, *joined, *sizes[rank + 1 :]))
    starts = [first for first, _ in layer.crops]
    ends = [size - last for (_, last), size in zip(layer.crops, static(tuple(joined)), strict=True)]
    return e.slice(y, starts, ends, range(1, rank + 1)) if rank else y
