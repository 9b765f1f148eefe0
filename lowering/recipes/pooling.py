"""Pooling by a C++ kernel, of images whose channels lie last; in float32."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdnn.layers.pooling import Window
from jaxdnn.lowering import native
from jaxdnn.lowering.recipes.platforms import may_call_kernels

_MOST_CELLS = 49
"""Cells of a window up to which each is read for itself, if there are several windows; XLA's form of large ones takes a
logarithm of their size.
"""


def can_slide(x: jax.Array, windows: tuple[Window, ...]) -> bool:
    """Return whether the kernel can compute these windows of an image (batch, height, width, channels)."""
    known = x.ndim == 4 and all(isinstance(n, int) and n > 0 for n in x.shape) and x.dtype == jnp.float32
    once = math.prod(window.count for window in windows) == 1
    few = once or math.prod(window.kernel for window in windows) <= _MOST_CELLS
    return known and few and may_call_kernels()


@partial(jax.custom_jvp, nondiff_argnums=(0, 1, 2))
def slid(
    plain: Callable[[jax.Array], jax.Array], windows: tuple[Window, Window], largest: bool, x: jax.Array
) -> jax.Array:
    """Return the largest element or the sum of each window; ``plain`` is XLA's form of it, which has derivatives."""
    del plain
    height, width = (window.count for window in windows)
    call = native.loaded().call("pooling", (x.shape[0], height, width, x.shape[3]))
    return call(
        x,
        kernel=np.array([window.kernel for window in windows]),
        stride=np.array([window.stride for window in windows]),
        before=np.array([window.before for window in windows]),
        dilation=np.array([window.dilation for window in windows]),
        largest=largest,
    )[0]


@slid.defjvp
def _derivative(
    plain: Callable[[jax.Array], jax.Array],
    windows: tuple[Window, Window],
    largest: bool,
    primals: tuple[Any, ...],
    tangents: tuple[Any, ...],
) -> tuple[jax.Array, jax.Array]:
    del windows, largest
    return jax.jvp(plain, primals, tangents)
