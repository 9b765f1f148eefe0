"""How values are moved: with numpy where they are constants, so that shape arithmetic never reaches XLA."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdnn.errors import ShapeError
from jaxdnn.layers.base import Shape, dims, normalize_axis, spread
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
from jaxdnn.lowering.namespace import namespace
from jaxdnn.lowering.padded import Padded
from jaxdnn.lowering.recipes.moving import joined
from jaxdnn.lowering.registry import lowers

Weights = Mapping[str, jax.Array]


@lowers(Concat, numpy=True, moves=True)
def concat(layer: Concat, weights: Weights, *inputs: Any) -> Any:
    """See :class:`~jaxdnn.layers.shape.Concat`."""
    del weights
    first = inputs[0].shape
    axis = normalize_axis(layer.axis, len(first))
    for x in inputs[1:]:
        if len(x.shape) != len(first) or x.shape[:axis] + x.shape[axis + 1 :] != (
            first[:axis] + first[axis + 1 :]
        ):
            raise ShapeError(f"{dims(first)} and {dims(x.shape)} differ outside axis {axis}")
    return np.concatenate(inputs, axis) if namespace(*inputs) is np else joined(inputs, axis)


@lowers(Slice, numpy=True, moves=True)
def slice_(layer: Slice, weights: Weights, x: Any) -> tuple[Any, ...]:
    """See :class:`~jaxdnn.layers.shape.Slice`."""
    del weights
    axis = normalize_axis(layer.axis, x.ndim)
    size, points = x.shape[axis], layer.points
    if points and points[-1] > size:
        raise ShapeError(f"slice point {points[-1]} is beyond axis {axis} of size {size}")
    length = -(-size // layer.parts)
    if not points and (length * (layer.parts - 1) > size if layer.smaller_last else size % layer.parts):
        kind = "" if layer.smaller_last else " equal"
        raise ShapeError(f"axis {axis} of size {size} cannot be cut into {layer.parts}{kind} parts")
    points = points or tuple(length * part for part in range(1, layer.parts))
    return tuple(namespace(x).split(x, points, axis=axis))


@lowers(Flatten, numpy=True, moves=True)
def flatten(layer: Flatten, weights: Weights, x: Any) -> Any:
    """See :class:`~jaxdnn.layers.shape.Flatten`."""
    del weights
    axis, end = (
        normalize_axis(layer.axis, x.ndim),
        normalize_axis(layer.end_axis, x.ndim, "end_axis") + 1,
    )
    if end < axis:
        raise ShapeError(f"end_axis {layer.end_axis} lies before axis {layer.axis} in {dims(x.shape)}")
    return x.reshape(*x.shape[:axis], math.prod(x.shape[axis:end]), *x.shape[end:])


@lowers(Reshape, numpy=True, moves=True)
def reshape(layer: Reshape, weights: Weights, x: Any) -> Any:
    """See :class:`~jaxdnn.layers.shape.Reshape`."""
    del weights
    axis = normalize_axis(layer.axis, x.ndim + 1)
    end = x.ndim if layer.num_axes == -1 else axis + layer.num_axes
    if end > x.ndim:
        raise ShapeError(
            f"axes {axis} to {end - 1} cannot be replaced: the input {dims(x.shape)} ends before"
        )
    copied = [layer.zero_copies and size == 0 for size in layer.shape]
    if any(copy and axis + i >= x.ndim for i, copy in enumerate(copied)):
        raise ShapeError(f"shape {layer.shape} copies (0) an axis that the input {dims(x.shape)} lacks")
    sizes = [x.shape[axis + i] if copied[i] else size for i, size in enumerate(layer.shape)]
    shape = [*x.shape[:axis], *sizes, *x.shape[end:]]
    if -1 in sizes:
        known = math.prod(size for size in shape if size != -1)
        if known == 0 or x.size % known:
            raise ShapeError(
                f"{dims(x.shape)} cannot become {layer.shape}: {x.size} is no multiple of {known}"
            )
        shape[shape.index(-1)] = x.size // known
    if math.prod(shape) != x.size:
        raise ShapeError(
            f"{dims(x.shape)} has {x.size} elements and cannot become {dims(tuple(shape))}, "
            f"which has {math.prod(shape)}"
        )
    return x.reshape(shape)


@lowers(ReshapeLike, numpy=True, moves=True)
def reshape_like(layer: ReshapeLike, weights: Weights, x: Any, reference: Any) -> Any:
    """See :class:`~jaxdnn.layers.shape.ReshapeLike`."""
    del layer, weights
    if math.prod(x.shape) != math.prod(reference.shape):
        raise ShapeError(f"{dims(x.shape)} cannot take the shape {dims(reference.shape)}")
    return x.reshape(reference.shape)


@lowers(Permute, numpy=True, moves=True)
def permute(layer: Permute, weights: Weights, x: Any) -> Any:
    """See :class:`~jaxdnn.layers.shape.Permute`."""
    del weights
    order = [normalize_axis(axis, x.ndim) for axis in layer.order]
    return x.transpose(order + [axis for axis in range(x.ndim) if axis not in order])


@lowers(Crop, numpy=True, moves=True)
def crop(layer: Crop, weights: Weights, x: Any, reference: Any) -> Any:
    """See :class:`~jaxdnn.layers.shape.Crop`."""
    del weights
    axis = normalize_axis(layer.axis, x.ndim)
    if reference.ndim != x.ndim:
        raise ShapeError(f"the reference {dims(reference.shape)} has another rank than {dims(x.shape)}")
    window = [slice(None)] * axis
    for i, offset in enumerate(spread("offset", layer.offset, x.ndim - axis), axis):
        end = offset + reference.shape[i]
        if end > x.shape[i]:
            raise ShapeError(
                f"the crop window lies outside the input: on axis {i} offset {offset} + "
                f"{reference.shape[i]} > {x.shape[i]}"
            )
        window.append(slice(offset, end))
    return x[tuple(window)]


@lowers(Tile, numpy=True, moves=True)
def tile(layer: Tile, weights: Weights, x: Any) -> Any:
    """See :class:`~jaxdnn.layers.shape.Tile`."""
    del weights
    repeats = _per_axis(layer.repeats, layer.axis, x.shape, 1)
    return namespace(x, elements=x.size * math.prod(repeats)).tile(x, repeats)


@lowers(Pad, numpy=True, moves=True)
def pad(layer: Pad, weights: Weights, x: Any) -> Any:
    """Remove first, then add."""
    del weights
    before, after = _amounts(layer, layer.before, x.shape), _amounts(layer, layer.after, x.shape)
    window = []
    for axis, (size, b, a) in enumerate(zip(x.shape, before, after, strict=True)):
        if min(b, a) < 0 and min(b, 0) + min(a, 0) + size < 1:
            raise ShapeError(f"padding {b} and {a} leaves nothing of axis {axis} of size {size}")
        window.append(slice(max(0, -b), size + min(a, 0)))
    amounts = [(max(b, 0), max(a, 0)) for b, a in zip(before, after, strict=True)]
    if not amounts:
        return x
    value = {"constant_values": layer.value} if layer.mode == "constant" else {}
    kept = x[tuple(window)]
    elements = math.prod(size + b + a for size, (b, a) in zip(kept.shape, amounts, strict=True))
    return namespace(x, elements=elements).pad(kept, amounts, mode=layer.mode, **value)


def _amounts(layer: Pad, values: tuple[int, ...], shape: Shape) -> list[int]:
    if not layer.axes:
        return _per_axis(values, layer.axis, shape, 0)
    amounts = [0] * len(shape)
    for axis, value in zip(layer.axes, values, strict=True):
        amounts[normalize_axis(axis, len(shape))] = value
    return amounts


@lowers(Reverse, numpy=True, moves=True)
def reverse(layer: Reverse, weights: Weights, x: Any) -> Any:
    """See :class:`~jaxdnn.layers.shape.Reverse`."""
    del weights
    return namespace(x).flip(x, [normalize_axis(axis, x.ndim) for axis in layer.axes])


@lowers(ShuffleChannel, numpy=True, moves=True)
def shuffle_channel(layer: ShuffleChannel, weights: Weights, x: Any) -> Any:
    """See :class:`~jaxdnn.layers.shape.ShuffleChannel`."""
    del weights
    axis = normalize_axis(layer.axis, x.ndim)
    _require_divides(layer.groups, x.shape[axis], "groups", "channels")
    grouped = x.reshape(*x.shape[:axis], layer.groups, -1, *x.shape[axis + 1 :])
    return grouped.swapaxes(axis, axis + 1).reshape(x.shape)


@lowers(SpaceToDepth, numpy=True, moves=True)
def space_to_depth(layer: SpaceToDepth, weights: Weights, x: Any) -> Any:
    """See :class:`~jaxdnn.layers.shape.SpaceToDepth`."""
    del weights
    axis = normalize_axis(layer.axis, x.ndim)
    y = namespace(x).moveaxis(x, axis, 1)
    return namespace(x).moveaxis(_blocks_to_channels(y, layer.block, layer.order), 1, axis)


@lowers(DepthToSpace, numpy=True, moves=True)
def depth_to_space(layer: DepthToSpace, weights: Weights, x: Any) -> Any:
    """See :class:`~jaxdnn.layers.shape.DepthToSpace`."""
    del weights
    axis = normalize_axis(layer.axis, x.ndim)
    x = namespace(x).moveaxis(x, axis, 1)
    rank, block = x.ndim - 2, layer.block
    _require_divides(block**rank, x.shape[1], "the block's size", "channels")
    channels, places = x.shape[1] // block**rank, (block,) * rank
    if layer.order == "block_first":
        y = namespace(x).moveaxis(x.reshape(len(x), *places, channels, *x.shape[2:]), rank + 1, 1)
    else:
        y = x.reshape(len(x), channels, *places, *x.shape[2:])
    interleaved = [axis for i in range(rank) for axis in (2 + rank + i, 2 + i)]
    size = [block * n for n in x.shape[2:]]
    y = y.transpose(0, 1, *interleaved).reshape(len(x), channels, *size)
    return namespace(x).moveaxis(y, 1, axis)


@lowers(Reorg, numpy=True, moves=True)
def reorg(layer: Reorg, weights: Weights, x: Any) -> Any:
    """See :class:`~jaxdnn.layers.shape.Reorg`."""
    del weights
    if x.ndim != 4:
        raise ShapeError(f"the input is {dims(x.shape)}, batch x channels x height x width expected")
    n, c, h, w = x.shape
    s = layer.stride
    _require_divides(s * s, c, "the stride's square", "channels")
    _require_divides(s, h, "stride", "rows")
    _require_divides(s, w, "stride", "columns")
    y = _blocks_to_channels(x.reshape(n, c // s**2, h * s, w * s), s, "block_first")
    return y.reshape(n, c * s**2, h // s, w // s)


@lowers(Gather, numpy=True, indices=(1,), moves=True)
def gather(layer: Gather, weights: Weights, x: Any, indices: Any) -> Any:
    """See :class:`~jaxdnn.layers.shape.Gather`."""
    del weights
    axis = normalize_axis(layer.axis, x.ndim)
    indices = indices.astype(np.int32)
    batch = layer.batch_axes
    if batch:
        if axis < batch or x.shape[:batch] != indices.shape[:batch]:
            raise ShapeError(
                f"{dims(x.shape)} and indices of {dims(indices.shape)} do not share {batch} axes before {axis}"
            )
        one = Gather(axis=axis - batch)
        outer = math.prod(x.shape[:batch])
        rows, places = x.reshape(outer, *x.shape[batch:]), indices.reshape(outer, *indices.shape[batch:])
        y = jax.vmap(lambda row, place: gather(one, {}, row, place))(jnp.asarray(rows), jnp.asarray(places))
        return y.reshape(*x.shape[:batch], *y.shape[1:])
    if namespace(x, indices) is jnp:
        return jnp.take(x, indices, axis=axis)
    size = x.shape[axis]
    if np.any((indices < -size) | (indices >= size)):
        raise ShapeError(f"the indices {indices.tolist()} leave axis {axis} of size {size}")
    return np.take(x, indices, axis=axis)


@lowers(Filter, moves=True)
def filter_(layer: Filter, weights: Weights, *inputs: Any) -> tuple[Padded, ...]:
    """Sort the marked rows to the front; a stable sort keeps their order."""
    del layer, weights
    *values, selector = inputs
    rows = selector.shape[:1]
    if selector.size != math.prod(rows):
        raise ShapeError(f"the selector {dims(selector.shape)} has more than one element per row")
    for x in values:
        if x.shape[:1] != rows:
            raise ShapeError(f"the selector {dims(selector.shape)} does not fit {dims(x.shape)}: rows differ")
    dropped = jnp.asarray(selector).reshape(-1) == 0
    order = jnp.argsort(dropped, stable=True)
    count = jnp.sum(~dropped, dtype=jnp.int32)
    return tuple(Padded(jnp.take(x, order, axis=0), count, 0) for x in values)


def _per_axis(values: tuple[int, ...], axis: int, shape: Shape, default: int) -> list[int]:
    """Return one value per axis of a shape; the given ones count from an axis on."""
    if not values:
        return [default] * len(shape)
    axis = normalize_axis(axis, len(shape))
    if axis + len(values) > len(shape):
        raise ShapeError(f"{len(values)} values from axis {axis} on are too many for {dims(shape)}")
    return [default] * axis + [*values] + [default] * (len(shape) - axis - len(values))


def _require_divides(divisor: int, count: int, name: str, what: str) -> None:
    if count % divisor:
        raise ShapeError(f"{name} {divisor} does not divide {count} {what}")


def _blocks_to_channels(x: Any, block: int, order: str) -> Any:
    """Move blocks of (batch, channels, *spatial) into the channels."""
    rank = x.ndim - 2
    for size in x.shape[2:]:
        _require_divides(block, size, "block", "elements of an axis")
    size = [n // block for n in x.shape[2:]]
    y = x.reshape(*x.shape[:2], *(part for n in size for part in (n, block)))
    outer, places = range(2, 2 + 2 * rank, 2), range(3, 3 + 2 * rank, 2)
    channels = (*places, 1) if order == "block_first" else (1, *places)
    return y.transpose(0, *channels, *outer).reshape(len(x), x.shape[1] * block**rank, *size)
