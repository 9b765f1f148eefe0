"""Floating-point types: which of them hold others, and converting values."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from jaxdnn.lowering.padded import Padded

_HALVES = ("float16", "bfloat16")


def at_least_float32(dtype: str) -> str:
    """Return float32 for a half type, any other type as it is."""
    return "float32" if dtype in _HALVES else dtype


def widest(first: str, second: str) -> str:
    """Return a type that holds the numbers of both."""
    return first if first == second else str(np.promote_types(*map(at_least_float32, (first, second))))


def is_half(value: Any) -> bool:
    """Whether an array, padded or not, is of a half type."""
    return str(value.dtype) in _HALVES


def cast(value: Any, dtype: str) -> Any:
    """Convert floating arrays to a type; numpy stays numpy, so that constants stay concrete."""
    if isinstance(value, Padded):
        return value.like(cast(value.values, dtype))
    if value.dtype == dtype or not jnp.issubdtype(value.dtype, jnp.floating):
        return value
    return value.astype(dtype)
