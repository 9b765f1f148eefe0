"""How numbers are quantised by scale and zero point, and read back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdnn.layers.arithmetic import Cast
from jaxdnn.layers.linear_quantization import DynamicQuantize, LinearDequantize, LinearQuantize
from jaxdnn.lowering.casting import casted
from jaxdnn.lowering.namespace import namespace
from jaxdnn.lowering.registry import lowers

Weights = Mapping[str, jax.Array]


@lowers(LinearDequantize, float32=True, numpy=True)
def linear_dequantize(layer: LinearDequantize, weights: Weights, q: Any, scale: Any, *zero: Any) -> Any:
    """See :class:`~jaxdnn.layers.linear_quantization.LinearDequantize`."""
    del weights
    return layer.values(q, scale, zero[0] if zero else None, namespace(q, scale, *zero))


@lowers(LinearQuantize, float32=True)
def linear_quantize(
    layer: LinearQuantize, weights: Weights, x: jax.Array, scale: jax.Array, *zeros: jax.Array
) -> jax.Array:
    """See :class:`~jaxdnn.layers.linear_quantization.LinearQuantize`."""
    del weights
    steps = x.astype(scale.dtype) / layer.spread(scale, x.shape, jnp)
    offset = layer.spread(zeros[0].astype(scale.dtype), x.shape, jnp) if zeros else jnp.zeros_like(steps)
    if layer.limits is None:
        y: jax.Array = casted(Cast(dtype=layer.dtype, saturate=layer.saturate), steps + offset)
        return y
    steps = jnp.where(jnp.isnan(steps), 0, jnp.rint(steps))
    return jnp.clip(steps + offset, *layer.limits).astype(np.int32).astype(layer.dtype)


@lowers(DynamicQuantize, float32=True)
def dynamic_quantize(layer: DynamicQuantize, weights: Weights, x: jax.Array) -> tuple[jax.Array, ...]:
    """See :class:`~jaxdnn.layers.linear_quantization.DynamicQuantize`."""
    low, high = jnp.min(x, initial=0), jnp.max(x, initial=0)
    # XLA multiplies by the reciprocal of a constant divisor, which rounds twice: a divisor
    # that depends on the data keeps the division.
    scale = (high - low) / jnp.where(high >= low, 255, 1).astype(x.dtype)
    scale = jnp.where(scale == 0, 1, scale)
    zero = jnp.clip(jnp.rint(-low / scale), 0, 255).astype(np.uint8)
    return linear_quantize(LinearQuantize(dtype="uint8"), weights, x, scale, zero), scale, zero
