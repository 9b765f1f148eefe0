"""How values change their type."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdnn.layers.arithmetic import Cast
from jaxdnn.lowering.namespace import namespace

_POWERS_OF_TWO = jnp.dtype(jnp.float8_e8m0fnu)
_EXPONENT = 127
"""Of the largest power of two in 8 bits; that of the smallest one is its negative."""


def casted(layer: Cast, x: Any) -> Any:
    """Compute a cast. Floating types keep their rounding only: what follows computes in the policy's type."""
    dtype = jax.dtypes.canonicalize_dtype(jnp.dtype(layer.dtype))
    if dtype == _POWERS_OF_TWO:
        return _power_of_two(layer, x.astype(np.float32))
    if layer.saturate and dtype.itemsize == 1 and jnp.issubdtype(dtype, jnp.floating):
        limits = jnp.finfo(dtype)  # type: ignore[no-untyped-call]
        wide = x.astype(np.float32)
        x = namespace(x).clip(wide, np.float32(limits.min), np.float32(limits.max))
    return converted(x, dtype)


def converted(x: Any, dtype: Any) -> Any:
    """Convert an array, see :class:`~jaxdnn.layers.arithmetic.Cast`."""
    xp = namespace(x)
    if dtype.kind == "b":
        return x != xp.zeros((), x.dtype)
    if jnp.issubdtype(x.dtype, jnp.floating) and jnp.issubdtype(dtype, jnp.integer):
        whole = np.dtype(np.int32) if dtype.itemsize < 4 else dtype
        x = to_integers(xp, xp.trunc(x), whole)
    return x.astype(dtype)


def _power_of_two(layer: Cast, x: Any) -> Any:
    """Find the power from mantissa and exponent; the type's own rounding knows one way only."""
    xp = namespace(x)
    mantissa, exponent = xp.frexp(x)
    least = {
        "up": np.nextafter(np.float32(0.5), np.float32(1)),
        "nearest": np.float32(0.75),
        "down": np.float32(1),
    }
    exponent = exponent - (mantissa < least[layer.powers]).astype(exponent.dtype)
    exponent = xp.where(x > 0, exponent, xp.full_like(exponent, -_EXPONENT))
    infinite = xp.full_like(exponent, _EXPONENT + 1)
    exponent = xp.maximum(xp.where(xp.isinf(x), infinite, exponent), xp.full_like(exponent, -_EXPONENT))
    beyond = exponent > _EXPONENT
    if layer.saturate:
        exponent, beyond = xp.minimum(exponent, xp.full_like(exponent, _EXPONENT)), xp.zeros_like(beyond)
    y = xp.ldexp(xp.ones_like(x), xp.minimum(exponent, xp.full_like(exponent, _EXPONENT)))
    return xp.where(beyond | xp.isnan(x), xp.full_like(y, math.nan), y)


def to_integers(xp: Any, x: Any, dtype: Any) -> Any:
    """Convert whole floating numbers, those beyond the type's ends to its ends and what is no number to 0."""
    limits = np.iinfo(dtype)
    wide = x.astype(np.float32) if x.dtype.itemsize < 4 else x
    # The largest int32 is no float32: its neighbours are 128 less and one more.
    first, last = (wide.dtype.type(limit) for limit in (limits.min, limits.max))
    inside = (wide > first) & (wide < last)
    y = xp.where(inside, wide, xp.zeros_like(wide)).astype(dtype)
    y = xp.where(wide >= last, xp.asarray(limits.max, dtype), y)
    return xp.where(wide <= first, xp.asarray(limits.min, dtype), y)
