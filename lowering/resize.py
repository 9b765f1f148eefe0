"""How interpolation computes: positions and weights on the host, gathers and sums on the device."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.export import is_symbolic_dim

from jaxdnn.errors import ShapeError
from jaxdnn.layers.base import dims, normalize_axis
from jaxdnn.layers.resize import KERNELS, CropAndResize, Interp, Resample, Resize, ScaleAndTranslate
from jaxdnn.lowering.kernels import KERNEL_FUNCTIONS, keys
from jaxdnn.lowering.positions import ROUNDING, half_away, positions_of
from jaxdnn.lowering.registry import lowers

Weights = Mapping[str, jax.Array]


_MOVING = ("crop", "half_pixel_unshifted")
"""The coordinates that move elements even where the size stays."""


@lowers(Resize)
def resize(layer: Resize, weights: Weights, x: Any, reference: Any = None) -> Any:
    """Resize one axis after the other."""
    del weights
    axes = [normalize_axis(axis, x.ndim) for axis in (range(x.ndim) if layer.axes is None else layer.axes)]
    for name in ("size", "scale", "regions"):
        values = getattr(layer, name)
        if values and len(values) != len(axes):
            raise ShapeError(f"{name} has {len(values)} values for {len(axes)} axes of {dims(x.shape)}")
    scales = layer.scale if reference is None else None
    if reference is not None:
        sizes = _sizes_of(reference, axes)
    elif scales is not None:
        sizes = tuple(_scaled(x.shape[axis], scale) for axis, scale in zip(axes, scales, strict=True))
    else:
        sizes, scales = layer.fitted(_sizes_of(x, axes))
    if any(size < 1 for size in sizes):
        raise ShapeError(f"{dims(x.shape)} has nothing left at the scale {layer.scale}")
    regions = layer.regions or ((0.0, 1.0),) * len(axes)
    for axis, size, scale, region in zip(axes, sizes, scales or (None,) * len(axes), regions, strict=True):
        length = x.shape[axis]
        if size == length and scale in (None, 1) and layer.coordinates not in _MOVING:
            continue
        if scale is not None and is_symbolic_dim(size) and _repeats(layer, scale):
            x = jnp.repeat(x, int(scale), axis)
            continue
        positions = positions_of(layer.coordinates, length, size, scale, region=region)
        x = _resized(layer, x, axis, positions, size if scale is None else length * scale)
        if layer.coordinates == "crop":
            outside = (positions < 0) | (positions > length - 1)
            along = outside.reshape([-1 if i == axis else 1 for i in range(x.ndim)])
            x = jnp.where(along, jnp.asarray(layer.extrapolation, x.dtype), x)
    return x


def _resized(layer: Resize, x: Any, axis: int, positions: np.ndarray, target: float) -> Any:
    """Return the elements at positions along an axis that is to be so long, by any mode."""
    length, size = x.shape[axis], len(positions)
    if layer.mode == "nearest":
        return _take(x, ROUNDING[layer.rounding](positions), axis)
    if layer.antialias and target < length:
        return _apply(x, _wide_matrix(layer, length, positions, target / length), axis)
    if layer.mode == "cubic":
        return _mix_four(layer, x, positions, axis)
    if layer.mode == "linear":
        return interpolate(x, positions, axis)
    # One element has no corners, and one repeated element has no area.
    coordinates = "asymmetric" if 1 in (size, length) else layer.coordinates
    scale = None if target == size else target / length
    return _apply(x, _area_matrix(length, positions_of(coordinates, length, size, scale, size + 1)), axis)


def _wide_matrix(layer: Resize, size: int, positions: np.ndarray, share: float) -> np.ndarray:
    """Return each input element's weight in each output element, the kernel being wider by a share's inverse."""
    reach = math.ceil((2 if layer.mode == "cubic" else 1) / share)
    taps = np.floor(positions)[:, None] + np.arange(-reach, reach + 2, dtype=np.float32)
    distance = np.abs(taps - positions[:, None]) * np.float32(share)
    weight = keys(distance, layer.coefficient) if layer.mode == "cubic" else np.maximum(0, 1 - distance)
    if layer.exclude_outside:
        weight = np.where((taps >= 0) & (taps < size), weight, 0)
    weight = weight / weight.sum(axis=1, keepdims=True)
    matrix = np.zeros((len(positions), size), np.float32)
    rows = np.broadcast_to(np.arange(len(positions))[:, None], taps.shape)
    np.add.at(matrix, (rows, np.clip(taps, 0, size - 1).astype(np.int64)), weight)
    return matrix


def _scaled(size: int, scale: float) -> int:
    """Return a size times a scale; where a name stands for the size while a program is exported, a whole scale does."""
    whole = is_symbolic_dim(size) and scale == int(scale)
    return size * int(scale) if whole else int(np.float32(size) * np.float32(scale))


def _repeats(layer: Resize, scale: float) -> bool:
    """Whether each element is repeated, whatever the size."""
    first = layer.mode == "nearest" and layer.coordinates == "asymmetric" and layer.rounding == "floor"
    return first and scale == int(scale)


@lowers(Interp)
def interp(layer: Interp, weights: Weights, x: Any) -> Any:
    """See :class:`~jaxdnn.layers.resize.Interp`."""
    del weights
    for axis in [normalize_axis(axis, x.ndim) for axis in layer.axes]:
        size = (x.shape[axis] - 1) // layer.shrink * layer.zoom + 1
        x = interpolate(x, positions_of("align_corners", x.shape[axis], size), axis)
    return x


@lowers(Resample)
def resample(layer: Resample, weights: Weights, x: Any, reference: Any = None) -> Any:
    """Multiply with a dense matrix along each axis."""
    del weights
    axes = [normalize_axis(axis, x.ndim) for axis in layer.axes]
    size = layer.size if reference is None else _sizes_of(reference, axes)
    if size is None:
        raise ShapeError("no output size is given, neither by an attribute nor by a second input")
    ratios = [np.float32(x.shape[axis] / n) for axis, n in zip(axes, size, strict=True)]
    antialias = layer.antialias and bool(max(ratios) > 1)
    for axis, n, ratio, other in zip(axes, size, ratios, ratios[::-1], strict=True):
        positions = np.arange(n, dtype=np.float32) * ratio + other / 2 - np.float32(0.5)
        if layer.mode == "nearest":
            x = _take(x, half_away(positions), axis)
        else:
            matrix = _filter_matrix(layer.mode, x.shape[axis], positions, ratio, antialias)
            x = _apply(x, matrix, axis)
    return x


@lowers(ScaleAndTranslate)
def scale_and_translate(layer: ScaleAndTranslate, weights: Weights, x: Any) -> Any:
    """Multiply with a dense matrix along each axis."""
    del weights
    along = zip(layer.axes, layer.size, layer.scale, layer.translation, strict=True)
    for axis, size, scale, translation in along:
        axis = normalize_axis(axis, x.ndim)
        step = np.float32(1) / np.float32(scale)
        positions = (np.arange(size, dtype=np.float32) + np.float32(0.5)) * step - step * np.float32(
            translation
        )
        widening = max(step, np.float32(1)) if layer.antialias else np.float32(1)
        x = _apply(x, _kernel_matrix(layer.kernel, x.shape[axis], positions, widening), axis)
    return x


def _kernel_matrix(kernel: str, size: int, positions: np.ndarray, widening: np.float32) -> np.ndarray:
    """Return each input element's normalised weight in each output element."""
    half, reach = np.float32(0.5), np.float32(KERNELS[kernel]) * widening
    first, last = (
        np.clip(ends, 0, size - 1)[:, None]
        for ends in (np.ceil(positions - reach - half), np.floor(positions + reach - half))
    )
    taps = np.arange(size, dtype=np.float32)
    weight = KERNEL_FUNCTIONS[kernel](np.abs(taps + half - positions[:, None]) / widening)
    inside = ((positions >= 0) & (positions <= size))[:, None]
    weight = np.where((taps >= first) & (taps <= last) & inside, weight, 0).astype(np.float32)
    total = weight.sum(axis=1, keepdims=True)
    vanishes = np.abs(total) < 1000 * np.finfo(np.float32).tiny
    return weight / np.where(vanishes, 1, total)


