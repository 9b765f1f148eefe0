"""Convolution as one matrix product of all that lies under the window."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import lax

from jaxdnn.lowering.recipes.task import Convolution, filters_last


def product_of_patches(task: Convolution, x: jax.Array, weight: jax.Array) -> jax.Array:
    """Copy the elements under all taps beside each other, and multiply them by the weight; channels lie last."""
    x = task.padded(x, task.padding)
    patches = jnp.concatenate([task.window(x, tap) for tap in task.taps], axis=-1)
    matrix = filters_last(weight).reshape(-1, task.filters)
    y = lax.dot_general(patches.reshape(-1, len(matrix)), matrix, (((1,), (0,)), ((), ())))
    return y.reshape(task.shape(task.filters, task.size))
