"""Convolutions and matrix products of 8-bit integers with zero points."""

from __future__ import annotations

import math

from jaxdnn.layers.base import Layer, Shape, require
from jaxdnn.layers.convolution import Conv


class IntegerConv(Layer):
    """A convolution of integers: ``y = layer(x - x_zero, weight - weight_zero)``, exactly, in int32.

    Inputs: x, int8 or uint8; x_zero, a scalar; weight_zero, a scalar or (filters,), if ``weight_zero``; the weight,
    int8 or uint8, if the layer has no ``filters``. Padding stands for zeros: x_zero.

    Params: ``weight``, int8, of the layer's shape unless it is an input.

    Attributes:
        layer: a convolution without bias.
        weight_zero: whether the weight has a zero point.
    """

    layer: Conv
    weight_zero: bool = False

    def __post_init__(self) -> None:
        require(not self.layer.bias, "layer must have no bias")

    def param_shapes(self, *inputs: Shape) -> dict[str, Shape]:
        """See :class:`IntegerConv`."""
        return self.layer.param_shapes(inputs[0], *inputs[2 + self.weight_zero :])

    def flops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> int:
        """Count what the layer counts: integer operations as floating-point ones."""
        return self.layer.flops((inputs[0], *inputs[2 + self.weight_zero :]), outputs)


class IntegerMatMul(Layer):
    """A matrix product of integers: ``y = (a - a_zero) (b - b_zero)``, exactly, in int32.

    Inputs: a, int8 or uint8; a_zero, a scalar, or one number for each row: a vector, or an array with a last axis of
    size 1; b_zero, a scalar, or one number for each column: a vector, or an array whose last axis but one is 1; b,
    int8 or uint8, unless ``weight``. The axes before the last two are batch axes, see
    :class:`~jaxdnn.layers.dense.MatMul`; a single axis is that of a vector.

    Params: ``weight``, int8, of shape ``weight``, in b's place.

    Attributes:
        weight: the shape of b where it is a param, (rows, columns).
    """

    weight: Shape | None = None

    def param_shapes(self, *inputs: Shape) -> dict[str, Shape]:
        """See :class:`IntegerMatMul`."""
        del inputs
        return {} if self.weight is None else {"weight": self.weight}

    def flops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> int:
        """Count one multiply-add per joined pair."""
        return 2 * math.prod(outputs[0]) * inputs[0][-1]
