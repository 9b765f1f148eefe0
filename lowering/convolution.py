"""How convolutions compute: one general XLA convolution each."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping

import jax
import jax.numpy as jnp
from jax import lax

from jaxdnn.errors import ShapeError
from jaxdnn.layers.base import Shape, normalize_axis, spread
from jaxdnn.layers.convolution import Conv, ConvTranspose, Im2Col, conv_output_size
from jaxdnn.lowering.registry import lowers


def _flatten_batch(x: jax.Array, axis: int) -> tuple[jax.Array, Shape]:
    """Merge the axes before the channel axis into one; return the array and the axes merged."""
    axis = normalize_axis(axis, x.ndim)
    batch = x.shape[:axis]
    return x.reshape(math.prod(batch), *x.shape[axis:]), batch


def _add_bias(y: jax.Array, weights: Mapping[str, jax.Array]) -> jax.Array:
    bias = weights.get("bias")
    return y if bias is None else y + bias.reshape(1, -1, *(1,) * (y.ndim - 2))


@lowers(Conv)
def conv(layer: Conv, weights: Mapping[str, jax.Array], x: jax.Array) -> jax.Array:
    """See :class:`~jaxdnn.layers.convolution.Conv`."""
    x, batch = _flatten_batch(x, layer.axis)
    rank = x.ndim - 2
    size = conv_output_size(layer, x.shape[2:])
    y = lax.conv_general_dilated(
        x,
        weights["weight"],
        window_strides=spread("stride", layer.stride, rank),
        padding=[(p, p) for p in spread("padding", layer.padding, rank)],
        rhs_dilation=spread("dilation", layer.dilation, rank),
        feature_group_count=layer.groups,
    )
    return _add_bias(y, weights).reshape(*batch, layer.filters, *size)


@lowers(ConvTranspose)
def conv_transpose(layer: ConvTranspose, weights: Mapping[str, jax.Array], x: jax.Array) -> jax.Array:
    """Convolve the stride-dilated input with the flipped kernel, its in- and output channels swapped."""
    x, batch = _flatten_batch(x, layer.axis)
    rank = x.ndim - 2
    kernel, stride = spread("kernel", layer.kernel, rank), spread("stride", layer.stride, rank)
    padding, dilation = spread("padding", layer.padding, rank), spread("dilation", layer.dilation, rank)
    extra = spread("output_padding", layer.output_padding, rank)
    reach = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
    size = [
        s * (n - 1) + r + 1 - 2 * p + e
        for n, s, r, p, e in zip(x.shape[2:], stride, reach, padding, extra, strict=True)
    ]
    if min(size, default=1) < 1:
        raise ShapeError(f"the output size {size} is not positive: padding {padding} takes it all away")
    weight = weights["weight"]
    channels, filters = weight.shape[0] // layer.groups, weight.shape[1]
    weight = weight.reshape(layer.groups, channels, filters, *kernel).swapaxes(1, 2)
    weight = jnp.flip(weight.reshape(layer.groups * filters, channels, *kernel), range(2, rank + 2))
    y = lax.conv_general_dilated(
        x,
        weight,
        window_strides=(1,) * rank,
        padding=[(r - p, r - p + e) for r, p, e in zip(reach, padding, extra, strict=True)],
        lhs_dilation=stride,
        rhs_dilation=dilation,
        feature_group_count=layer.groups,
    )
    return _add_bias(y, weights).reshape(*batch, layer.filters, *size)


@lowers(Im2Col)
def im2col(layer: Im2Col, weights: Mapping[str, jax.Array], x: jax.Array) -> jax.Array:
    """Stack one strided slice of the padded input per tap of the window."""
    del weights
    x, batch = _flatten_batch(x, layer.axis)
    rank = x.ndim - 2
    size = conv_output_size(layer, x.shape[2:])
    kernel, stride = spread("kernel", layer.kernel, rank), spread("stride", layer.stride, rank)
    dilation = spread("dilation", layer.dilation, rank)
    pad = [(0, 0), (0, 0), *((p, p) for p in spread("padding", layer.padding, rank))]
    x = jnp.pad(x, pad)
    taps = []
    for tap in itertools.product(*map(range, kernel)):
        start = [t * d for t, d in zip(tap, dilation, strict=True)]
        window = [slice(b, b + (n - 1) * s + 1, s) for b, n, s in zip(start, size, stride, strict=True)]
        taps.append(x[(slice(None), slice(None), *window)])
    columns = jnp.stack(taps, axis=2)
    return columns.reshape(*batch, x.shape[1] * len(taps), *size)
