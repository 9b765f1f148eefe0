"""Strided convolution of few channels as a convolution of blocks of pixels."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
from jax import lax

from jaxdnn.layers.base import Shape
from jaxdnn.lowering.recipes.task import Convolution, Form


def space_to_depth(task: Convolution, x: jax.Array, weight: jax.Array, inner: Form) -> jax.Array:
    """Make channels of the elements that one step of the window passes, and convolve at stride 1 with ``inner``.

    The kernel is filled up with zeros to a multiple of the stride, the input to what that kernel covers.
    """
    kernel = tuple(-(-k // s) for k, s in zip(task.kernel, task.stride, strict=True))
    covered = tuple(n + k - 1 for n, k in zip(task.size, kernel, strict=True))
    ends = zip(covered, task.stride, task.spatial, task.padding, strict=True)
    x = task.padded(x, tuple((low, c * s - n - low) for c, s, n, (low, _) in ends))
    missing = [k * s - old for k, s, old in zip(kernel, task.stride, task.kernel, strict=True)]
    weight = lax.pad(weight, jnp.zeros((), weight.dtype), [(0, 0, 0)] * 2 + [(0, n, 0) for n in missing])
    blocked = task.replace(
        channels=task.channels * math.prod(task.stride),
        spatial=covered,
        kernel=kernel,
        stride=(1,) * task.rank,
        padding=((0, 0),) * task.rank,
    )
    x = _apart(x, task.axes.start, covered, task.stride)
    weight = _apart(weight, 2, kernel, task.stride)
    outer, places = range(2, 2 + 2 * task.rank, 2), range(3, 3 + 2 * task.rank, 2)
    # Channels vary fastest where they do so in the input, so that whole runs of it are moved.
    if task.channels_last:
        x = x.transpose(0, *(axis - 1 for axis in (*outer, *places)), x.ndim - 1)
        weight = weight.transpose(0, *places, 1, *outer)
    else:
        x = x.transpose(0, 1, *places, *outer)
        weight = weight.transpose(0, 1, *places, *outer)
    x = x.reshape(blocked.shape(blocked.channels, covered))
    return inner(blocked, x, weight.reshape(task.filters, blocked.channels, *kernel))


def _apart(x: jax.Array, first: int, counts: Shape, stride: Shape) -> jax.Array:
    """Take the axes from ``first`` on apart, each into its blocks and the places in a block."""
    sizes = [part for pair in zip(counts, stride, strict=True) for part in pair]
    return x.reshape(*x.shape[:first], *sizes, *x.shape[first + len(stride) :])
