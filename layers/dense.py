"""Matrix products, and the table look-up that is one with a one-hot matrix."""

from __future__ import annotations

import math

from jaxdnn.layers.base import Layer, Shape, normalize_axis, require_at_least


class Dense(Layer):
    """``y[..., u] = bias[u] + sum over k of x[..., k] * weight[u, k]``.

    k runs over all elements of the axes from ``axis`` on, taken as one vector; axes before are batch axes.

    Output: the axes before ``axis``, then ``units``.

    Params: ``weight`` (units, K), or (K, units) if ``transpose``; ``bias`` (units,) if ``bias``.

    Attributes:
        units: size of the output vector.
        bias: whether a bias is added.
        axis: the first of the axes that are joined into the input vector.
        transpose: whether the weight is stored with its axes swapped.
    """

    units: int
    bias: bool = True
    axis: int = 1
    transpose: bool = False

    def __post_init__(self) -> None:
        require_at_least(1, units=self.units)

    def param_shapes(self, *inputs: Shape) -> dict[str, Shape]:
        """See :class:`Dense`."""
        size = math.prod(inputs[0][normalize_axis(self.axis, len(inputs[0])) :])
        shapes: dict[str, Shape] = {"weight": (size, self.units) if self.transpose else (self.units, size)}
        if self.bias:
            shapes["bias"] = (self.units,)
        return shapes

    def flops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> int:
        """Count one multiply-add per input element and unit."""
        return 2 * math.prod(inputs[0]) * self.units + self.bias * math.prod(outputs[0])


class Embed(Layer):
    """``y[..., u] = weight[x[...], u] + bias[u]``: a row of a table for each index.

    An index that is no whole number is cut to one; one beyond the last row gives not a number.

    Output: the shape of x, then ``units``.

    Params: ``weight`` (rows, units); ``bias`` (units,) if ``bias``.

    Attributes:
        rows: number of rows of the table; indices count from 0.
        units: length of a row.
        bias: whether a bias is added.
    """

    rows: int
    units: int
    bias: bool = True

    def __post_init__(self) -> None:
        require_at_least(1, rows=self.rows, units=self.units)

    def param_shapes(self, *inputs: Shape) -> dict[str, Shape]:
        """See :class:`Embed`."""
        del inputs
        shapes: dict[str, Shape] = {"weight": (self.rows, self.units)}
        if self.bias:
            shapes["bias"] = (self.units,)
        return shapes

    def flops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> int:
        """Count the bias: reading a row computes nothing."""
        del inputs
        return self.bias * math.prod(outputs[0])


class MatMul(Layer):
    """The matrix product of two inputs over their last two axes.

    The axes before those are batch axes: where one input has size 1, or lacks an axis, it is repeated.

    Attributes:
        transpose_a, transpose_b: whether the last two axes of an input are swapped first.
        vectors: whether an input may have a single axis: the first one is then a row, the second one a column, and the
            output lacks that axis.
    """

    transpose_a: bool = False
    transpose_b: bool = False
    vectors: bool = False

    def flops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> int:
        """Count one multiply-add per output element and joined pair."""
        joined = -2 if self.transpose_a and len(inputs[0]) > 1 else -1
        return 2 * math.prod(outputs[0]) * inputs[0][joined]
