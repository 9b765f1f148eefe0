"""How activations compute."""

from __future__ import annotations

from collections.abc import Mapping

import jax
import jax.numpy as jnp

from jaxdnn.layers.activation import Relu
from jaxdnn.lowering.registry import lowers


@lowers(Relu)
def relu(layer: Relu, weights: Mapping[str, jax.Array], x: jax.Array) -> jax.Array:
    """See :class:`~jaxdnn.layers.activation.Relu`."""
    del weights
    if layer.negative_slope == 0:
        return jnp.maximum(x, 0)
    return jnp.where(x > 0, x, layer.negative_slope * x)
