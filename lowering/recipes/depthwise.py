"""Depthwise convolution as sums of shifted products."""

from __future__ import annotations

from functools import reduce

import jax
import jax.numpy as jnp
from jax import lax

from jaxdnn.lowering.recipes.task import Convolution


def shifted_products(task: Convolution, x: jax.Array, weight: jax.Array) -> jax.Array:
    """Multiply the input, shifted to each tap, by that tap's weight of each channel, and sum.

    Each group has one channel; several filters read it where there are more filters than groups. XLA fuses all of it,
    padding too, into one loop over the output.
    """
    x = task.padded(x, task.padding)
    channel, several = task.channel_axis, task.filters // task.groups
    size = task.shape(task.filters, task.size)
    if several > 1:
        size = (*size[:channel], task.groups, several, *size[channel + 1 :])
    factors = weight.reshape(*size[channel : channel + (2 if several > 1 else 1)], -1)
    factors = jnp.moveaxis(factors, -1, 0)  # the factors of a tap lie side by side, as channels do
    shifted_along = [axis if axis <= channel else axis + len(size) - x.ndim for axis in range(x.ndim)]
    factors_along = list(range(channel, channel + factors.ndim - 1))
    products = (
        lax.mul(
            lax.broadcast_in_dim(task.window(x, tap), size, shifted_along),
            lax.broadcast_in_dim(lax.index_in_dim(factors, place, 0, keepdims=False), size, factors_along),
        )
        for place, tap in enumerate(task.taps)
    )
    return reduce(lax.add, products).reshape(task.shape(task.filters, task.size))
