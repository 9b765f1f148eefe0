"""numpy stays numpy: which array module a layer that only moves values computes with."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np


def namespace(*arrays: Any) -> Any:
    """Return numpy if all arrays are numpy's, and jax.numpy otherwise.

    Values that are computed from constants and shapes alone then stay concrete while a program is traced:
    prior boxes are constants, and shape arithmetic never reaches XLA.
    """
    return np if all(isinstance(array, np.ndarray | np.generic) for array in arrays) else jnp
