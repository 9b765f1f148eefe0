"""What a convolution's sums go through before anybody reads them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jax import lax

from jaxdnn.layers.activation import Clip, HardSwish, Mish, Relu, Swish
from jaxdnn.layers.base import Layer
from jaxdnn.lowering.recipes.task import Convolution


@dataclass(frozen=True)
class Place:
    """Where results lie among the channels of an array that has more of them.

    Attributes:
        first: the channel of the first filter.
        channels: how many there are.
    """

    first: int
    channels: int


@dataclass(frozen=True)
class Finish:
    """``y = min(max(leaky(y), low), high)``, where ``leaky`` multiplies what is below zero by ``slope``; or a curve.

    Attributes:
        slope, low, high: as in the formula.
        curve: one of :data:`CURVES`; the other attributes are then what they are by default.
        beta: of the swish.
        place: where the result is written; None if it is an array of its own.
    """

    slope: float = 1.0
    low: float = -math.inf
    high: float = math.inf
    curve: str = ""
    beta: float = 1.0
    place: Place | None = None

    @classmethod
    def of(cls, layer: Layer) -> Finish | None:
        """Return what an activation is as a finish, None if it is something else."""
        if type(layer) is Relu:
            # A slope of 0 would make not a number of minus infinity.
            return cls(slope=layer.negative_slope) if layer.negative_slope else cls(low=0.0)
        if type(layer) is Clip and layer.floor <= layer.ceiling:
            return cls(low=layer.floor, high=layer.ceiling)
        if type(layer) is Swish:
            return cls(curve="swish", beta=layer.beta)
        curve = {Mish: "mish", HardSwish: "hard swish"}.get(type(layer))
        return cls(curve=curve) if curve else None

    def __call__(self, y: jax.Array) -> jax.Array:
        """Return the finished array."""
        if self.curve:
            return CURVES[self.curve](y, self.beta)
        if self.slope != 1:
            y = jnp.where(y > 0, y, self.slope * y)
        if self.low > -math.inf:
            y = jnp.maximum(y, self.low)
        return jnp.minimum(y, self.high) if self.high < math.inf else y


CURVES: dict[str, Callable[[jax.Array, float], jax.Array]] = {
    "swish": lambda y, beta: y * jax.nn.sigmoid(beta * y),
    "mish": lambda y, beta: jax.nn.mish(y),
    "hard swish": lambda y, beta: y * jnp.clip(y / 6 + 0.5, 0, 1),
}
"""Other activations, in the order in which ``epilogue.h`` numbers them, from 1 on."""

UNFINISHED = Finish()
"""Leaves sums what they are."""


def finished(
    task: Convolution, y: jax.Array, bias: jax.Array | None, added: jax.Array | None, finish: Finish
) -> jax.Array:
    """Return a convolution's sums with a bias per filter and an array added, finished.

    Where the finish has a place, the result is written there into the array instead, a new one if there is none.
    """
    if bias is not None:
        along = [1] * y.ndim
        along[task.channel_axis] = -1
        y = y + bias.reshape(along)
    if finish.place is None:
        return finish(y if added is None else y + added)
    if added is None:
        added = jnp.zeros(task.shape(finish.place.channels, task.size), y.dtype)
    return lax.dynamic_update_slice_in_dim(added, finish(y), finish.place.first, task.channel_axis)
