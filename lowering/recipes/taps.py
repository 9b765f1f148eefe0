"""Convolution as a sum of matrix products, one for each tap of the window."""

from __future__ import annotations

from functools import reduce

import jax
from jax import lax

from jaxdnn.lowering.recipes.task import Convolution, filters_last


def products_of_taps(task: Convolution, x: jax.Array, weight: jax.Array) -> jax.Array:
    """Multiply the elements under each tap by that tap's weight, and sum; channels lie last."""
    x = task.padded(x, task.padding)
    matrices = filters_last(weight)
    products = (
        lax.dot_general(
            task.window(x, tap).reshape(-1, task.channels), matrices[tap], (((1,), (0,)), ((), ()))
        )
        for tap in task.taps
    )
    return reduce(lax.add, products).reshape(task.shape(task.filters, task.size))
