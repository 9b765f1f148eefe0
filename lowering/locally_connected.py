"""How locally connected layers compute: patches times the weights of their positions."""

from __future__ import annotations

import math
from collections.abc import Mapping

import jax
import jax.numpy as jnp

from jaxdnn.layers.locally_connected import LocallyConnected
from jaxdnn.lowering.convolution import im2col
from jaxdnn.lowering.registry import lowers


@lowers(LocallyConnected)
def locally_connected(layer: LocallyConnected, weights: Mapping[str, jax.Array], x: jax.Array) -> jax.Array:
    """See :class:`~jaxdnn.layers.locally_connected.LocallyConnected`."""
    bias = weights["bias"]
    positions = math.prod(bias.shape[1:])
    columns = im2col(layer, {}, x)
    batch = columns.shape[: columns.ndim - bias.ndim]
    columns = columns.reshape(math.prod(batch), -1, positions)
    weight = weights["weight"].reshape(positions, layer.filters, -1)
    y = jnp.einsum("nkp,pfk->nfp", columns, weight)
    return (y + bias.reshape(1, layer.filters, positions)).reshape(*batch, *bias.shape)
