"""How diagonals are found: their places are known, so that a gather or a scatter does it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdnn.errors import ShapeError
from jaxdnn.layers.base import dims
from jaxdnn.layers.diagonal import (
    BandPart,
    Diagonal,
    DiagonalPart,
    SetDiagonal,
    TensorDiagonal,
    TensorDiagonalPart,
    Triangle,
)
from jaxdnn.lowering.namespace import namespace
from jaxdnn.lowering.registry import lowers

Weights = Mapping[str, jax.Array]


@lowers(BandPart, moves=True)
def band_part(layer: BandPart, weights: Weights, x: jax.Array) -> jax.Array:
    """See :class:`~jaxdnn.layers.diagonal.BandPart`."""
    del weights
    _require_matrices(x)
    distance = np.subtract.outer(np.arange(x.shape[-2]), np.arange(x.shape[-1]))
    keep = (layer.lower < 0) | (distance <= layer.lower)
    keep &= (layer.upper < 0) | (-distance <= layer.upper)
    keep = keep.reshape((1,) * (x.ndim - 2) + keep.shape)
    return jnp.where(keep, x, jnp.zeros((), x.dtype))


@lowers(Triangle, numpy=True, moves=True)
def triangle(layer: Triangle, weights: Weights, x: Any) -> Any:
    """See :class:`~jaxdnn.layers.diagonal.Triangle`."""
    del weights
    _require_matrices(x)
    number = np.subtract.outer(-np.arange(x.shape[-2]), -np.arange(x.shape[-1]))
    keep = number >= layer.diagonal if layer.upper else number <= layer.diagonal
    keep = keep.reshape((1,) * (x.ndim - 2) + keep.shape)
    return namespace(x).where(keep, x, np.zeros((), x.dtype))


@lowers(Diagonal, moves=True)
def diagonal(layer: Diagonal, weights: Weights, x: jax.Array, *fill: jax.Array) -> jax.Array:
    """See :class:`~jaxdnn.layers.diagonal.Diagonal`."""
    del weights
    if x.ndim < len(layer.diagonals):
        raise ShapeError(f"{dims(x.shape)} holds no diagonals {layer.diagonals}")
    longest = x.shape[-1]
    fewest = longest - min(layer.upper, 0), longest + max(layer.lower, 0)
    if layer.rows == layer.columns == -1:
        fewest = (max(fewest),) * 2
    given = (layer.rows, layer.columns)
    size = tuple(few if n == -1 else n for n, few in zip(given, fewest, strict=True))
    batch = x.shape[: x.ndim - (1 if layer.lower == layer.upper else 2)]
    matrices = jnp.broadcast_to(_fill(x, fill).reshape((1,) * (len(batch) + 2)), (*batch, *size))
    return _set(layer, matrices, x)


@lowers(DiagonalPart, moves=True)
def diagonal_part(layer: DiagonalPart, weights: Weights, x: jax.Array, *fill: jax.Array) -> jax.Array:
    """See :class:`~jaxdnn.layers.diagonal.DiagonalPart`."""
    del weights
    rows, columns, valid = _places(layer, x)
    taken = x[..., rows, columns]
    fills = _fill(x, fill).reshape((1,) * taken.ndim)
    y = jnp.where(valid.reshape((1,) * (x.ndim - 2) + valid.shape), taken, fills)
    return y[..., 0, :] if layer.lower == layer.upper else y


@lowers(SetDiagonal, moves=True)
def set_diagonal(layer: SetDiagonal, weights: Weights, x: jax.Array, diagonals: jax.Array) -> jax.Array:
    """See :class:`~jaxdnn.layers.diagonal.SetDiagonal`."""
    del weights
    return _set(layer, x, diagonals)


def _fill(x: jax.Array, given: tuple[jax.Array, ...]) -> jax.Array:
    if given and given[0].size != 1:
        raise ShapeError(f"what fills the rest is {dims(given[0].shape)}, a scalar expected")
    return given[0] if given else jnp.zeros((), x.dtype)


def _set(layer: Diagonal | SetDiagonal, x: jax.Array, diagonals: jax.Array) -> jax.Array:
    rows, columns, valid = _places(layer, x)
    expected = x.shape[:-2] + (valid.shape[1:] if layer.lower == layer.upper else valid.shape)
    if diagonals.shape != expected:
        raise ShapeError(f"the diagonals are {dims(diagonals.shape)}, {dims(expected)} expected")
    vectors = diagonals.reshape(*x.shape[:-2], *valid.shape)
    return x.at[..., rows[valid], columns[valid]].set(vectors[..., valid])


def _places(
    layer: Diagonal | DiagonalPart | SetDiagonal, x: jax.Array
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return row, column and validity of each element of the vectors, each (number of diagonals, longest)."""
    _require_matrices(x)
    rows, columns = x.shape[-2:]
    if not -rows < layer.lower <= layer.upper < columns and x.size:
        raise ShapeError(f"matrices of {rows}x{columns} have no diagonals {layer.diagonals}")
    numbers = np.arange(layer.upper, layer.lower - 1, -1).reshape(-1, 1)
    lengths = np.minimum(columns - np.maximum(numbers, 0), rows + np.minimum(numbers, 0))
    longest = max(int(lengths.max()), 0)
    above, below = (side == "right" for side in layer.align.split("_"))
    right = ((numbers >= 0) & above) | ((numbers <= 0) & below)
    along = np.arange(longest) - np.where(right, longest - lengths, 0)
    valid = (along >= 0) & (along < lengths)
    along = np.where(valid, along, 0)
    return along - np.minimum(numbers, 0), along + np.maximum(numbers, 0), valid


def _require_matrices(x: Any) -> None:
    if x.ndim < 2:
        raise ShapeError(f"a matrix has two axes or more, got {dims(x.shape)}")


@lowers(TensorDiagonal, moves=True)
def tensor_diagonal(layer: TensorDiagonal, weights: Weights, x: jax.Array) -> jax.Array:
    """See :class:`~jaxdnn.layers.diagonal.TensorDiagonal`."""
    del layer, weights
    return jnp.diag(x.reshape(-1)).reshape(x.shape * 2)


@lowers(TensorDiagonalPart, moves=True)
def tensor_diagonal_part(layer: TensorDiagonalPart, weights: Weights, x: jax.Array) -> jax.Array:
    """See :class:`~jaxdnn.layers.diagonal.TensorDiagonalPart`."""
    del layer, weights
    half = x.shape[: x.ndim // 2]
    if half * 2 != x.shape or not half:
        raise ShapeError(f"{dims(x.shape)} is not the same sizes twice")
    y: jax.Array = jnp.diagonal(x.reshape(math.prod(half), -1)).reshape(half)
    return y
