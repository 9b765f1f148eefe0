"""Convolution as a sum of matrix products, one for each tap of the window."""

from __future__ import annotations

import itertools
from functools import reduce

import jax
from jax import lax

from jaxdnn.lowering.recipes.task import Convolution


def products_of_taps(task: Convolution, x: jax.Array, weight: jax.Array) -> jax.Array:
    """Multiply the elements under each tap by that tap's weight, and sum; channels lie last."""
    x = task.padded(x, task.padding)
    matrices = weight.transpose(*range(2, weight.ndim), 1, 0)
    products = (
        lax.dot_general(
            task.window(x, tap).reshape(-1, task.channels), matrices[tap], (((1,), (0,)), ((), ()))
        )
        for tap in itertools.product(*map(range, task.kernel))
    )
    return reduce(lax.add, products).reshape(task.shape(task.filters, task.size))
