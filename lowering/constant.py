"""How constants compute: they stay numpy where they can."""

from __future__ import annotations

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np

from jaxdnn.layers.constant import Const, Parameter
from jaxdnn.lowering.registry import lowers

_LARGE = 4096


@lowers(Const, moves=True)
def const(layer: Const, weights: Mapping[str, jax.Array]) -> np.ndarray | jax.Array:
    """Return the array; one value repeated very often is left to XLA to spread."""
    del weights
    value = layer.value
    if value.size > _LARGE and not any(value.strides):
        return jnp.full(value.shape, value.flat[0])
    return value


@lowers(Parameter, moves=True)
def parameter(layer: Parameter, weights: Mapping[str, jax.Array]) -> jax.Array:
    """See :class:`~jaxdnn.layers.constant.Parameter`."""
    del layer
    return weights["value"]
