"""numpy stays numpy: which array module a layer that only moves values computes with."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdnn.errors import LayerError

MOST_KNOWN = 2**27
"""How many elements a value may have that is computed while a program is traced: a few bytes may ask for any number."""


def namespace(*arrays: Any, elements: int = 0) -> Any:
    """Return numpy if all arrays are numpy's, and jax.numpy otherwise.

    Values that are computed from constants and shapes alone then stay concrete while a program is traced:
    prior boxes are constants, and shape arithmetic never reaches XLA.

    Args:
        arrays: what is computed with.
        elements: how many the result has, if that may be far more than the arrays have. More than
            :data:`MOST_KNOWN` are left to XLA, before which sizes are checked.
    """
    known = all(isinstance(array, np.ndarray | np.generic) for array in arrays)
    return np if known and elements <= MOST_KNOWN else jnp


def narrow(value: Any) -> Any:
    """Return a value in the type that jax computes it in; only numpy arrays can have another one.

    Without ``jax_enable_x64`` 64-bit types compute in 32 bits: int64 as int32, uint64 as uint32, float64 as
    float32, complex128 as complex64. Floating constants are rounded.

    Raises:
        LayerError: an integer, or a floating constant's magnitude, does not fit 32 bits.
    """
    if not isinstance(value, np.ndarray | np.generic):
        return value
    dtype = jax.dtypes.canonicalize_dtype(value.dtype)
    if dtype == value.dtype:
        return np.asarray(value)
    with np.errstate(over="ignore"):
        narrowed = np.asarray(value).astype(dtype)
    lost = narrowed != value if value.dtype.kind in "iu" else np.isinf(narrowed) & np.isfinite(value)
    if np.any(lost):
        found = np.asarray(value)[lost].flat[0]
        raise LayerError(f"the {value.dtype} constant {found} does not fit {dtype}: enable jax_enable_x64")
    return narrowed
