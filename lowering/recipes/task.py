"""What a convolution computes, apart from how."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from jaxdnn.layers.base import Shape

Pads = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Convolution:
    """A cross-correlation as :func:`jax.lax.conv_general_dilated` knows it, its weight (filters, channels, *kernel).

    Sizes of the batch and of spatial axes may be symbolic dimensions of ``jax.export``.

    Attributes:
        batch, channels, spatial: sizes of the input.
        filters, kernel: sizes of the weight.
        stride, padding, dilation: per spatial axis; negative padding cuts.
        gaps: per spatial axis, how far the input's elements are moved apart; above 1 it is a transposed convolution.
        groups: number of independent slices of the channels.
        channels_last: whether the input and output are (batch, *spatial, channels); else (batch, channels, *spatial).
    """

    batch: int
    channels: int
    spatial: Shape
    filters: int
    kernel: Shape
    stride: Shape
    padding: Pads
    gaps: Shape
    dilation: Shape
    groups: int
    channels_last: bool

    @property
    def rank(self) -> int:
        """Number of spatial axes."""
        return len(self.spatial)

    @property
    def channel_axis(self) -> int:
        """Where the channels lie in input and output."""
        return 1 + self.rank if self.channels_last else 1

    @property
    def axes(self) -> range:
        """Where the spatial axes lie in input and output."""
        first = 1 if self.channels_last else 2
        return range(first, first + self.rank)

    @property
    def size(self) -> Shape:
        """The spatial shape of the output."""
        sizes = zip(
            *(self.spatial, self.gaps, self.padding, self.dilation, self.kernel, self.stride), strict=True
        )
        return tuple(
            ((n - 1) * g + 1 + low + high - d * (k - 1) - 1) // s + 1 for n, g, (low, high), d, k, s in sizes
        )

    @property
    def taps(self) -> Iterator[Shape]:
        """The places in the kernel, in the order in which a weight holds them."""
        return itertools.product(*map(range, self.kernel))

    def shape(self, channels: int, spatial: Shape) -> Shape:
        """Return the shape of an array with these channels and sizes."""
        return (self.batch, *spatial, channels) if self.channels_last else (self.batch, channels, *spatial)

    def padded(self, x: jax.Array, padding: Pads) -> jax.Array:
        """Return the input with zeros around its spatial axes, or cut where padding is negative."""
        if not any(any(ends) for ends in padding):
            return x
        config = [(0, 0, 0)] * x.ndim
        for axis, (low, high) in zip(self.axes, padding, strict=True):
            config[axis] = (low, high, 0)
        return lax.pad(x, jnp.zeros((), x.dtype), config)

    def window(self, x: jax.Array, tap: Shape) -> jax.Array:
        """Return the elements of a padded input that lie under a tap of the kernel, for all positions."""
        start, limit, step = [0] * x.ndim, list(x.shape), [1] * x.ndim
        for axis, t, d, s, n in zip(self.axes, tap, self.dilation, self.stride, self.size, strict=True):
            start[axis], step[axis], limit[axis] = t * d, s, t * d + (n - 1) * s + 1
        return lax.slice(x, start, limit, step)

    def replace(self, **changes: Any) -> Convolution:
        """Return the convolution with other attributes."""
        return replace(self, **changes)


Form = Callable[..., jax.Array]
"""``f(task, x, weight)``: one way to compute it."""


def plain(task: Convolution, x: jax.Array, weight: jax.Array) -> jax.Array:
    """Compute one general convolution."""
    return _general(task, x, weight, "OI{}")


def with_last_filters(task: Convolution, x: jax.Array, weight: jax.Array) -> jax.Array:
    """Compute one general convolution, its weight in the order that XLA's CPU compiler would copy it to."""
    return _general(task, x, filters_last(weight), "{}IO")


def filters_last(weight: jax.Array) -> jax.Array:
    """Return a weight (filters, channels, *kernel) as (*kernel, channels, filters)."""
    return weight.transpose(*range(2, weight.ndim), 1, 0)


def _general(task: Convolution, x: jax.Array, weight: jax.Array, order: str) -> jax.Array:
    axes = "DHWTUV"[: task.rank] if task.rank != 2 else "HW"
    data = f"N{axes}C" if task.channels_last else f"NC{axes}"
    return lax.conv_general_dilated(
        x,
        weight,
        window_strides=task.stride,
        padding=task.padding,
        lhs_dilation=task.gaps,
        rhs_dilation=task.dilation,
        feature_group_count=task.groups,
        dimension_numbers=(data, order.format(axes), data),
    )
