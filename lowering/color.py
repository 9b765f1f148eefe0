"""How colours compute."""

from __future__ import annotations

from collections.abc import Mapping

import jax
import jax.numpy as jnp

from jaxdnn.errors import ShapeError
from jaxdnn.layers.base import dims
from jaxdnn.layers.color import AdjustHsv, HsvToRgb, RgbToHsv
from jaxdnn.lowering.registry import lowers

Weights = Mapping[str, jax.Array]
Channels = tuple[jax.Array, jax.Array, jax.Array]


def _channels(x: jax.Array) -> Channels:
    if not x.ndim or x.shape[-1] != 3:
        raise ShapeError(f"the last axis of {dims(x.shape)} is not three channels")
    return x[..., 0], x[..., 1], x[..., 2]


@lowers(RgbToHsv, float32=True)
def rgb_to_hsv(layer: RgbToHsv, weights: Weights, x: jax.Array) -> jax.Array:
    """See :class:`~jaxdnn.layers.color.RgbToHsv`."""
    del layer, weights
    return jnp.stack(_to_hsv(_channels(x)), -1)


@lowers(HsvToRgb, float32=True)
def hsv_to_rgb(layer: HsvToRgb, weights: Weights, x: jax.Array) -> jax.Array:
    """See :class:`~jaxdnn.layers.color.HsvToRgb`."""
    del layer, weights
    return jnp.stack(_to_rgb(_channels(x)), -1)


@lowers(AdjustHsv, float32=True)
def adjust_hsv(layer: AdjustHsv, weights: Weights, x: jax.Array, amount: jax.Array) -> jax.Array:
    """See :class:`~jaxdnn.layers.color.AdjustHsv`."""
    del weights
    hue, saturation, value = _to_hsv(_channels(x))
    amount = amount.reshape((1,) * hue.ndim)
    if layer.channel == "hue":
        hue = jnp.remainder(hue + amount, 1)
    else:
        saturation = jnp.clip(saturation * amount, 0, 1)
    return jnp.stack(_to_rgb((hue, saturation, value)), -1)


def _to_hsv(channels: Channels) -> Channels:
    red, green, blue = channels
    value = jnp.maximum(jnp.maximum(red, green), blue)
    spread = value - jnp.minimum(jnp.minimum(red, green), blue)
    step = jnp.where(spread > 0, spread, 1)
    hue = jnp.where(
        value == red,
        (green - blue) / step,
        jnp.where(value == green, 2 + (blue - red) / step, 4 + (red - green) / step),
    )
    saturation = jnp.where(value > 0, spread / jnp.where(value > 0, value, 1), 0)
    return jnp.where(spread > 0, jnp.remainder(hue / 6, 1), 0), saturation, value


def _to_rgb(channels: Channels) -> Channels:
    hue, saturation, value = channels
    sixths = hue * 6
    full = jnp.abs(sixths - 3) - 1, 2 - jnp.abs(sixths - 2), 2 - jnp.abs(sixths - 4)
    red, green, blue = (value * (1 - saturation + saturation * jnp.clip(c, 0, 1)) for c in full)
    return red, green, blue