@lowers(CropAndResize, float32=True)
def crop_and_resize(
    layer: CropAndResize, weights: Weights, images: Any, boxes: Any, box_images: Any
) -> jax.Array:
    """Gather the elements around all positions of all boxes at once."""
    del weights
    if boxes.shape != (len(boxes), 4) or box_images.shape != (len(boxes),):
        raise ShapeError(f"boxes {dims(boxes.shape)} and their images {dims(box_images.shape)} do not fit")
    axes = [normalize_axis(axis, images.ndim) for axis in layer.axes]
    stack = jnp.moveaxis(_as_floating(images), axes, (1, 2))
    pixels = stack.reshape(*stack.shape[:3], math.prod(stack.shape[3:]))
    image = box_images.astype(np.int32).reshape(-1, 1, 1)
    rows = _box_positions(boxes[:, 0], boxes[:, 2], pixels.shape[1], layer.size[0])
    columns = _box_positions(boxes[:, 1], boxes[:, 3], pixels.shape[2], layer.size[1])
    if layer.extrapolation is None:
        rows, columns = jnp.clip(rows, 0, pixels.shape[1] - 1), jnp.clip(columns, 0, pixels.shape[2] - 1)

    def at(y: jax.Array, x: jax.Array) -> jax.Array:
        y = jnp.clip(y.astype(np.int32), 0, pixels.shape[1] - 1)[:, :, None]
        x = jnp.clip(x.astype(np.int32), 0, pixels.shape[2] - 1)[:, None, :]
        return pixels[image, y, x]

    if layer.mode == "nearest":
        y = at(jnp.floor(rows + 0.5), jnp.floor(columns + 0.5))
    else:
        top, left = jnp.floor(rows), jnp.floor(columns)
        down = (rows - top)[:, :, None, None]
        right = (columns - left)[:, None, :, None]
        upper = at(top, left) * (1 - right) + at(top, left + 1) * right
        lower = at(top + 1, left) * (1 - right) + at(top + 1, left + 1) * right
        y = upper * (1 - down) + lower * down
    if layer.extrapolation is not None:
        inside = _inside(rows, pixels.shape[1])[:, :, None] & _inside(columns, pixels.shape[2])[:, None, :]
        y = jnp.where(inside[..., None], y, layer.extrapolation)
    return jnp.moveaxis(y.reshape(len(boxes), *layer.size, *stack.shape[3:]), (1, 2), axes)


