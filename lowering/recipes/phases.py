"""Transposed convolution as ordinary ones, one for each set of phases of its stride that read the same elements."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
from jax import lax

from jaxdnn.layers.base import Shape
from jaxdnn.lowering.recipes.task import Convolution, Form


@dataclass(frozen=True)
class _Phases:
    """Neighbouring phases along one axis that read the same elements of the input.

    The output at ``q * gap + phase`` is the sum over j < taps of ``x[q + offset + j] * weight[j * gap + place]``, where
    the place falls by one from each phase to the next.

    Attributes:
        offset, taps: as in the formula.
        first, last: the least and the largest place.
    """

    offset: int
    taps: int
    first: int
    last: int

    @property
    def count(self) -> int:
        """How many phases these are."""
        return self.last - self.first + 1


def phases(task: Convolution, x: jax.Array, weight: jax.Array, inner: Form) -> jax.Array:
    """Compute phases with ``inner``, as many at once as read the same elements, and interleave them.

    Most of the products of a transposed convolution are with the zeros in its gaps; these have none. Where the kernel
    is as large as the stride, all phases are filters of one matrix product. The window has stride and dilation 1.
    """
    gaps = task.gaps
    counts = tuple(-(-n // g) for n, g in zip(task.size, gaps, strict=True))
    blocks = [-(-k // g) for k, g in zip(task.kernel, gaps, strict=True)]
    fill = [(0, b * g - k, 0) for b, g, k in zip(blocks, gaps, task.kernel, strict=True)]
    weight = lax.pad(weight, jnp.zeros((), weight.dtype), [(0, 0, 0)] * 2 + fill)
    pairs = (size for pair in zip(blocks, gaps, strict=True) for size in pair)
    weight = weight.reshape(*weight.shape[:2], *pairs)
    sets = [_sets(k, g, low) for k, g, (low, _) in zip(task.kernel, gaps, task.padding, strict=True)]
    y = _joined(sets, (), task.channel_axis + 1, partial(_computed, task, x, weight, counts, inner))
    return _interleaved(task, y, counts)


def _sets(kernel: int, gap: int, low: int) -> list[_Phases]:
    """Return the phases along an axis, in order."""

    def read(phase: int) -> tuple[int, int]:
        place = (low - phase) % gap
        return (phase - low + place) // gap, max(1, -(-(kernel - place) // gap))

    sets = []
    for (offset, taps), same in itertools.groupby(range(gap), read):
        places = [(low - phase) % gap for phase in same]
        sets.append(_Phases(offset, taps, places[-1], places[0]))
    return sets


def _joined(sets: list[list[_Phases]], chosen: tuple[_Phases, ...], axis: int, compute: Form) -> jax.Array:
    """Join what is computed for every choice of one set per axis, along the phases' axes, of which one is ``axis``."""
    if len(chosen) == len(sets):
        return compute(chosen)
    parts = [_joined(sets, (*chosen, each), axis + 1, compute) for each in sets[len(chosen)]]
    return jnp.concatenate(parts, axis) if len(parts) > 1 else parts[0]


def _computed(
    task: Convolution,
    x: jax.Array,
    weight: jax.Array,
    counts: Shape,
    inner: Form,
    chosen: tuple[_Phases, ...],
) -> jax.Array:
    """Compute phases; those of each axis have an axis of their own behind the filters'."""
    rank = task.rank
    cut = [part for each in chosen for part in (slice(each.taps), slice(each.first, each.last + 1))]
    weight = jnp.flip(weight[(slice(None), slice(None), *cut)], range(3, 3 + 2 * rank, 2))
    weight = weight.transpose(0, *range(3, 3 + 2 * rank, 2), 1, *range(2, 2 + 2 * rank, 2))
    kernel = tuple(each.taps for each in chosen)
    places = tuple(each.count for each in chosen)
    part = task.replace(
        filters=task.filters * math.prod(places),
        kernel=kernel,
        gaps=(1,) * rank,
        padding=tuple(
            (-each.offset, count + each.taps - 1 + each.offset - n)
            for each, count, n in zip(chosen, counts, task.spatial, strict=True)
        ),
    )
    y = inner(part, x, weight.reshape(part.filters, -1, *kernel))
    channel = task.channel_axis
    return y.reshape(*y.shape[:channel], task.filters, *places, *y.shape[channel + 1 :])


def _interleaved(task: Convolution, y: jax.Array, counts: Shape) -> jax.Array:
    """Put the phases' axes, which lie behind the filters', between the positions that they belong to."""
    rank, channel = task.rank, task.channel_axis
    places = range(channel + 1, channel + 1 + rank)
    outer = range(1, 1 + rank) if task.channels_last else range(2 + rank, 2 + 2 * rank)
    pairs = [axis for pair in zip(outer, places, strict=True) for axis in pair]
    order = [0, *pairs, channel] if task.channels_last else [0, channel, *pairs]
    whole = tuple(n * g for n, g in zip(counts, task.gaps, strict=True))
    y = y.transpose(order).reshape(task.shape(task.filters, whole))
    return task.padded(y, tuple((0, n - w) for n, w in zip(task.size, whole, strict=True)))
