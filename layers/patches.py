"""Patches put back into an image, and convolutions over taps that lie anywhere."""

from __future__ import annotations

import math

from jaxdnn.layers.base import Layer, PerAxis, Shape, require_at_least
from jaxdnn.layers.convolution import Conv
from jaxdnn.layers.padding import Padding, require_padding


class Col2Im(Layer):
    """The sum of patches at their places in an image: the transpose of :class:`~jaxdnn.layers.convolution.Im2Col`.

    Input: (batch, channels * prod(kernel), positions), the positions of the window row by row.

    Output: (batch, channels, *size). What of a patch lies in the padding is dropped.

    Attributes:
        size: of the image, one value per spatial axis.
        kernel, stride, padding, dilation: as for :class:`~jaxdnn.layers.convolution.Conv`.
    """

    size: tuple[int, ...]
    kernel: tuple[int, ...]
    stride: PerAxis = 1
    padding: Padding = 0
    dilation: PerAxis = 1

    def __post_init__(self) -> None:
        require_at_least(1, size=self.size, kernel=self.kernel, stride=self.stride, dilation=self.dilation)
        require_padding(self.padding)


class DeformableConv(Conv):
    """:class:`~jaxdnn.layers.convolution.Conv` whose taps are moved, each at each position, and may be weighted.

    ``y[n, o, i] = bias[o] + sum over c, k of mask[n, g, k, i] * x[n, c, p] * weight[o, c, k]`` with
    ``p = i*stride - before + k*dilation + offset[n, g, k, :, i]``, where g is the offset group of c. Between
    elements x is interpolated linearly, and around it there are zeros.

    Inputs: x (batch, channels, *spatial); the weight, if ``filters`` is None; offset (batch, offset_groups *
    prod(kernel) * rank, *output size), the tap slower than the axis along which it moves; if ``mask``, the factors
    (batch, offset_groups * prod(kernel), *output size).

    Attributes:
        offset_groups: number of equal slices of the channels, each with offsets of its own.
        mask: whether taps are weighted.
    """

    offset_groups: int = 1
    mask: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        require_at_least(1, offset_groups=self.offset_groups)
        require_at_least(1, groups=self.groups)

    def flops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> int:
        """Count the convolution, and a multiply-add for each corner around each tap."""
        corners: int = 2 ** (len(inputs[0]) - 2)
        positions = math.prod((outputs[0][0], *outputs[0][2:]))
        return super().flops(inputs, outputs) + 2 * positions * self.groups * self.taps(inputs) * corners