def _sizes_of(reference: Any, axes: list[int]) -> tuple[int, ...]:
    if max(axes) >= reference.ndim:
        raise ShapeError(f"the reference {dims(reference.shape)} has no axis {max(axes)}")
    return tuple(reference.shape[axis] for axis in axes)


def _apply(x: Any, matrix: np.ndarray, axis: int) -> Any:
    """Multiply with a matrix along an axis."""
    x = _as_floating(x)
    return jnp.moveaxis(jnp.tensordot(x, jnp.asarray(matrix, x.dtype), axes=(axis, 1)), -1, axis)


def _area_matrix(size: int, ends: np.ndarray) -> np.ndarray:
    """Return each input element's part of what lies between each end and the next one."""
    step = ends[1]
    first = np.arange(np.ceil(ends[-1]), dtype=np.float32)
    overlap = np.minimum(ends[1:, None], first + 1) - np.maximum(ends[:-1, None], first)
    matrix = np.zeros((len(ends) - 1, size), np.float32)
    for place, part in enumerate(np.maximum(overlap, 0).T):
        matrix[:, min(place, size - 1)] += part / step
    return matrix


def _take(x: Any, positions: np.ndarray, axis: int) -> Any:
    """Take elements at whole positions; those beyond an end take the outermost one."""
    return jnp.take(x, positions.astype(np.int32), axis=axis, mode="clip")


