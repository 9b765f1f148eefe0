"""How products with 8-bit weights compute.

XLA's integer convolutions are loops on a CPU, forty times slower than those of floating numbers. Here the patches under
the window are gathered instead, which are bytes, and multiplied by the weight in one ``dot_general`` of int8 into
int32. On a CPU this takes less time than the convolution of floating numbers, most of all where groups are small.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from jaxdnn.layers.base import Layer
from jaxdnn.layers.dense import Dense
from jaxdnn.layers.filters import by_filter
from jaxdnn.layers.quantized import LARGEST, Quantized, QuantizedWeight, nearest_integers, per_unit
from jaxdnn.lowering.registry import LOWERINGS, lowers

Weights = Mapping[str, jax.Array]


@lowers(QuantizedWeight)
def quantized_weight(layer: QuantizedWeight, weights: Weights, x: jax.Array) -> jax.Array:
    """See :class:`~jaxdnn.layers.quantized.QuantizedWeight`."""
    blocks = by_filter(layer.layer, weights["weight"].astype(jnp.float32), layer.filters)
    assert blocks is not None
    limit = weights["weight_range"].astype(jnp.float32)
    limit = jnp.broadcast_to(limit, (layer.filters,)).reshape(blocks.shape[0], 1, blocks.shape[2], 1)
    weight = (blocks * (limit / LARGEST)).reshape(weights["weight"].shape)
    given = {slot: array for slot, array in weights.items() if slot == "bias"}
    return _inner(layer.layer, weight.astype(x.dtype), x, given)


@lowers(Quantized, float32=True)
def quantized(layer: Quantized, weights: Weights, x: jax.Array) -> jax.Array:
    """See :class:`~jaxdnn.layers.quantized.Quantized`."""
    steps = x * per_unit(weights["input_range"], jnp)
    y = _integer_sums(layer.layer, steps, weights["weight"])
    shape = [1] * y.ndim
    shape[layer.channel_axis(y.ndim)] = -1
    scale = (weights["input_range"] / LARGEST) * (weights["weight_range"] / LARGEST)
    y = y * scale.reshape(shape if layer.per_channel else ())
    return y + weights["bias"].reshape(shape) if "bias" in weights else y


def _inner(layer: Layer, weight: jax.Array, x: jax.Array, given: Weights, **options: Any) -> jax.Array:
    """Compute the layer whose weight this is; without a bias unless one is given."""
    result: jax.Array = LOWERINGS[type(layer)].function(layer, {"weight": weight, **given}, x, **options)
    return result


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _integer_sums(layer: Layer, steps: jax.Array, weight: jax.Array) -> jax.Array:
    """Round the numbers to integers, and return the layer's sums over them in the numbers' type."""
    whole = nearest_integers(steps, jnp)
    product = _integer_product if isinstance(layer, Dense) else integer_convolution
    # While shapes are inferred all parameters are floating numbers.
    return _inner(layer, weight.astype(jnp.int8), whole, {}, product=product).astype(steps.dtype)


@_integer_sums.defjvp
def _integer_sums_jvp(
    layer: Layer, primals: tuple[jax.Array, jax.Array], tangents: tuple[jax.Array, Any]
) -> tuple[jax.Array, jax.Array]:
    """Rounding has the derivative 0 almost everywhere; that of what it approximates is 1 inside of the range."""
    steps, weight = primals
    inside = jnp.where(jnp.abs(steps) <= LARGEST, tangents[0], jnp.zeros_like(steps))
    return _integer_sums(layer, steps, weight), _inner(layer, weight.astype(steps.dtype), inside, {})


def _integer_product(x: jax.Array, weight: jax.Array) -> jax.Array:
    return jnp.matmul(x, weight, preferred_element_type=jnp.int32)


def integer_convolution(
    x: jax.Array,
    weight: jax.Array,
    *,
    window_strides: Sequence[int],
    padding: Sequence[tuple[int, int]],
    rhs_dilation: Sequence[int],
    feature_group_count: int,
    dimension_numbers: tuple[str, str, str],
    lhs_dilation: Sequence[int] | None = None,
) -> jax.Array:
    """Compute what :func:`jax.lax.conv_general_dilated` does, of int8 into int32."""
    last = dimension_numbers[0].endswith("C")
    x = jnp.moveaxis(x, -1, 1) if last else x
    gaps = lhs_dilation or (1,) * len(padding)
    around = [(low, high, gap - 1) for (low, high), gap in zip(padding, gaps, strict=True)]
    x = lax.pad(x, jnp.zeros((), x.dtype), [(0, 0, 0), (0, 0, 0), *around])
    rank, batch, groups = len(padding), x.shape[0], feature_group_count
    for axis, (taps, step, gap) in enumerate(
        zip(weight.shape[2:], window_strides, rhs_dilation, strict=True)
    ):
        x = _stack_taps(x, 2 + axis, 2 + 2 * axis, taps, step, gap)
    size = x.shape[2 + rank :]
    patches = x.reshape(batch, groups, -1, math.prod(size))
    filters = weight.reshape(groups, weight.shape[0] // groups, -1)
    y = lax.dot_general(
        filters, patches, (((2,), (2,)), ((0,), (1,))), preferred_element_type=jnp.int32
    )  # groups, filters of a group, batch, positions
    y = y.transpose(2, 0, 1, 3).reshape(batch, weight.shape[0], *size)
    return jnp.moveaxis(y, 1, -1) if last else y


def _stack_taps(x: jax.Array, place: int, axis: int, taps: int, stride: int, dilation: int) -> jax.Array:
    """Return what lies under each tap of a window along an axis, stacked along a new axis at a place before it."""
    size = (x.shape[axis] - dilation * (taps - 1) - 1) // stride + 1
    reach = (size - 1) * stride + 1
    starts = range(0, taps * dilation, dilation)
    return jnp.stack([lax.slice_in_dim(x, t, t + reach, stride, axis) for t in starts], axis=place)
