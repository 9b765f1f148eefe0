"""How binary convolutions compute: in floating point, on values of two magnitudes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import jax
import jax.numpy as jnp

from jaxdnn.layers.base import spread
from jaxdnn.layers.binary_convolution import BinaryConv
from jaxdnn.layers.padding import ends
from jaxdnn.lowering.convolution import conv
from jaxdnn.lowering.registry import lowers


@lowers(BinaryConv)
def binary_conv(layer: BinaryConv, weights: Mapping[str, jax.Array], x: jax.Array) -> jax.Array:
    """Binarise, then convolve as usual."""
    weight = weights["weight"]
    magnitude = jnp.mean(jnp.abs(weight), axis=range(1, weight.ndim), keepdims=True)
    weights = {**weights, "weight": _sign(weight) * magnitude}
    if layer.binary_input:
        spatial = layer.spatial(x.shape)[1]
        first = x.ndim - len(spatial) - layer.channels_last
        stride, dilation = (
            spread(name, value, len(spatial))
            for name, value in (("stride", layer.stride), ("dilation", layer.dilation))
        )
        before, after = ends(layer.padding, spatial, weight.shape[2:], stride, dilation)
        pads = [(0, 0)] * x.ndim
        pads[first : first + len(spatial)] = zip(before, after, strict=True)
        x = jnp.pad(_sign(x), pads, constant_values=-1)
        layer = replace(layer, padding=0)
    return conv(layer, weights, x)


def _sign(x: jax.Array) -> jax.Array:
    one = jnp.ones((), x.dtype)
    return jnp.where(x > 0, one, -one)
