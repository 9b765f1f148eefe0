"""How numbers are quantised and read back, in float32 all along."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxdnn.errors import LayerError, ShapeError
from jaxdnn.layers.base import dims, normalize_axis
from jaxdnn.layers.quantization import (
    Bitcast,
    Dequantize,
    FakeQuantize,
    ProductRange,
    Quantize,
    QuantizeDequantize,
    integer_range,
)
from jaxdnn.lowering.casting import to_integers
from jaxdnn.lowering.namespace import namespace
from jaxdnn.lowering.registry import lowers

Weights = Mapping[str, jax.Array]


def _along(x: Any, limit: Any, axis: int | None) -> Any:
    """Give a scalar, or a vector along an axis, as many axes as x."""
    shape = [1] * x.ndim
    if limit.size != 1:
        place = normalize_axis(-1 if axis is None else axis, x.ndim)
        if axis is None or limit.shape != (x.shape[place],):
            raise ShapeError(f"a range of {dims(limit.shape)} does not fit {dims(x.shape)}")
        shape[place] = limit.size
    return limit.reshape(shape)


def _rounded(x: jax.Array, rounding: str) -> jax.Array:
    if rounding == "half_even":
        return jnp.rint(x)
    half = jnp.asarray(0.5, x.dtype)
    return jnp.floor(x + half) if rounding == "half_up" else jnp.sign(x) * jnp.floor(jnp.abs(x) + half)


@lowers(Dequantize, float32=True, numpy=True)
def dequantize(layer: Dequantize, weights: Weights, q: Any, low: Any, high: Any) -> Any:
    """See :class:`~jaxdnn.layers.quantization.Dequantize`."""
    del weights
    xp = namespace(q, low, high)
    factor, summand = layer.affine(q.dtype, _along(q, low, layer.axis), _along(q, high, layer.axis), xp)
    return q.astype(np.float32) * factor + summand


@lowers(Quantize, float32=True)
def quantize(
    layer: Quantize, weights: Weights, x: jax.Array, low: jax.Array, high: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """See :class:`~jaxdnn.layers.quantization.Quantize`."""
    del weights
    smallest, largest = integer_range(layer.dtype)
    if not layer.exact:
        margin = layer.minimum_range * jnp.maximum(1.0, jnp.maximum(jnp.abs(low), jnp.abs(high)))
        low = jnp.minimum(low, 0)
        high = jnp.maximum(jnp.maximum(high, low + margin), 0)
    if layer.mode == "scaled":
        smallest += layer.narrow_range
        scale = _symmetric_scale(smallest, largest, low, high)
        low, high = smallest / scale, largest / scale
    first, last = _along(x, low, layer.axis), _along(x, high, layer.axis)
    if layer.mode == "scaled":
        q = _rounded(jnp.clip(x, first, last) * _along(x, scale, layer.axis), layer.rounding)
    else:
        empty = last == first
        scale = jnp.where(empty, 0, np.float32(largest - smallest) / jnp.where(empty, 1, last - first))
        if layer.mode == "min_combined":
            q = _rounded((jnp.clip(x, first, last) - first) * scale + smallest, "half_away")
        else:
            q = _rounded(x * scale, "half_away") - _rounded(first * scale, "half_away") + smallest
    return to_integers(jnp, q, np.dtype(layer.dtype)), low, high


def _symmetric_scale(smallest: int, largest: int, low: jax.Array, high: jax.Array) -> jax.Array:
    """Return the largest factor that brings the range between the integers and keeps zero."""
    infinite = jnp.asarray(np.finfo(np.float32).max, low.dtype)
    from_low = jnp.where(smallest * low > 0, smallest / jnp.where(low == 0, 1, low), infinite)
    from_high = jnp.where(largest * high > 0, largest / jnp.where(high == 0, 1, high), infinite)
    return jnp.minimum(from_low, from_high)


@lowers(QuantizeDequantize, float32=True)
def quantize_dequantize(
    layer: QuantizeDequantize, weights: Weights, x: jax.Array, *limits: jax.Array
) -> jax.Array:
    """See :class:`~jaxdnn.layers.quantization.QuantizeDequantize`."""
    del weights
    if layer.signed:
        smallest, largest = -(2 ** (layer.bits - 1)) + layer.narrow_range, 2 ** (layer.bits - 1) - 1
    else:
        smallest, largest = 0, 2**layer.bits - 1
    if layer.given:
        low, high = (_along(x, limit, layer.axis) for limit in limits)
    else:
        kept = None if layer.axis is None else normalize_axis(layer.axis, x.ndim)
        axes = tuple(axis for axis in range(x.ndim) if axis != kept)
        low, high = jnp.min(x, axes, keepdims=True), jnp.max(x, axes, keepdims=True)
    scale = _symmetric_scale(smallest, largest, low, high)
    if layer.given:
        x = jnp.clip(x, smallest / scale, largest / scale)
    return _rounded(x * scale, layer.rounding) / scale


@lowers(FakeQuantize, float32=True)
def fake_quantize(
    layer: FakeQuantize, weights: Weights, x: jax.Array, low: jax.Array, high: jax.Array
) -> jax.Array:
    """See :class:`~jaxdnn.layers.quantization.FakeQuantize`."""
    del weights
    first, last = int(layer.narrow_range), 2**layer.bits - 1
    low, high = _along(x, low, -1), _along(x, high, -1)
    empty = (low == 0) & (high == 0)
    step = jnp.where(empty, 1, (high - low) / (last - first))
    zero = _rounded(jnp.clip(first - low / step, first, last), "half_away")
    low, high = (first - zero) * step, (last - zero) * step
    y = jnp.floor((jnp.clip(x, low, high) - low) * (1 / step) + 0.5) * step + low
    return jnp.where(empty, 0, y)


@lowers(ProductRange, float32=True, numpy=True)
def product_range(layer: ProductRange, weights: Weights, *limits: Any) -> tuple[Any, Any]:
    """See :class:`~jaxdnn.layers.quantization.ProductRange`."""
    del weights
    steps: list[Any] = []
    for dtype, low, high in zip(layer.dtypes, limits[::2], limits[1::2], strict=True):
        if low.size != high.size or (low.size != 1 and (not steps or low.ndim != 1)):
            raise ShapeError(f"a range of {dims(low.shape)} and {dims(high.shape)}, two numbers expected")
        smallest, largest = integer_range(dtype)
        width = high - low if low.size != 1 else high.reshape(()) - low.reshape(())
        steps.append(width / np.float32(largest - smallest - (layer.narrow_range and smallest < 0)))
    step = steps[0] * steps[1]
    return step * np.float32(-(2**31)), step * np.float32(2**31 - 1)


@lowers(Bitcast, float32=True)
def bitcast(layer: Bitcast, weights: Weights, x: jax.Array) -> jax.Array:
    """See :class:`~jaxdnn.layers.quantization.Bitcast`."""
    del weights
    for name in filter(None, (layer.source, layer.dtype)):
        if jax.dtypes.canonicalize_dtype(jnp.dtype(name)) != jnp.dtype(name):
            raise LayerError(f"the bits of {name} are 64: enable jax_enable_x64")
    source, dtype = (jnp.dtype(name) for name in (layer.source or str(x.dtype), layer.dtype))
    x = x.astype(np.uint8 if source.kind == "b" else source)
    if dtype.kind == "b":
        return lax.bitcast_convert_type(x, np.uint8) != 0
    return lax.bitcast_convert_type(x, dtype)
