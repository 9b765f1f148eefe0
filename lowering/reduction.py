"""How reductions compute: in float32, and on numpy's constants with numpy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from jaxdnn.errors import ShapeError
from jaxdnn.layers.base import normalize_axis
from jaxdnn.layers.reduction import ArgMax, Reduce
from jaxdnn.lowering.namespace import namespace
from jaxdnn.lowering.registry import lowers

_FUNCTIONS = {"abs_sum": "sum", "square_sum": "sum", "product": "prod"}


@lowers(Reduce, float32=True, numpy=True)
def reduce(layer: Reduce, weights: Mapping[str, jax.Array], x: Any) -> Any:
    """See :class:`~jaxdnn.layers.reduction.Reduce`."""
    del weights
    xp = namespace(x)
    axes = range(x.ndim) if layer.axes is None else [normalize_axis(a, x.ndim) for a in layer.axes]
    if layer.later_axes:
        axes = range(min(axes), x.ndim)
    if layer.operation == "abs_sum":
        x = xp.abs(x)
    elif layer.operation == "square_sum":
        x = xp.square(x)
    function = getattr(xp, _FUNCTIONS.get(layer.operation, layer.operation))
    # numpy sums small integers in a wider type.
    y = function(x, axis=tuple(axes), keepdims=layer.keepdims).astype(x.dtype)
    return y if layer.coefficient == 1 else layer.coefficient * y


@lowers(ArgMax, float32=True)
def argmax(layer: ArgMax, weights: Mapping[str, jax.Array], x: jax.Array) -> jax.Array:
    """See :class:`~jaxdnn.layers.reduction.ArgMax`."""
    del weights
    rank = x.ndim
    if layer.axis is None:
        x = x.reshape(x.shape[0], 1, -1)
    axis = 2 if layer.axis is None else normalize_axis(layer.axis, rank)
    indices = _top(layer, x, axis)
    values = jnp.take_along_axis(x, indices, axis)
    if layer.output == "both":
        y = jnp.concatenate([indices.astype(x.dtype), values], axis=1)
    else:
        y = values if layer.output == "values" else indices.astype(layer.dtype)
    if layer.axis is None:
        return y.reshape(y.shape + (1,) * (rank - 3))
    return y if layer.keepdims else jnp.squeeze(y, axis)


def _top(layer: ArgMax, x: jax.Array, axis: int) -> jax.Array:
    """Return the indices of the most extreme elements, along the same axis."""
    size = x.shape[axis]
    if layer.top_k > size:
        raise ShapeError(f"top_k {layer.top_k} is more than the {size} elements to choose from")
    x = jnp.moveaxis(-x if layer.smallest else x, axis, -1)
    if layer.ties == "last":
        x = jnp.flip(x, -1)
    indices = jnp.argmax(x, -1, keepdims=True) if layer.top_k == 1 else lax.top_k(x, layer.top_k)[1]
    if layer.ties == "last":
        indices = size - 1 - indices
    return jnp.moveaxis(indices, -1, axis)
