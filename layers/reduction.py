"""Fewer elements than before: sums and their like, and the largest elements."""

from __future__ import annotations

import math

from jaxdnn.layers.base import Layer, Shape, require, require_at_least, require_one_of

REDUCTIONS = (
    *("sum", "mean", "max", "min", "product", "abs_sum", "square_sum", "log_sum_exp"),
    *("any", "all"),
)


class Reduce(Layer):
    """Join all elements along some axes into one: ``y = coefficient * operation(x)``.

    ``abs_sum`` is the sum of the absolute values, ``square_sum`` the sum of the squares, ``log_sum_exp`` the logarithm
    of the sum of the exponentials.

    Output: the shape of x without the reduced axes, a scalar if that is all of them; with ``keepdims`` they
    stay, with size 1. The mean of integers drops the fraction. The largest element of none is the type's smallest
    value and the other way round; their sum is 0, their product 1.

    Attributes:
        operation: ``sum``, ``mean``, ``max``, ``min``, ``product``, ``abs_sum``, ``square_sum``,
            ``log_sum_exp``, or for booleans ``any`` or ``all``.
        axes: the axes to reduce; None for all.
        none_is_all: whether an empty tuple of axes stands for all of them too.
        later_axes: whether all axes behind the first of those are reduced too.
        keepdims: whether reduced axes stay.
        coefficient: factor of the result.
    """

    operation: str = "sum"
    axes: tuple[int, ...] | None = None
    none_is_all: bool = False
    later_axes: bool = False
    keepdims: bool = False
    coefficient: float = 1.0

    def __post_init__(self) -> None:
        require_one_of(REDUCTIONS, operation=self.operation)
        require(not self.later_axes or bool(self.axes), "later_axes needs an axis to start from")

    def flops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> int:
        """Count one operation per input element."""
        del outputs
        return math.prod(inputs[0])


class ArgMax(Layer):
    """Where the largest (or smallest) elements along an axis are, the most extreme one first.

    What is not a number is never the most extreme element, unless nothing else is there.

    Output: the shape of x with size ``top_k`` along the axis, or without the axis unless ``keepdims``.
    If ``axis`` is None, the elements of each sample count as one vector, and the output is (N, 1, top_k),
    or (N, 2, top_k) for ``both``, followed by axes of size 1 up to the rank of x.

    Attributes:
        axis: the axis to search, None for all axes but the first.
        top_k: how many elements to find.
        output: ``indices``, ``values``, or ``both``: the indices in the type of x, then the values; only
            without an axis.
        smallest: whether the smallest elements are meant.
        ties: which of equal elements counts as the more extreme one, the ``first`` or the ``last``.
        keepdims: whether the axis stays; ``top_k`` must be 1 if not.
        dtype: of the ``indices``, ``int32``, ``int64`` or ``float32``.
    """

    axis: int | None
    top_k: int = 1
    output: str = "indices"
    smallest: bool = False
    ties: str = "first"
    keepdims: bool = True
    dtype: str = "int32"

    def __post_init__(self) -> None:
        require_at_least(1, top_k=self.top_k)
        require_one_of(("indices", "values", "both"), output=self.output)
        require_one_of(("first", "last"), ties=self.ties)
        require_one_of(("int32", "int64", "float32"), dtype=self.dtype)
        require(self.output != "both" or self.axis is None, "both indices and values need axis None")
        require(self.keepdims or self.top_k == 1, f"top_k must be 1 without keepdims, got {self.top_k}")
        require(self.keepdims or self.axis is not None, "axis None keeps its dimensions")

    def flops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> int:
        """Count one comparison per input element."""
        del outputs
        return math.prod(inputs[0])
