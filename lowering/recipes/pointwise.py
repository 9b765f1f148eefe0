"""Convolution with a kernel of one tap as a matrix product."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import lax

from jaxdnn.lowering.recipes.task import Convolution


def matrix_product(task: Convolution, x: jax.Array, weight: jax.Array) -> jax.Array:
    """Multiply the channels of every position by the weight."""
    x = task.window(task.padded(x, task.padding), (0,) * task.rank)
    matrix = weight.reshape(task.filters, task.channels)
    if task.channels_last:
        y = lax.dot_general(x.reshape(-1, task.channels), matrix, (((1,), (1,)), ((), ())))
        return y.reshape(*x.shape[:-1], task.filters)
    return jnp.moveaxis(lax.dot_general(matrix, x, (((1,), (1,)), ((), ()))), 0, 1)
