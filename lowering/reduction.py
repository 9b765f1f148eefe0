"""How reductions compute: in float32, and on numpy's constants with numpy."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxdnn.errors import ShapeError
from jaxdnn.layers.base import normalize_axis
from jaxdnn.layers.reduction import ArgMax, Reduce
from jaxdnn.lowering.arithmetic import truncate_divide
from jaxdnn.lowering.namespace import namespace
from jaxdnn.lowering.registry import lowers

_FUNCTIONS = {"abs_sum": "sum", "square_sum": "sum", "product": "prod"}


@lowers(Reduce, float32=True, numpy=True)
def reduce(layer: Reduce, weights: Mapping[str, jax.Array], x: Any) -> Any:
    """See :class:`~jaxdnn.layers.reduction.Reduce`."""
    del weights
    xp = namespace(x)
    every = layer.axes is None or (layer.none_is_all and not layer.axes)
    axes = range(x.ndim) if every else [normalize_axis(a, x.ndim) for a in layer.axes or ()]
    if layer.later_axes:
        axes = range(min(axes), x.ndim)
    if layer.operation == "abs_sum":
        x = xp.abs(x)
    elif layer.operation == "square_sum":
        x = xp.square(x)
    options: dict[str, Any] = {"axis": tuple(axes), "keepdims": layer.keepdims}
    if layer.operation == "mean":
        y = _mean(xp, x, **options)
    elif layer.operation == "log_sum_exp":
        y = _log_sum_exp(xp, x, **options)
    else:
        function = getattr(xp, _FUNCTIONS.get(layer.operation, layer.operation))
        if not x.size and layer.operation in ("max", "min"):
            options["initial"] = _extreme_of_none(layer.operation, x.dtype)
        # numpy sums small integers in a wider type.
        y = function(x, **options).astype(x.dtype)
    return y if layer.coefficient == 1 else layer.coefficient * y


def _mean(xp: Any, x: Any, axis: tuple[int, ...], keepdims: bool) -> Any:
    """Divide the sum, of integers without the fraction; no elements have no mean."""
    total = xp.sum(x, axis=axis, keepdims=keepdims)
    count = np.asarray(math.prod(x.shape[i] for i in axis), total.dtype)
    with np.errstate(invalid="ignore"):
        mean = truncate_divide(xp, total, count) if x.dtype.kind in "iu" else total / count
    return mean.astype(x.dtype)


def _log_sum_exp(xp: Any, x: Any, axis: tuple[int, ...], keepdims: bool) -> Any:
    """Move the largest element to 0 first, so that no exponential is infinite; no elements have the sum 0."""
    wide = x if jnp.issubdtype(x.dtype, jnp.floating) else x.astype(np.float32)
    largest = xp.max(wide, axis=axis, keepdims=True, initial=-math.inf)
    largest = lax.stop_gradient(largest) if xp is jnp else largest
    largest = xp.where(xp.isfinite(largest), largest, xp.zeros_like(largest))
    with np.errstate(divide="ignore"):
        y = xp.log(xp.sum(xp.exp(wide - largest), axis=axis, keepdims=True)) + largest
    return (y if keepdims else xp.squeeze(y, axis)).astype(x.dtype)


def _extreme_of_none(operation: str, dtype: Any) -> Any:
    """Return the largest or smallest element of none: the other end of the type."""
    if np.dtype(dtype).kind == "b":
        return operation == "min"
    if jnp.issubdtype(dtype, jnp.integer):
        return np.iinfo(dtype).min if operation == "max" else np.iinfo(dtype).max
    return -math.inf if operation == "max" else math.inf


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
        y = values if layer.output == "values" else indices.astype(jax.dtypes.canonicalize_dtype(layer.dtype))
    if layer.axis is None:
        return y.reshape(y.shape + (1,) * (rank - 3))
    return y if layer.keepdims else jnp.squeeze(y, axis)


def _top(layer: ArgMax, x: jax.Array, axis: int) -> jax.Array:
    """Return the indices of the most extreme elements, along the same axis."""
    size = x.shape[axis]
    if layer.top_k > size:
        raise ShapeError(f"top_k {layer.top_k} is more than the {size} elements to choose from")
    if layer.smallest:
        # Integers turn around without their sign: minus the least one is itself.
        x = ~x if jnp.issubdtype(x.dtype, jnp.integer) or x.dtype == bool else -x
    if jnp.issubdtype(x.dtype, jnp.floating):
        x = jnp.where(jnp.isnan(x), -jnp.inf, x)
    x = jnp.moveaxis(x, axis, -1)
    if layer.ties == "last":
        x = jnp.flip(x, -1)
    indices = jnp.argmax(x, -1, keepdims=True) if layer.top_k == 1 else lax.top_k(x, layer.top_k)[1]
    if layer.ties == "last":
        indices = size - 1 - indices
    return jnp.moveaxis(indices, -1, axis)
