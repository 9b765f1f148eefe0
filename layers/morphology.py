"""Grey-scale morphology."""

from __future__ import annotations

import math

from jaxdnn.layers.base import Layer, PerAxis, Shape, require_at_least
from jaxdnn.layers.padding import Padding, require_padding


class Dilation(Layer):
    """The largest sum of an input element and its filter element under each position of a window.

    Inputs: x (batch, height, width, channels); the filter (height, width, channels).

    Output: sizes as for :class:`~jaxdnn.layers.convolution.Conv`; what lies around x never counts.

    Attributes:
        stride, padding, dilation: as for a convolution.
    """

    stride: PerAxis = 1
    padding: Padding = 0
    dilation: PerAxis = 1

    def __post_init__(self) -> None:
        require_at_least(1, stride=self.stride, dilation=self.dilation)
        require_padding(self.padding)

    def flops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> int:
        """Count an addition and a comparison per filter element and output element."""
        return 2 * math.prod(outputs[0]) * math.prod(inputs[1][:2])
