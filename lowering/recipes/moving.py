"""What moves numbers without computing anything, by C++ kernels: XLA does it number by number, or on one core."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from jaxdnn.lowering import native
from jaxdnn.lowering.recipes.platforms import may_call_kernels

_WORTH_A_CALL = 2**13
"""Numbers; fewer are moved in less time than it takes to call a kernel."""
_FEWEST_ROWS = 16
"""Rows that are joined; of fewer ones XLA copies large pieces, too."""


def channels_last(x: jax.Array) -> jax.Array:
    """Return an image (batch, channels, *spatial) as (batch, *spatial, channels)."""
    batch, channels, *spatial = x.shape
    if not _worth_a_call(x):
        return jnp.moveaxis(x, 1, -1)
    return _exchanged(x.reshape(batch, channels, math.prod(spatial))).reshape(batch, *spatial, channels)


def channels_first(x: jax.Array) -> jax.Array:
    """Return an image (batch, *spatial, channels) as (batch, channels, *spatial)."""
    batch, *spatial, channels = x.shape
    if not _worth_a_call(x):
        return jnp.moveaxis(x, -1, 1)
    return _exchanged(x.reshape(batch, math.prod(spatial), channels)).reshape(batch, channels, *spatial)


def joined(arrays: Sequence[jax.Array], axis: int) -> jax.Array:
    """Concatenate arrays along an axis, which is not negative."""
    if not _worth_a_call(*arrays) or math.prod(arrays[0].shape[:axis]) < _FEWEST_ROWS:
        return jnp.concatenate(arrays, axis)
    rows = [array.reshape(math.prod(array.shape[:axis]), math.prod(array.shape[axis:])) for array in arrays]
    size = sum(array.shape[axis] for array in arrays)
    return _rows_joined(rows).reshape(*arrays[0].shape[:axis], size, *arrays[0].shape[axis + 1 :])


def _worth_a_call(*arrays: jax.Array) -> bool:
    known = all(isinstance(size, int) for array in arrays for size in array.shape)
    single = all(array.dtype == jnp.float32 for array in arrays)
    return known and single and sum(array.size for array in arrays) >= _WORTH_A_CALL and may_call_kernels()


@jax.custom_jvp
def _exchanged(x: jax.Array) -> jax.Array:
    """Return matrices (count, rows, columns) as (count, columns, rows)."""
    count, rows, columns = x.shape
    if 1 in (rows, columns):
        return x.reshape(count, columns, rows)
    return native.loaded().call("transposition", (count, columns, rows))(x)[0]


@_exchanged.defjvp
def _exchanged_derivative(primals: tuple[Any], tangents: tuple[Any]) -> tuple[jax.Array, jax.Array]:
    return jax.jvp(lambda x: x.swapaxes(1, 2), primals, tangents)


@jax.custom_jvp
def _rows_joined(arrays: list[jax.Array]) -> jax.Array:
    """Concatenate matrices along their columns."""
    columns = sum(array.shape[1] for array in arrays)
    return native.loaded().call("joining", (arrays[0].shape[0], columns))(*arrays)[0]


@_rows_joined.defjvp
def _rows_joined_derivative(primals: tuple[Any], tangents: tuple[Any]) -> tuple[jax.Array, jax.Array]:
    return jax.jvp(lambda arrays: jnp.concatenate(arrays, 1), primals, tangents)
