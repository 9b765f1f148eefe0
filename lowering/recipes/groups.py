"""Convolution in groups as a convolution for each of a few groups."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from jaxdnn.lowering.recipes.task import Convolution, Form

_WIDTH = 32
"""Channels from which on a group is worth a convolution of its own."""


def split_groups(task: Convolution, x: jax.Array, weight: jax.Array, inner: Form) -> jax.Array:
    """Join neighbouring groups where they are narrow, compute each by itself with ``inner``, and join the results."""
    count = merged_groups(task)
    weight = merged(task, weight, count)
    groups = task.groups // count
    part = task.replace(channels=task.channels // groups, filters=task.filters // groups, groups=1)
    slices = zip(jnp.split(x, groups, axis=task.channel_axis), jnp.split(weight, groups), strict=True)
    results = [inner(part, *each) for each in slices]
    return jnp.concatenate(results, axis=task.channel_axis)


def merged_groups(task: Convolution) -> int:
    """Return how many groups are joined into one: a divisor of their number that makes them wide enough."""
    channels = task.channels // task.groups
    divisors = (n for n in range(1, task.groups + 1) if task.groups % n == 0)
    return next((n for n in divisors if n * channels >= _WIDTH), task.groups)


def merged(task: Convolution, weight: jax.Array, count: int) -> jax.Array:
    """Return the weight of groups of which ``count`` are joined: zero where groups do not meet."""
    if count == 1:
        return weight
    channels = task.channels // task.groups
    blocks = weight.reshape(
        task.groups // count, count, task.filters // task.groups, 1, channels, math.prod(task.kernel)
    )
    same = jnp.eye(count, dtype=bool).reshape(1, count, 1, count, 1, 1)
    wide = jnp.where(same, blocks, jnp.zeros((), weight.dtype))
    return wide.reshape(task.filters, count * channels, *task.kernel)
