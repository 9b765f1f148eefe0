"""How convolutions compute: each as one general convolution, by the recipe that its sizes have."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from jaxdnn.errors import ShapeError
from jaxdnn.layers.base import Shape, dims, normalize_axis, spread
from jaxdnn.layers.convolution import Conv, ConvTranspose, Im2Col, conv_windows
from jaxdnn.lowering.recipes import convolve
from jaxdnn.lowering.registry import lowers

Product = Callable[..., jax.Array]
"""What computes sums of products; takes and returns what :func:`jax.lax.conv_general_dilated` does."""


def _flatten_batch(x: jax.Array, layer: Conv | ConvTranspose | Im2Col) -> tuple[jax.Array, Shape]:
    """Merge the axes before the channel axis into one; return the array and the axes merged."""
    if layer.channels_last:
        return x, x.shape[:1]
    axis = normalize_axis(layer.axis, x.ndim)
    batch = x.shape[:axis]
    return x.reshape(math.prod(batch), *x.shape[axis:]), batch


def _bias(weights: Mapping[str, jax.Array]) -> dict[str, jax.Array]:
    return {"bias": weights["bias"]} if "bias" in weights else {}


def _specification(rank: int, channels_last: bool) -> tuple[str, str, str]:
    spatial = "DHWTUV"[:rank] if rank != 2 else "HW"
    data = f"N{spatial}C" if channels_last else f"NC{spatial}"
    return data, f"OI{spatial}", data


def _weight(
    layer: Conv | ConvTranspose, weights: Mapping[str, Any], given: tuple[Any, ...], rank: int
) -> Any:
    """Return the weight, a param or an input."""
    weight = given[0] if given else weights["weight"]
    if weight.ndim != rank + 2:
        raise ShapeError(f"the weight {dims(weight.shape)} does not fit {rank} spatial axes")
    return weight


@lowers(Conv)
def conv(
    layer: Conv,
    weights: Mapping[str, jax.Array],
    x: jax.Array,
    *given: jax.Array,
    product: Product = convolve,
    **after: Any,
) -> jax.Array:
    """See :class:`~jaxdnn.layers.convolution.Conv`; ``after`` is what :func:`convolve` adds, and its finish."""
    x, batch = _flatten_batch(x, layer)
    rank = x.ndim - 2
    weight = _weight(layer, weights, given, rank)
    channels, spatial = layer.spatial(x.shape) if layer.channels_last else (x.shape[1], x.shape[2:])
    _, low, high = conv_windows(layer, spatial, weight.shape[2:])
    y = product(
        x,
        weight,
        window_strides=spread("stride", layer.stride, rank),
        padding=list(zip(low, high, strict=True)),
        rhs_dilation=spread("dilation", layer.dilation, rank),
        feature_group_count=layer.group_count(channels, weight.shape[1]),
        dimension_numbers=_specification(rank, layer.channels_last),
        **_bias(weights),
        **after,
    )
    return y.reshape(*batch, *y.shape[1:])


@lowers(ConvTranspose)
def conv_transpose(
    layer: ConvTranspose,
    weights: Mapping[str, jax.Array],
    x: jax.Array,
    *given: jax.Array,
    product: Product = convolve,
) -> jax.Array:
    """Convolve the stride-dilated input with the flipped kernel, its in- and output channels swapped."""
    x, batch = _flatten_batch(x, layer)
    rank = x.ndim - 2
    weight = _weight(layer, weights, given, rank)
    kernel = weight.shape[2:]
    dilation = spread("dilation", layer.dilation, rank)
    reach = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
    spatial = layer.spatial(x.shape)[1] if layer.channels_last else x.shape[2:]
    _, before, behind = layer.output_size(spatial, kernel)
    groups = layer.groups or 1
    channels, filters = weight.shape[0] // groups, weight.shape[1]
    weight = weight.reshape(groups, channels, filters, *kernel).swapaxes(1, 2)
    weight = jnp.flip(weight.reshape(groups * filters, channels, *kernel), range(2, rank + 2))
    y = product(
        x,
        weight,
        window_strides=(1,) * rank,
        padding=[(r - b, r + a) for r, b, a in zip(reach, before, behind, strict=True)],
        lhs_dilation=spread("stride", layer.stride, rank),
        rhs_dilation=dilation,
        feature_group_count=groups,
        dimension_numbers=_specification(rank, layer.channels_last),
        **_bias(weights),
    )
    return y.reshape(*batch, *y.shape[1:])


@lowers(Im2Col)
def im2col(layer: Im2Col, weights: Mapping[str, jax.Array], x: jax.Array) -> jax.Array:
    """Stack one strided slice of the padded input per tap of the window."""
    del weights
    x, batch = _flatten_batch(x, layer)
    taps = window_slices(layer, x)
    if layer.channels_last:
        return jnp.concatenate(taps, axis=-1)
    columns = jnp.stack(taps, axis=2)
    return columns.reshape(*batch, x.shape[1] * len(taps), *taps[0].shape[2:])


def window_slices(layer: Im2Col, x: jax.Array, fill: float = 0) -> list[jax.Array]:
    """Return the elements under each tap of a window, for all its positions; ``fill`` lies around x."""
    rank = x.ndim - 2
    first = 1 if layer.channels_last else 2
    spatial = x.shape[first : first + rank]
    kernel, stride = spread("kernel", layer.kernel, rank), spread("stride", layer.stride, rank)
    dilation = spread("dilation", layer.dilation, rank)
    size, before, after = conv_windows(layer, spatial, kernel)
    pad = [(0, 0)] * x.ndim
    pad[first : first + rank] = zip(before, after, strict=True)
    x = jnp.pad(x, pad, constant_values=fill)
    taps = []
    for tap in itertools.product(*map(range, kernel)):
        start = [t * d for t, d in zip(tap, dilation, strict=True)]
        window = [slice(b, b + (n - 1) * s + 1, s) for b, n, s in zip(start, size, stride, strict=True)]
        taps.append(x[(*(slice(None),) * first, *window)])
    return taps
