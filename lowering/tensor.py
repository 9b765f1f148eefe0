"""How shapes become values and values shapes: with numpy as far as they are known."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdnn.errors import ShapeError
from jaxdnn.layers.base import Shape, dims, normalize_axis
from jaxdnn.layers.tensor import (
    AlignAxes,
    BatchToSpace,
    BroadcastTo,
    ExpandDims,
    Fill,
    FillLike,
    LinSpace,
    Range,
    ReverseSequence,
    Roll,
    ShapeOf,
    SpaceToBatch,
    SplitSizes,
    Squeeze,
    Stack,
    Unstack,
)
from jaxdnn.lowering.namespace import namespace
from jaxdnn.lowering.padded import depends_on_data
from jaxdnn.lowering.registry import lowers

Weights = Mapping[str, jax.Array]


@lowers(ShapeOf, numpy=True)
def shape_of(layer: ShapeOf, weights: Weights, x: Any) -> np.ndarray:
    """See :class:`~jaxdnn.layers.tensor.ShapeOf`."""
    del weights
    known = {"sizes": x.shape, "rank": x.ndim, "count": math.prod(x.shape)}
    return np.asarray(known[layer.what], np.int32)


@lowers(Fill, numpy=True, moves=True)
def fill(layer: Fill, weights: Weights, value: Any) -> Any:
    """See :class:`~jaxdnn.layers.tensor.Fill`."""
    del weights
    if value.ndim:
        raise ShapeError(f"the value is {dims(value.shape)}, a scalar expected")
    return namespace(value).broadcast_to(value, layer.shape)


@lowers(FillLike, numpy=True, moves=True)
def fill_like(layer: FillLike, weights: Weights, x: Any) -> Any:
    """Only the shape counts, so that the result is a constant."""
    del weights
    return (
        np.full(x.shape, layer.value, x.dtype)
        if math.prod(x.shape) <= _SMALL
        else jnp.full_like(x, layer.value)
    )


_SMALL = 4096


@lowers(BroadcastTo, numpy=True, moves=True)
def broadcast_to(layer: BroadcastTo, weights: Weights, x: Any) -> Any:
    """See :class:`~jaxdnn.layers.tensor.BroadcastTo`."""
    del weights
    shape = np.broadcast_shapes(x.shape, layer.shape) if layer.mutual else layer.shape
    return namespace(x).broadcast_to(x, shape)


_LONGEST = 2**27
"""How many numbers a range may have: three numbers of a file could mean any size."""


@lowers(Range, numpy=True, known=lambda layer, count: range(count))
def range_(layer: Range, weights: Weights, *inputs: Any) -> np.ndarray:
    """See :class:`~jaxdnn.layers.tensor.Range`."""
    del layer, weights
    for name, value in zip(("start", "limit", "step"), inputs, strict=True):
        if not isinstance(value, np.ndarray | np.generic):
            raise depends_on_data(f"the {name}")
        if value.size != 1:
            raise ShapeError(f"the {name} is {dims(value.shape)}, a scalar expected")
    start, limit, step = (value.reshape(()).item() for value in inputs)
    if step == 0:
        raise ShapeError("the step is 0")
    count = max(0, math.ceil((limit - start) / step))
    if count > _LONGEST:
        raise ShapeError(
            f"from {start} to {limit} in steps of {step} are {count} numbers, more than {_LONGEST}"
        )
    numbers: np.ndarray = np.arange(start, limit, step).astype(inputs[0].dtype)
    return numbers


@lowers(LinSpace, float32=True)
def linspace(layer: LinSpace, weights: Weights, start: jax.Array, stop: jax.Array) -> jax.Array:
    """See :class:`~jaxdnn.layers.tensor.LinSpace`."""
    del weights
    return jnp.linspace(start.reshape(()), stop.reshape(()), layer.count, dtype=start.dtype)


@lowers(Squeeze, numpy=True, moves=True)
def squeeze(layer: Squeeze, weights: Weights, x: Any) -> Any:
    """See :class:`~jaxdnn.layers.tensor.Squeeze`."""
    del weights
    axes = {normalize_axis(axis, x.ndim) for axis in layer.axes}
    for axis in axes:
        if x.shape[axis] != 1:
            raise ShapeError(f"axis {axis} of {dims(x.shape)} is not of size 1")
    gone = axes or {axis for axis, size in enumerate(x.shape) if size == 1}
    return x.reshape(tuple(size for axis, size in enumerate(x.shape) if axis not in gone))


@lowers(ExpandDims, numpy=True, moves=True)
def expand_dims(layer: ExpandDims, weights: Weights, x: Any) -> Any:
    """See :class:`~jaxdnn.layers.tensor.ExpandDims`."""
    del weights
    rank = x.ndim + len(layer.axes)
    axes = {normalize_axis(axis, rank) for axis in layer.axes}
    if len(axes) != len(layer.axes):
        raise ShapeError(f"axes {layer.axes} repeat one of {rank}")
    sizes = iter(x.shape)
    return x.reshape(tuple(1 if axis in axes else next(sizes) for axis in range(rank)))


@lowers(AlignAxes, numpy=True, moves=True)
def align_axes(layer: AlignAxes, weights: Weights, x: Any, other: Any) -> Any:
    """See :class:`~jaxdnn.layers.tensor.AlignAxes`."""
    del weights
    behind = other.ndim - normalize_axis(layer.axis, other.ndim) - x.ndim
    if behind < 0:
        raise ShapeError(f"{dims(x.shape)} does not fit {dims(other.shape)} from axis {layer.axis} on")
    return x.reshape(x.shape + (1,) * behind)


@lowers(Stack, numpy=True, moves=True)
def stack(layer: Stack, weights: Weights, *inputs: Any) -> Any:
    """See :class:`~jaxdnn.layers.tensor.Stack`."""
    del weights
    for x in inputs[1:]:
        if x.shape != inputs[0].shape:
            raise ShapeError(f"shapes differ, {dims(inputs[0].shape)} and {dims(x.shape)}")
    return namespace(*inputs).stack(inputs, axis=normalize_axis(layer.axis, inputs[0].ndim + 1))


@lowers(Unstack, numpy=True, moves=True)
def unstack(layer: Unstack, weights: Weights, x: Any) -> tuple[Any, ...]:
    """See :class:`~jaxdnn.layers.tensor.Unstack`."""
    del weights
    axis = normalize_axis(layer.axis, x.ndim)
    if x.shape[axis] != layer.parts:
        raise ShapeError(f"axis {axis} of {dims(x.shape)} does not have {layer.parts} elements")
    before = (slice(None),) * axis
    return tuple(x[(*before, index)] for index in range(layer.parts))


@lowers(SplitSizes, numpy=True, moves=True)
def split_sizes(layer: SplitSizes, weights: Weights, x: Any) -> tuple[Any, ...]:
    """See :class:`~jaxdnn.layers.tensor.SplitSizes`."""
    del weights
    axis = normalize_axis(layer.axis, x.ndim)
    size = x.shape[axis]
    rest = size - sum(part for part in layer.sizes if part >= 0)
    sizes = [rest if part == -1 else part for part in layer.sizes]
    if min(sizes, default=0) < 0 or sum(sizes) != size:
        raise ShapeError(f"axis {axis} of size {size} cannot be cut into parts of {layer.sizes}")
    return tuple(namespace(x).split(x, np.cumsum(sizes)[:-1], axis=axis))


@lowers(Roll, numpy=True, moves=True)
def roll(layer: Roll, weights: Weights, x: Any) -> Any:
    """See :class:`~jaxdnn.layers.tensor.Roll`."""
    del weights
    axes = tuple(normalize_axis(axis, x.ndim) for axis in layer.axes)
    return namespace(x).roll(x, layer.shift, axes)


@lowers(ReverseSequence, moves=True)
def reverse_sequence(layer: ReverseSequence, weights: Weights, x: jax.Array, lengths: jax.Array) -> jax.Array:
    """Take each element from where the reversal puts it."""
    del weights
    axis, batch = normalize_axis(layer.axis, x.ndim), normalize_axis(layer.batch_axis, x.ndim, "batch_axis")
    if lengths.shape != (x.shape[batch],):
        raise ShapeError(f"lengths of {dims(lengths.shape)} do not fit axis {batch} of {dims(x.shape)}")
    along = [-1 if i == axis else 1 for i in range(x.ndim)]
    place = jnp.arange(x.shape[axis], dtype=jnp.int32).reshape(along)
    length = lengths.astype(jnp.int32).reshape([-1 if i == batch else 1 for i in range(x.ndim)])
    return jnp.take_along_axis(x, jnp.where(place < length, length - 1 - place, place), axis)


@lowers(SpaceToBatch, numpy=True, moves=True)
def space_to_batch(layer: SpaceToBatch, weights: Weights, x: Any) -> Any:
    """See :class:`~jaxdnn.layers.tensor.SpaceToBatch`."""
    del weights
    rank = _require_blocks(layer.block, layer.padding, x.shape)
    pads = [(0, 0), *layer.padding, *[(0, 0)] * (x.ndim - rank - 1)]
    x = namespace(x).pad(x, pads)
    for size, block in zip(x.shape[1:], layer.block, strict=False):
        if size % block:
            raise ShapeError(f"block {block} does not divide the padded size {size}")
    split = [part for n, b in zip(x.shape[1:], layer.block, strict=False) for part in (n // b, b)]
    y = x.reshape(x.shape[0], *split, *x.shape[rank + 1 :])
    outer, places = range(1, 2 * rank, 2), range(2, 2 * rank + 1, 2)
    y = y.transpose(*places, 0, *outer, *range(2 * rank + 1, y.ndim))
    return y.reshape(x.shape[0] * math.prod(layer.block), *y.shape[rank + 1 :])


@lowers(BatchToSpace, numpy=True, moves=True)
def batch_to_space(layer: BatchToSpace, weights: Weights, x: Any) -> Any:
    """See :class:`~jaxdnn.layers.tensor.BatchToSpace`."""
    del weights
    rank = _require_blocks(layer.block, layer.crops, x.shape)
    places = math.prod(layer.block)
    if x.shape[0] % places:
        raise ShapeError(f"blocks of {places} places do not divide the batch {x.shape[0]}")
    batch = x.shape[0] // places
    y = x.reshape(*layer.block, batch, *x.shape[1:])
    spatial = [axis for i in range(rank) for axis in (rank + 1 + i, i)]
    y = y.transpose(rank, *spatial, *range(2 * rank + 1, y.ndim))
    y = y.reshape(
        batch, *(n * b for n, b in zip(x.shape[1:], layer.block, strict=False)), *x.shape[rank + 1 :]
    )
    cut = [slice(first, size - last) for (first, last), size in zip(layer.crops, y.shape[1:], strict=False)]
    return y[(slice(None), *cut)]


def _require_blocks(block: Shape, pairs: tuple[tuple[int, int], ...], shape: Shape) -> int:
    rank = len(block)
    if len(pairs) != rank or len(shape) <= rank:
        raise ShapeError(f"{rank} block sizes do not fit {len(pairs)} pairs and an input of {dims(shape)}")
    return rank
