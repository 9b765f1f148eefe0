"""How morphology computes: one strided slice of the padded input per element of the filter."""

from __future__ import annotations

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np

from jaxdnn.errors import ShapeError
from jaxdnn.layers.base import dims
from jaxdnn.layers.convolution import Im2Col
from jaxdnn.layers.morphology import Dilation
from jaxdnn.lowering.convolution import window_slices
from jaxdnn.lowering.registry import lowers


@lowers(Dilation)
def dilation(layer: Dilation, weights: Mapping[str, jax.Array], x: jax.Array, shifts: jax.Array) -> jax.Array:
    """See :class:`~jaxdnn.layers.morphology.Dilation`."""
    del weights
    if x.ndim != 4 or shifts.ndim != 3 or shifts.shape[2] != x.shape[3]:
        raise ShapeError(f"a filter {dims(shifts.shape)} does not fit {dims(x.shape)}")
    kernel = shifts.shape[:2]
    patches = Im2Col(
        kernel=kernel,
        stride=layer.stride,
        padding=layer.padding,
        dilation=layer.dilation,
        channels_last=True,
    )
    lowest = -np.inf if jnp.issubdtype(x.dtype, jnp.floating) else np.iinfo(x.dtype).min
    taps = window_slices(patches, x, fill=lowest)
    sums = [
        tap + shifts[place].reshape(1, 1, 1, -1) for place, tap in zip(np.ndindex(kernel), taps, strict=True)
    ]
    return jnp.stack(sums).max(0)
