"""Fourier transforms."""

from __future__ import annotations

import math

from jaxdnn.layers.base import Layer, Shape, require, require_at_least, require_one_of


class FourierTransform(Layer):
    """The discrete Fourier transform of the last axes: ``y[k] = sum of x[n] * exp(-2πi k n / N)`` along each.

    The inverse has the other sign, and divides by N.

    * ``complex``: complex numbers to complex numbers of the same shape;
    * ``real``: real numbers to the first ``size // 2 + 1`` complex numbers along the last axis, the others being
      their mirror image. The inverse takes these, and gives real numbers.

    Attributes:
        axes: how many of the last axes are transformed.
        inverse: whether the inverse is meant.
        kind: ``complex`` or ``real``.
        size: of the real array along these axes, to which zeros are added or elements cut off first; empty for its
            own size (of the inverse: of an even last axis).
    """

    axes: int = 1
    inverse: bool = False
    kind: str = "complex"
    size: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        require_at_least(1, axes=self.axes, size=self.size)
        require_one_of(("complex", "real"), kind=self.kind)
        require(len(self.size) in (0, self.axes), f"size must have {self.axes} values, got {len(self.size)}")

    def flops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> int:
        """Count ``5 n log2(n)`` per transform of n numbers."""
        shape = max(inputs[0], outputs[0], key=math.prod)
        count = max(2, math.prod(shape[-self.axes :]))
        return math.ceil(5 * math.prod(shape) * math.log2(count))
