"""Convolution with three taps per axis by Winograd's algorithm: fewer products, each of a whole matrix.

A. Lavin and S. Gray, Fast Algorithms for Convolutional Neural Networks, 2016. The polynomials of a tile of m outputs
and of the three taps are multiplied by their values at m + 1 points and at infinity (Toom and Cook).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache, reduce
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.experimental.xla_metadata import set_xla_metadata

from jaxdnn.lowering.recipes.task import Convolution

_TAPS = 3
_POINTS = (0.0, 2 / 3, -2 / 3, 4 / 3, -4 / 3)
"""Where polynomials are evaluated, in ``winograd.cc``, too. The usual 0, ±1, ±2 round five times as badly."""
OUTPUTS = 4
"""Outputs of a tile along each axis."""
SIDE = OUTPUTS + _TAPS - 1


def winograd(task: Convolution, x: jax.Array, weight: jax.Array) -> jax.Array:
    """Compute tiles of positions along each of two axes; channels lie last.

    Each stage is a function that XLA does not join with the next one: it would compute it again for every reader.
    """
    counts = tiles(task)
    values, _, results = _matrices()
    weight = evaluated(weight).reshape(SIDE**2, task.channels, task.filters)

    def rows(x: jax.Array) -> jax.Array:
        ends = zip(task.padding, counts, task.spatial, strict=True)
        x = task.padded(x, tuple((low, count * OUTPUTS + _TAPS - 1 - low - n) for (low, _), count, n in ends))
        return _combine(values, _apart(x, 1, counts[0]))

    def columns(y: jax.Array) -> jax.Array:
        y = _combine(values, _apart(y, 3, counts[1]))
        return y.reshape(SIDE**2, task.batch * math.prod(counts), task.channels)

    def products(y: jax.Array, weight: jax.Array) -> jax.Array:
        return lax.dot_general(y, weight, (((2,), (1,)), ((0,), (0,))))

    def back(y: jax.Array) -> jax.Array:
        y = y.reshape(SIDE, SIDE, task.batch, *counts, task.filters)
        y = _combine(results, list(y))
        y = _combine(results, [y[:, i] for i in range(SIDE)])
        y = y.transpose(2, 3, 0, 4, 1, 5)
        whole = tuple(count * OUTPUTS for count in counts)
        y = y.reshape(task.shape(task.filters, whole))
        return task.padded(y, tuple((0, n - w) for n, w in zip(task.size, whole, strict=True)))

    y: jax.Array = _stage(back)(_stage(products)(_stage(columns)(_stage(rows)(x)), weight))
    return y


def tiles(task: Convolution) -> tuple[int, ...]:
    """Return how many tiles a picture has along each axis."""
    return tuple(-(-n // OUTPUTS) for n in task.size)


def evaluated(weight: jax.Array) -> jax.Array:
    """Return the values of a weight (filters, channels, 3, 3) as (columns, rows, channels, filters)."""
    _, weights, _ = _matrices()
    weight = weight.transpose(2, 3, 1, 0)
    for axis in (0, 1):
        factors = jnp.asarray(weights, weight.dtype)
        weight = lax.dot_general(factors, weight, (((1,), (axis,)), ((), ())))
    return weight


def _apart(x: jax.Array, axis: int, tiles: int) -> list[jax.Array]:
    """Return for each place in a tile the elements there, of all tiles along an axis."""
    last = (tiles - 1) * OUTPUTS + 1
    return [lax.slice_in_dim(x, place, place + last, OUTPUTS, axis) for place in range(SIDE)]


def _combine(matrix: np.ndarray, parts: Sequence[jax.Array]) -> jax.Array:
    """Multiply a matrix with a vector of arrays; the rows' axis is the first one."""

    def term(factor: float, part: jax.Array) -> jax.Array:
        return part if factor == 1 else part * np.asarray(factor, part.dtype)

    return jnp.stack(
        [reduce(lax.add, (term(f, part) for f, part in zip(row, parts, strict=True) if f)) for row in matrix]
    )


def _stage(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*arrays: jax.Array) -> Any:
        with set_xla_metadata(inlineable="false"):  # type: ignore[no-untyped-call]
            return jax.jit(function)(*arrays)

    return call


@cache
def _matrices() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return what values, weights and products are multiplied with, by Toom and Cook."""
    values, weights, results = (np.zeros(shape) for shape in ((SIDE, SIDE), (SIDE, _TAPS), (OUTPUTS, SIDE)))
    for row, point in enumerate(_POINTS):
        others = [other for other in _POINTS if other != point]
        values[row, :-1] = np.poly(others)[::-1]
        weights[row] = point ** np.arange(_TAPS) / np.prod(point - np.array(others))
        results[:, row] = point ** np.arange(OUTPUTS)
    values[-1] = np.poly(_POINTS)[::-1]
    weights[-1, -1] = results[-1, -1] = 1
    return values, weights, results
