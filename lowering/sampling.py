"""How images are looked up at any positions."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from jaxdnn.errors import ShapeError
from jaxdnn.layers.base import dims
from jaxdnn.layers.sampling import AffineGrid, GridSample
from jaxdnn.lowering.registry import lowers


def sample(
    x: jax.Array, places: Sequence[jax.Array], mode: str, outside: str, align_corners: bool = False
) -> jax.Array:
    """Return the elements of images at positions, interpolated.

    Args:
        x: (batch, channels, *spatial).
        places: for each spatial axis the positions along it, counted in elements, (batch, *output).
        mode, outside, align_corners: see :class:`~jaxdnn.layers.sampling.GridSample`.

    Returns:
        (batch, channels, *output).
    """
    batch, channels, *spatial = x.shape
    output = places[0].shape[1:]
    images = x.reshape(batch, channels, math.prod(spatial))
    taps = [_taps(place.reshape(batch, -1), mode) for place in places]
    total = jnp.zeros((batch, channels, math.prod(output)), x.dtype)
    for corner in itertools.product(*taps):
        index = jnp.zeros((batch, math.prod(output)), jnp.int32)
        share = jnp.ones(index.shape, x.dtype)
        for size, (place, weight) in zip(spatial, corner, strict=True):
            share = share * weight.astype(x.dtype)
            if outside == "zeros":
                share = jnp.where((place >= 0) & (place <= size - 1), share, 0)
            elif outside == "reflection":
                place = _reflected(place, size, align_corners)
            index = index * size + jnp.clip(place, 0, size - 1).astype(jnp.int32)
        found = jax.vmap(lambda image, where: image[:, where])(images, index)
        # What is not a number stays outside if it does not count.
        total = total + jnp.where(share[:, None] == 0, 0, found * share[:, None])
    return total.reshape(batch, channels, *output)


def _taps(place: jax.Array, mode: str) -> list[tuple[jax.Array, jax.Array]]:
    """Return the whole positions that are mixed along an axis, and their weights."""
    if mode == "nearest":
        return [(jnp.round(place), jnp.ones_like(place))]
    first = jnp.floor(place)
    share = place - first
    if mode == "linear":
        return [(first, 1 - share), (first + 1, share)]
    near, far = _cubic(share), _cubic(1 - share)
    return [(first - 1, near[1]), (first, near[0]), (first + 1, far[0]), (first + 2, far[1])]


def _cubic(d: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return Keys' kernel of coefficient -0.75 at distances below 1, and at those plus 1."""
    a, more = -0.75, d + 1
    return ((a + 2) * d - (a + 3)) * d * d + 1, ((a * more - 5 * a) * more + 8 * a) * more - 4 * a


def _reflected(place: jax.Array, size: int, align_corners: bool) -> jax.Array:
    """Mirror whole positions at the ends until they are inside."""
    low, span = (0.0, float(size - 1)) if align_corners else (-0.5, float(size))
    if span == 0:
        return jnp.zeros_like(place)
    along = jnp.mod(place - low, 2 * span)
    return jnp.round(jnp.minimum(along, 2 * span - along) + low)


@lowers(GridSample, float32=True, indices=(1,))
def grid_sample(
    layer: GridSample, weights: Mapping[str, jax.Array], x: jax.Array, grid: jax.Array
) -> jax.Array:
    """See :class:`~jaxdnn.layers.sampling.GridSample`."""
    del weights
    rank = x.ndim - 2
    if rank < 1 or grid.ndim != x.ndim or grid.shape[0] != x.shape[0] or grid.shape[-1] != rank:
        raise ShapeError(f"the grid {dims(grid.shape)} does not fit images of {dims(x.shape)}")
    places = []
    for axis, size in enumerate(x.shape[2:]):
        along = grid[..., rank - 1 - axis].astype(x.dtype)
        scaled = (along + 1) / 2 * (size - 1) if layer.align_corners else ((along + 1) * size - 1) / 2
        places.append(scaled)
    return sample(x, places, layer.mode, layer.outside, layer.align_corners)


@lowers(AffineGrid, float32=True)
def affine_grid(layer: AffineGrid, weights: Mapping[str, jax.Array], matrix: jax.Array) -> jax.Array:
    """See :class:`~jaxdnn.layers.sampling.AffineGrid`."""
    del weights
    batch, _, *spatial = layer.size
    rank = len(spatial)
    if matrix.shape != (batch, rank, rank + 1):
        raise ShapeError(
            f"matrices are {dims(matrix.shape)}, {dims((batch, rank, rank + 1))} expected for {dims(layer.size)}"
        )
    ends = [1.0 if layer.align_corners else 1 - 1 / max(size, 1) for size in spatial]
    along = [np.linspace(-end, end, size) for end, size in zip(ends, spatial, strict=True)]
    grid = np.stack([*np.meshgrid(*along, indexing="ij")[::-1], np.ones(spatial)], axis=-1)
    return jnp.einsum("...k,njk->n...j", jnp.asarray(grid, matrix.dtype), matrix, precision="highest")
