"""How trees are descended, all rows and trees at once, and tables searched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdnn.errors import ShapeError
from jaxdnn.layers.base import dims
from jaxdnn.layers.trees import LookUp, TreeLeaves
from jaxdnn.lowering.namespace import namespace
from jaxdnn.lowering.registry import lowers

Weights = Mapping[str, jax.Array]


@lowers(TreeLeaves, float32=True)
def tree_leaves(
    layer: TreeLeaves, weights: Weights, x: jax.Array, roots: jax.Array, *nodes: jax.Array
) -> jax.Array:
    """Take a step in all trees, as many times as the deepest one has levels."""
    del weights
    if x.ndim != 2:
        raise ShapeError(f"the input is {dims(x.shape)}, rows x features expected")
    features, tests, thresholds, if_true, if_false, if_nan = nodes

    def step(_: Any, place: jax.Array) -> jax.Array:
        value = jnp.take_along_axis(x, features[place], axis=1)
        threshold, test = thresholds[place], tests[place]
        less, equal = value < threshold, value == threshold
        greater = value > threshold
        answers = (less | equal, less, greater | equal, greater, equal, ~equal)
        true = jnp.select([test == np.int32(i) for i in range(len(answers))], answers, jnp.bool_(False))
        true |= jnp.isnan(value) & if_nan[place]
        return jnp.where(true, if_true[place], if_false[place])

    start = jnp.broadcast_to(roots.reshape(1, -1), (len(x), len(roots)))
    found: jax.Array = jax.lax.fori_loop(0, layer.depth, step, start)
    return found


@lowers(LookUp, numpy=True, indices=(0, 1), moves=True)
def look_up(layer: LookUp, weights: Weights, x: Any, keys: Any, values: Any, default: Any) -> Any:
    """Search the sorted keys."""
    del layer, weights
    if keys.ndim != 1 or keys.shape != values.shape or default.ndim:
        raise ShapeError(
            f"keys {dims(keys.shape)}, values {dims(values.shape)} and default {dims(default.shape)} do not fit"
        )
    xp = namespace(x, keys, values, default)
    if not len(keys):
        return xp.broadcast_to(default, x.shape)
    order = namespace(keys).argsort(keys, stable=True)
    ordered, values = xp.asarray(keys[order]), xp.asarray(values[order])
    place = xp.minimum(xp.searchsorted(ordered, x), len(keys) - 1)
    found = ordered[place]
    same = (found == x) | ((found != found) & (x != x))
    return xp.where(same, values[place], default.reshape((1,) * x.ndim))
