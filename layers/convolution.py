"""Convolution, its transpose, and the patches that both are made of."""

from __future__ import annotations

import math
from dataclasses import dataclass

from jaxdnn.errors import ShapeError
from jaxdnn.layers.base import (
    Layer,
    PerAxis,
    Shape,
    dims,
    normalize_axis,
    require,
    require_at_least,
    spread,
)


def _spatial(layer: Conv | ConvTranspose | Im2Col, shape: Shape) -> tuple[int, Shape]:
    """Return the channel count and the spatial shape of an input."""
    axis = normalize_axis(layer.axis, len(shape))
    return shape[axis], shape[axis + 1 :]


def _require_groups(groups: int, **counts: int) -> None:
    for name, count in counts.items():
        if count % groups:
            raise ShapeError(f"groups {groups} does not divide {count} {name}")


@dataclass(frozen=True, kw_only=True)
class Conv(Layer):
    """Cross-correlation over any number of spatial axes, in groups, plus a bias.

    ``y[n, o, i] = bias[o] + sum over c, k of x[n, c, i*stride - padding + k*dilation] * weight[o, c, k]``
    where c runs over the input channels of o's group. Axes before ``axis`` are batch axes; with no
    spatial axis left this is a matrix product per sample.

    Output size per spatial axis: ``floor((size + 2*padding - (dilation*(kernel-1) + 1)) / stride) + 1``.

    Params: ``weight`` (filters, channels // groups, *kernel); ``bias`` (filters,) if ``bias``.

    Attributes:
        filters: number of output channels.
        kernel: window size, one value or one per spatial axis.
        stride: step of the window.
        padding: zeros added at both ends of each axis.
        dilation: distance between the window's taps.
        groups: number of independent slices of the channels; it divides both channel counts.
        bias: whether a bias is added.
        axis: the channel axis; all later axes are spatial.
    """

    filters: int
    kernel: PerAxis
    stride: PerAxis = 1
    padding: PerAxis = 0
    dilation: PerAxis = 1
    groups: int = 1
    bias: bool = True
    axis: int = 1

    def __post_init__(self) -> None:
        require_at_least(1, filters=self.filters, kernel=self.kernel, stride=self.stride)
        require_at_least(1, dilation=self.dilation, groups=self.groups)
        require_at_least(0, padding=self.padding)
        require(
            self.filters % self.groups == 0, f"groups {self.groups} does not divide {self.filters} filters"
        )

    def param_shapes(self, *inputs: Shape) -> dict[str, Shape]:
        """See :class:`Conv`."""
        channels, spatial = _spatial(self, inputs[0])
        _require_groups(self.groups, **{"input channels": channels})
        kernel = spread("kernel", self.kernel, len(spatial))
        shapes: dict[str, Shape] = {"weight": (self.filters, channels // self.groups, *kernel)}
        if self.bias:
            shapes["bias"] = (self.filters,)
        return shapes

    def flops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> int:
        """Count one multiply-add per weight and output position."""
        taps = math.prod(self.param_shapes(*inputs)["weight"][1:])
        return math.prod(outputs[0]) * (2 * taps + self.bias)


@dataclass(frozen=True, kw_only=True)
class ConvTranspose(Layer):
    """The transpose (gradient with respect to the input) of :class:`Conv`, plus a bias.

    Each input element adds its kernel-weighted copy to the output at ``i*stride - padding + k*dilation``.

    Output size per spatial axis:
    ``stride*(size - 1) + dilation*(kernel-1) + 1 - 2*padding + output_padding``.

    Params: ``weight`` (channels, filters // groups, *kernel); ``bias`` (filters,) if ``bias``.

    Attributes:
        filters: number of output channels.
        kernel, stride, padding, dilation: those of the convolution that this layer transposes.
        output_padding: extra size at the end of each axis, for strides whose rounding lost it.
        groups: number of independent slices of the channels; it divides both channel counts.
        bias: whether a bias is added.
        axis: the channel axis; all later axes are spatial.
    """

    filters: int
    kernel: PerAxis
    stride: PerAxis = 1
    padding: PerAxis = 0
    dilation: PerAxis = 1
    output_padding: PerAxis = 0
    groups: int = 1
    bias: bool = True
    axis: int = 1

    def __post_init__(self) -> None:
        require_at_least(1, filters=self.filters, kernel=self.kernel, stride=self.stride)
        require_at_least(1, dilation=self.dilation, groups=self.groups)
        require_at_least(0, padding=self.padding, output_padding=self.output_padding)
        require(
            self.filters % self.groups == 0, f"groups {self.groups} does not divide {self.filters} filters"
        )

    def param_shapes(self, *inputs: Shape) -> dict[str, Shape]:
        """See :class:`ConvTranspose`."""
        channels, spatial = _spatial(self, inputs[0])
        _require_groups(self.groups, **{"input channels": channels})
        kernel = spread("kernel", self.kernel, len(spatial))
        shapes: dict[str, Shape] = {"weight": (channels, self.filters // self.groups, *kernel)}
        if self.bias:
            shapes["bias"] = (self.filters,)
        return shapes

    def flops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> int:
        """Count one multiply-add per weight and input position."""
        taps = math.prod(self.param_shapes(*inputs)["weight"][1:])
        return 2 * math.prod(inputs[0]) * taps + self.bias * math.prod(outputs[0])


@dataclass(frozen=True, kw_only=True)
class Im2Col(Layer):
    """The input patches under each position of a convolution's window, stacked as channels.

    Output: (*batch, channels * prod(kernel), *output size), channels slowest; sizes as for :class:`Conv`.

    Attributes:
        kernel, stride, padding, dilation, axis: as for :class:`Conv`.
    """

    kernel: PerAxis
    stride: PerAxis = 1
    padding: PerAxis = 0
    dilation: PerAxis = 1
    axis: int = 1

    def __post_init__(self) -> None:
        require_at_least(1, kernel=self.kernel, stride=self.stride, dilation=self.dilation)
        require_at_least(0, padding=self.padding)


def conv_output_size(layer: Conv | Im2Col, spatial: Shape) -> Shape:
    """Return the spatial output shape of a convolution.

    Raises:
        ShapeError: the dilated kernel does not fit into the padded input.
    """
    rank = len(spatial)
    kernel, stride = spread("kernel", layer.kernel, rank), spread("stride", layer.stride, rank)
    padding, dilation = spread("padding", layer.padding, rank), spread("dilation", layer.dilation, rank)
    extent = tuple(d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True))
    padded = tuple(size + 2 * p for size, p in zip(spatial, padding, strict=True))
    if any(e > size for e, size in zip(extent, padded, strict=True)):
        raise ShapeError(f"the kernel {dims(extent)} is larger than the padded input {dims(padded)}")
    return tuple((size - e) // s + 1 for size, e, s in zip(padded, extent, stride, strict=True))
