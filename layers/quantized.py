"""Products with weights that are 8-bit integers: as integers, or as a smaller store of floating numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from jaxdnn.errors import ShapeError
from jaxdnn.layers.base import Layer, Shape, require
from jaxdnn.layers.convolution import Conv, ConvTranspose
from jaxdnn.layers.dense import Dense
from jaxdnn.layers.filters import filter_count

LARGEST = 127
"""The largest integer; the smallest is its negative, so that signs are symmetric and -128 is not used."""

MAX_TERMS = (2**31 - 1) // LARGEST**2
"""How many products of two integers an int32 certainly holds the sum of."""


class _IntegerWeight(Layer):
    """Another layer whose weight w is stored as integers q from -127 to 127: ``w = q * r / 127``.

    Inputs and outputs: the layer's.

    Params: the layer's, of which ``weight`` is int8; ``weight_range``, r, (filters,) if ``per_channel``, else ().

    Attributes:
        layer: a convolution, its transpose or a dense layer with a weight of its own.
        per_channel: whether each output channel has an r of its own. One of 0 makes all its weights 0.
    """

    layer: Conv | ConvTranspose | Dense
    per_channel: bool = True

    def __post_init__(self) -> None:
        require(filter_count(self.layer) is not None, f"layer must hold a weight, got {self.layer}")

    @property
    def filters(self) -> int:
        """The number of output channels."""
        count = filter_count(self.layer)
        assert count is not None
        return count

    def channel_axis(self, rank: int) -> int:
        """Return the channel axis of an output with this many axes, counted from the front."""
        if isinstance(self.layer, Dense) or self.layer.channels_last:
            return rank - 1
        return self.layer.axis % rank

    def param_shapes(self, *inputs: Shape) -> dict[str, Shape]:
        """See the class."""
        range_shape = (self.filters,) if self.per_channel else ()
        return {**self.layer.param_shapes(*inputs), "weight_range": range_shape}

    def flops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> int:
        """Count what the layer counts: integer operations as floating-point ones."""
        return self.layer.flops(inputs, outputs)


class QuantizedWeight(_IntegerWeight):
    """A layer whose weight is stored in 8 bits and read as floating numbers while it computes.

    ``y = layer(x)`` with ``weight = q * r / 127``, computed in float32 and rounded to the type of x.
    """


class Quantized(_IntegerWeight):
    """A layer that multiplies 8-bit integers and adds them up in int32.

    ``y = layer(p, weight=q) * (s / 127) * (r / 127) + bias`` with
    ``p = clip(round(x * (127 / s)), -127, 127)``, halves to the even neighbour; where s is 0 or x not a number, p is 0.
    The layer's sums over p and q are exact; all else is float32, under half-precision policies too.

    Gradients: those of ``layer(x)`` with the weight ``q * r / 127`` where ``|x| <= s``, as if nothing were rounded;
    with respect to x they are 0 elsewhere. The integers q have none.

    Params: also ``input_range``, s, ().
    """

    def param_shapes(self, *inputs: Shape) -> dict[str, Shape]:
        """See the class.

        Raises:
            ShapeError: a sum has so many terms that int32 might not hold it.
        """
        shapes = super().param_shapes(*inputs)
        terms = product_terms(self.layer, shapes["weight"])
        if terms > MAX_TERMS:
            raise ShapeError(f"a sum of {terms} products of 8 bits may not fit int32, {MAX_TERMS} do")
        return {**shapes, "input_range": ()}


def product_terms(layer: Layer, weight: Shape) -> int:
    """Return how many products an output element of a layer is the sum of, at most, for its weight's shape."""
    size = math.prod(weight)
    if isinstance(layer, ConvTranspose):
        return size // (weight[1] * (layer.groups or 1))
    count = filter_count(layer)
    assert count is not None
    return size // count


def per_unit(limit: Any, xp: Any = np) -> Any:
    """Return how many integers there are to a unit, ``127 / limit``, and 0 where the limit is 0.

    Args:
        limit: what 127 stands for, an array of ``xp``.
        xp: numpy or an array module like it.
    """
    empty = limit == 0
    return xp.where(empty, xp.zeros_like(limit), LARGEST / xp.where(empty, xp.ones_like(limit), limit))


def nearest_integers(steps: Any, xp: Any = np) -> Any:
    """Return int8 arrays of ``clip(round(steps), -127, 127)``, halves to the even neighbour."""
    return xp.clip(xp.rint(steps), -LARGEST, LARGEST).astype(np.int8)