def interpolate(x: Any, positions: np.ndarray, axis: int) -> Any:
    """Mix the two elements around each position along an axis."""
    x = _as_floating(x)
    if np.array_equal(positions, np.arange(x.shape[axis])):
        return x
    before = np.floor(positions)
    shape = [-1 if i == axis else 1 for i in range(x.ndim)]
    share = jnp.asarray((positions - before).reshape(shape), x.dtype)
    return _take(x, before, axis) * (1 - share) + _take(x, before + 1, axis) * share


def _mix_four(layer: Resize, x: Any, positions: np.ndarray, axis: int) -> Any:
    """Mix the two elements on either side of each position along an axis."""
    x = _as_floating(x)
    first = np.floor(positions)
    share = positions - first
    if layer.steps:
        share = np.rint(share * layer.steps) / np.float32(layer.steps)
    taps = first[:, None] + np.arange(-1, 3, dtype=np.float32)
    weight = keys(np.abs(share[:, None] - np.arange(-1, 3, dtype=np.float32)), layer.coefficient)
    if layer.exclude_outside:
        weight = np.where((taps >= 0) & (taps < x.shape[axis]), weight, 0)
        weight = weight / weight.sum(axis=1, keepdims=True)
    shape = [-1 if i == axis else 1 for i in range(x.ndim)]
    parts = [
        _take(x, taps[:, tap], axis) * jnp.asarray(weight[:, tap].reshape(shape), x.dtype) for tap in range(4)
    ]
    return sum(parts[1:], parts[0])


def _as_floating(x: Any) -> jax.Array:
    return jnp.asarray(x if jnp.issubdtype(x.dtype, jnp.floating) else x.astype(np.float32))


def _filter_matrix(mode: str, size: int, positions: np.ndarray, ratio: np.float32, antialias: bool) -> Any:
    """Return each input element's normalised weight in each output element."""
    factor = 1 / ratio if antialias else np.float32(1)
    reach = 2 if ratio < 1 else np.ceil((4 if mode == "cubic" else 2) / factor)
    taps = np.arange(size, dtype=np.float32)
    distance = np.abs(factor * (positions[:, None] - taps))
    weight = keys(distance) if mode == "cubic" else np.maximum(0, 1 - distance)
    weight = np.where(np.abs(taps - half_away(positions)[:, None]) <= reach, weight, 0)
    total = weight.sum(axis=1, keepdims=True)
    return np.divide(weight, total, out=np.zeros_like(weight), where=total != 0)


def _box_positions(first: jax.Array, last: jax.Array, size: int, count: int) -> jax.Array:
    """Return the positions (boxes, count) along one side of each box."""
    if count == 1:
        return (0.5 * (first + last) * (size - 1)).reshape(-1, 1)
    # XLA would multiply with a constant's reciprocal, and a box that ends at the last element would end behind
    # it. So the divisor is no constant: it differs where it does not matter.
    intervals = jnp.where(jnp.isnan(first), 1, count - 1).astype(first.dtype)
    step = (last - first) * (size - 1) / intervals
    index = jnp.arange(count, dtype=step.dtype).reshape(1, -1)
    parts = jnp.concatenate([(first * (size - 1)).reshape(-1, 1), index * step.reshape(-1, 1)], axis=1)
    # XLA would compute positions anew where elements are gathered and where weights are, and round them otherwise:
    # an element beside the position would get the weight of the next one. It does not compute products twice. It
    # would also join the multiplication with the sum and not round in between, so that a position on an edge could
    # leave the image; so the sum is part of the product.
    return jnp.dot(parts, jnp.eye(count + 1, count, -1, dtype=step.dtype).at[0].set(1), precision="highest")


def _inside(positions: jax.Array, size: int) -> Any:
    return (positions >= 0) & (positions <= size - 1)
