"""How the layers of optical flow compute."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxdnn.errors import ShapeError
from jaxdnn.layers.base import dims, normalize_axis
from jaxdnn.layers.optical_flow import Accum, CenterCrop, ChannelNorm, Correlation, FlowWarp, SubtractMean
from jaxdnn.layers.resize import Resize
from jaxdnn.lowering.registry import lowers
from jaxdnn.lowering.resize import interpolate, resize

Weights = Mapping[str, jax.Array]


def _require_pictures(*values: jax.Array) -> None:
    for x in values:
        if x.ndim != 4:
            raise ShapeError(f"takes pictures NxCxHxW, got {dims(x.shape)}")


@lowers(Correlation, float32=True)
def correlation(layer: Correlation, weights: Weights, a: jax.Array, b: jax.Array) -> jax.Array:
    """Compare all pairs of elements in two rows, for one vertical shift after the other."""
    del weights
    _require_pictures(a, b)
    if a.shape != b.shape:
        raise ShapeError(f"one picture is {dims(a.shape)}, the other {dims(b.shape)}")
    sizes, extents = [], []
    for size, padding, margin in zip(a.shape[2:], layer.padding, layer.margin, strict=True):
        room = size + 2 * padding - 2 * margin - (layer.kernel - 1)
        if room < 1:
            raise ShapeError(
                f"no window fits into {size} pixels padded by {padding}, with a margin of {margin}"
            )
        sizes.append(math.ceil(room / layer.stride))
        extents.append((sizes[-1] - 1) * layer.stride + layer.kernel)
    reach = [max(map(abs, shifts)) for shifts in (layer.vertical, layer.horizontal)]
    slack = [max(0, r - m) for r, m in zip(reach, layer.margin, strict=True)]
    ends = [(p + s, p + s) for p, s in zip(layer.padding, slack, strict=True)]
    a, b = (jnp.pad(x, [(0, 0), (0, 0), *ends]) for x in (a, b))
    top, left = (m + s for m, s in zip(layer.margin, slack, strict=True))
    fixed = a[:, :, top : top + extents[0], left : left + extents[1]]
    compare = _products if layer.similarity == "product" else _differences

    def row_pairs(shift: jax.Array) -> jax.Array:
        rows = lax.dynamic_slice_in_dim(b, top + shift, extents[0], axis=2)
        alike = compare(fixed, rows, [left + dx for dx in layer.horizontal])
        return _window_means(alike, layer.kernel, layer.stride, sizes)

    y = lax.map(row_pairs, jnp.asarray(layer.vertical, jnp.int32))
    return jnp.moveaxis(y, 0, 1).reshape(len(a), -1, *sizes)


def _products(a: jax.Array, b: jax.Array, starts: list[int]) -> jax.Array:
    """Return the mean products (N, shifts, H, W): the diagonals of a product of matrices."""
    pairs = jnp.einsum("nchx,nchz->nhxz", a, b) / a.shape[1]
    column = np.arange(a.shape[3])
    found = pairs[:, :, column.reshape(1, -1), column + np.reshape(starts, (-1, 1))]
    return jnp.moveaxis(found, 2, 1)


def _differences(a: jax.Array, b: jax.Array, starts: list[int]) -> jax.Array:
    """Return the mean absolute differences (N, shifts, H, W)."""
    width = a.shape[3]
    return jnp.stack([jnp.abs(a - b[..., start : start + width]).mean(axis=1) for start in starts], axis=1)


def _window_means(x: jax.Array, kernel: int, stride: int, sizes: list[int]) -> jax.Array:
    """Average the last two axes over windows."""
    reach = [(size - 1) * stride + 1 for size in sizes]
    taps = [
        x[..., u : u + reach[0] : stride, v : v + reach[1] : stride]
        for u, v in itertools.product(range(kernel), repeat=2)
    ]
    return sum(taps[1:], taps[0]) / kernel**2


@lowers(FlowWarp, float32=True)
def flow_warp(layer: FlowWarp, weights: Weights, x: jax.Array, flow: jax.Array) -> jax.Array:
    """Gather the four elements around each point."""
    del weights
    _require_pictures(x, flow)
    if flow.shape != (x.shape[0], 2, *x.shape[2:]):
        raise ShapeError(f"the picture is {dims(x.shape)}, the flow {dims(flow.shape)}")
    height, width = x.shape[2:]
    row = flow[:, 1] + jnp.arange(height, dtype=x.dtype).reshape(1, -1, 1)
    column = flow[:, 0] + jnp.arange(width, dtype=x.dtype).reshape(1, 1, -1)
    inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
    row, column = jnp.where(inside, row, 0), jnp.where(inside, column, 0)
    top, left = row.astype(jnp.int32), column.astype(jnp.int32)
    bottom, right = jnp.minimum(top + 1, height - 1), jnp.minimum(left + 1, width - 1)
    image = jnp.arange(len(x), dtype=jnp.int32).reshape(-1, 1, 1)
    pixels = jnp.moveaxis(x, 1, -1)
    down = (row - top.astype(x.dtype))[..., None]
    aside = (column - left.astype(x.dtype))[..., None]
    upper = pixels[image, top, left] * (1 - aside) + pixels[image, top, right] * aside
    lower = pixels[image, bottom, left] * (1 - aside) + pixels[image, bottom, right] * aside
    y = jnp.where(inside[..., None], upper * (1 - down) + lower * down, layer.fill)
    return jnp.moveaxis(y, -1, 1)


@lowers(ChannelNorm, float32=True)
def channel_norm(layer: ChannelNorm, weights: Weights, x: jax.Array) -> jax.Array:
    """See :class:`~jaxdnn.layers.optical_flow.ChannelNorm`."""
    del weights
    squared = jnp.square(x).sum(axis=normalize_axis(layer.axis, x.ndim), keepdims=True)
    # The root's slope at zero is infinite, and a flow of zero must not make gradients NaN.
    return jnp.where(squared > 0, jnp.sqrt(jnp.where(squared > 0, squared, 1)), 0)


@lowers(Accum)
def accum(layer: Accum, weights: Weights, *inputs: jax.Array) -> jax.Array:
    """Resize each input, and concatenate."""
    del weights
    joined = inputs[:-1] if layer.reference else inputs
    _require_pictures(*inputs)
    if not joined:
        raise ShapeError("a value is needed besides the reference")
    size = inputs[-1].shape[2:] if layer.reference else _largest_size(layer, joined)
    resized = [resize(Resize(size=size, coordinates="align_corners"), {}, x) for x in joined]
    return jnp.concatenate(resized, axis=1)


def _largest_size(layer: Accum, inputs: tuple[jax.Array, ...]) -> tuple[int, int]:
    largest = max(x.shape[2] for x in inputs), max(x.shape[3] for x in inputs)
    wanted = layer.size
    if layer.divisor:
        height, width = (math.ceil(size / layer.divisor) * layer.divisor for size in largest)
        wanted = height, width
    return wanted if wanted[0] > largest[0] and wanted[1] > largest[1] else largest


@lowers(CenterCrop)
def center_crop(layer: CenterCrop, weights: Weights, x: jax.Array) -> jax.Array:
    """Interpolate along one axis after the other."""
    del weights
    _require_pictures(x)
    if x.shape[2] < layer.size[0] or x.shape[3] < layer.size[1]:
        raise ShapeError(f"{dims(layer.size)} pixels cannot be cut out of {dims(x.shape)}")
    for axis, size in zip((2, 3), layer.size, strict=True):
        positions = np.arange(size, dtype=np.float32) + np.float32((x.shape[axis] - size) / 2)
        last = np.float32(x.shape[axis] - layer.edge)
        x = interpolate(x, np.maximum(np.minimum(positions, last), 0), axis)
    return x


@lowers(SubtractMean)
def subtract_mean(layer: SubtractMean, weights: Weights, x: jax.Array) -> jax.Array:
    """See :class:`~jaxdnn.layers.optical_flow.SubtractMean`."""
    _require_pictures(x)
    if len(layer.constant) not in (0, 1, x.shape[1]):
        raise ShapeError(f"{len(layer.constant)} constants for {x.shape[1]} channels")
    if layer.constant:
        mean = jnp.asarray(layer.constant, x.dtype).reshape(-1, 1, 1)
    elif not layer.per_pixel:
        mean = weights["channel_mean"].reshape(-1, 1, 1)
    else:
        mean = weights["pixel_mean"]
        if mean.shape != x.shape[1:]:
            mean = mean.mean(axis=(1, 2), keepdims=True)
    return x - mean.reshape(1, *mean.shape)
