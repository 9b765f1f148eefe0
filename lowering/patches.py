"""How patches are put back, and how convolutions over taps that lie anywhere compute."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping

import jax
import jax.numpy as jnp

from jaxdnn.errors import ShapeError
from jaxdnn.layers.base import dims, spread
from jaxdnn.layers.convolution import conv_windows
from jaxdnn.layers.patches import Col2Im, DeformableConv
from jaxdnn.lowering.registry import lowers
from jaxdnn.lowering.sampling import sample


@lowers(Col2Im, float32=True)
def col2im(layer: Col2Im, weights: Mapping[str, jax.Array], x: jax.Array) -> jax.Array:
    """Add one strided slice per tap of the window."""
    del weights
    rank, taps = len(layer.size), math.prod(layer.kernel)
    count, before, after = conv_windows(layer, layer.size, spread("kernel", layer.kernel, rank))
    if x.ndim != 3 or x.shape[1] % taps or x.shape[2] != math.prod(count):
        raise ShapeError(
            f"patches {dims(x.shape)} do not fit: {taps} taps per channel and {dims(count)} positions expected"
        )
    stride, dilation = spread("stride", layer.stride, rank), spread("dilation", layer.dilation, rank)
    x = x.reshape(x.shape[0], -1, taps, *count)
    padded = [b + n + a for b, n, a in zip(before, layer.size, after, strict=True)]
    y = jnp.zeros((*x.shape[:2], *padded), x.dtype)
    for index, tap in enumerate(itertools.product(*map(range, layer.kernel))):
        start = [t * d for t, d in zip(tap, dilation, strict=True)]
        window = [slice(b, b + (n - 1) * s + 1, s) for b, n, s in zip(start, count, stride, strict=True)]
        y = y.at[(slice(None), slice(None), *window)].add(x[:, :, index])
    return y[(slice(None), slice(None), *(slice(b, b + n) for b, n in zip(before, layer.size, strict=True)))]


@lowers(DeformableConv, float32=True)
def deformable_conv(
    layer: DeformableConv, weights: Mapping[str, jax.Array], x: jax.Array, *inputs: jax.Array
) -> jax.Array:
    """Sample x at all taps of all positions, then multiply with the weight."""
    rank = x.ndim - 2
    weight, *rest = inputs if layer.filters is None else (weights["weight"], *inputs)
    kernel = weight.shape[2:]
    if len(kernel) != rank:
        raise ShapeError(f"the weight {dims(weight.shape)} does not fit {rank} spatial axes")
    size, before, _ = conv_windows(layer, x.shape[2:], kernel)
    batch, channels, taps, groups = x.shape[0], x.shape[1], math.prod(kernel), layer.offset_groups
    layer.group_count(channels, weight.shape[1])
    if channels % groups:
        raise ShapeError(f"offset_groups {groups} does not divide {channels} input channels")
    for name, value, per_tap in zip(("offset", "mask"), rest, (rank, 1), strict=False):
        expected = (batch, groups * taps * per_tap, *size)
        if value.shape != expected:
            raise ShapeError(f"{name} is {dims(value.shape)}, {dims(expected)} expected")
    stride, dilation = spread("stride", layer.stride, rank), spread("dilation", layer.dilation, rank)
    offset = rest[0].reshape(batch * groups, *kernel, rank, *size)
    places = []
    for axis in range(rank):
        tap = jnp.arange(kernel[axis], dtype=x.dtype) * dilation[axis] - before[axis]
        window = jnp.arange(size[axis], dtype=x.dtype) * stride[axis]
        tap = tap.reshape([-1 if i == 1 + axis else 1 for i in range(1 + 2 * rank)])
        window = window.reshape([-1 if i == 1 + rank + axis else 1 for i in range(1 + 2 * rank)])
        places.append(tap + window + jnp.take(offset, axis, axis=1 + rank))
    slices = x.reshape(batch * groups, channels // groups, *x.shape[2:])
    columns = sample(slices, places, "linear", "zeros")
    if layer.mask:
        columns = columns * rest[1].reshape(batch * groups, 1, *kernel, *size)
    columns = columns.reshape(batch, layer.groups, -1, math.prod(size))
    matrix = weight.reshape(layer.groups, weight.shape[0] // layer.groups, -1)
    y = jnp.einsum("ngkl,gok->ngol", columns, matrix).reshape(batch, weight.shape[0], *size)
    return y + weights["bias"].reshape(1, -1, *(1,) * rank) if layer.bias else y
