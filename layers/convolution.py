"""Convolution, its transpose, and the patches that both are made of."""

from __future__ import annotations

import math
from typing import Protocol

from jaxdnn.errors import ShapeError
from jaxdnn.layers.base import (
    Layer,
    PerAxis,
    Shape,
    dims,
    require,
    require_at_least,
    spread,
)
from jaxdnn.layers.padding import Padding, ends, require_padding, spatial_axes


def _require_groups(groups: int, **counts: int) -> None:
    for name, count in counts.items():
        if count % groups:
            raise ShapeError(f"groups {groups} does not divide {count} {name}")


class _Convolution(Layer):
    """A window of weights over the spatial axes, in groups of channels, plus a bias.

    Attributes:
        filters: number of output channels; None where the weight is an input.
        kernel: window size, one value or one per spatial axis; None where the weight is an input.
        stride: step of the window.
        padding: zeros around each axis, see :data:`~jaxdnn.layers.padding.Padding`.
        dilation: distance between the window's taps.
        groups: number of independent slices of the channels; it divides both channel counts. 0 where the
            weight's number of channels tells: as many as it goes into the input's.
        group_channels: the weight's number of channels, if it is a param and ``groups`` is 0.
        bias: whether a bias is added.
        axis: the channel axis; all later axes are spatial, all earlier ones batch axes.
        channels_last: whether the channel axis is the last one instead, and the spatial ones lie between it and
            axis 0.
    """

    filters: int | None
    kernel: PerAxis | None
    stride: PerAxis = 1
    padding: Padding = 0
    dilation: PerAxis = 1
    groups: int = 1
    group_channels: int = 0
    bias: bool = True
    axis: int = 1
    channels_last: bool = False

    def __post_init__(self) -> None:
        require((self.filters is None) == (self.kernel is None), "filters and kernel must be given together")
        if self.filters is not None and self.kernel is not None:
            require_at_least(1, filters=self.filters, kernel=self.kernel)
            require_at_least(0 if self.group_channels else 1, groups=self.groups)
            divides = self.groups == 0 or self.filters % self.groups == 0
            require(divides, f"groups {self.groups} does not divide {self.filters} filters")
        require_at_least(1, stride=self.stride, dilation=self.dilation)
        require_at_least(0, groups=self.groups, group_channels=self.group_channels)
        require_padding(self.padding)

    def spatial(self, shape: Shape) -> tuple[int, Shape]:
        """Return the channel count and the spatial shape of an input."""
        channel, axes = spatial_axes(self.axis, self.channels_last, len(shape))
        return shape[channel], tuple(shape[axis] for axis in axes)

    def taps(self, inputs: tuple[Shape, ...]) -> int:
        """Return the number of weights that each element of the weight's first axis has."""
        stored = self.param_shapes(*inputs)
        return math.prod((stored["weight"] if "weight" in stored else inputs[1])[1:])


class Conv(_Convolution):
    """Cross-correlation over any number of spatial axes, in groups, plus a bias.

    ``y[n, o, i] = bias[o] + sum over c, k of x[n, c, i*stride - before + k*dilation] * weight[o, c, k]``
    where c runs over the input channels of o's group. With no spatial axis left this is a matrix product per
    sample.

    Inputs: x; the weight, if ``filters`` is None.

    Output size per spatial axis: ``floor((size + before + after - (dilation*(kernel-1) + 1)) / stride) + 1``.

    Params: ``weight`` (filters, channels // groups, *kernel) unless it is an input; ``bias`` (filters,) if
    ``bias``.
    """

    def param_shapes(self, *inputs: Shape) -> dict[str, Shape]:
        """See :class:`Conv`."""
        channels, spatial = self.spatial(inputs[0])
        shapes: dict[str, Shape] = {}
        filters = self.filters
        if filters is None or self.kernel is None:
            filters = inputs[1][0]
        else:
            groups = self.group_count(channels, self.group_channels)
            kernel = spread("kernel", self.kernel, len(spatial))
            shapes["weight"] = (filters, channels // groups, *kernel)
        if self.bias:
            shapes["bias"] = (filters,)
        return shapes

    def group_count(self, channels: int, group_channels: int) -> int:
        """Return the number of groups of an input's channels, for a weight's number of channels.

        Raises:
            ShapeError: the channels cannot be cut into groups.
        """
        if self.groups:
            _require_groups(self.groups, **{"input channels": channels})
            return self.groups
        if group_channels == 0 or channels % group_channels:
            raise ShapeError(f"{group_channels} channels of the weight do not divide {channels} of the input")
        if self.filters is not None:
            _require_groups(channels // group_channels, filters=self.filters)
        return channels // group_channels

    def flops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> int:
        """Count one multiply-add per weight and output position."""
        return math.prod(outputs[0]) * (2 * self.taps(inputs) + self.bias)


class ConvTranspose(_Convolution):
    """The transpose (gradient with respect to the input) of :class:`Conv`, plus a bias.

    Each input element adds its kernel-weighted copy to the output at ``i*stride - before + k*dilation``.

    Inputs: x; the weight, if ``filters`` is None.

    Output size per spatial axis: ``size`` if it is given; else ``stride * size of x`` if the padding is ``same_upper``
    or ``same_lower``; else ``stride*(size of x - 1) + dilation*(kernel-1) + 1 - before - after + output_padding``.

    Params: ``weight`` (channels, filters // groups, *kernel) unless it is an input; ``bias`` (filters,) if
    ``bias``.

    Attributes:
        kernel, stride, padding, dilation: those of the convolution that this layer transposes; a padding of
            ``same_upper`` or ``same_lower`` is what it takes to come to the output size, the odd cell as there.
        output_padding: extra size at the end of each axis, for strides whose rounding lost it.
        size: of the output's spatial axes; None to compute it.
        any_size: whether such a padding serves sizes too from which the convolution does not come to x's size.
    """

    output_padding: PerAxis = 0
    size: tuple[int, ...] | None = None
    any_size: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        require_at_least(0, output_padding=self.output_padding, size=self.size or ())

    def param_shapes(self, *inputs: Shape) -> dict[str, Shape]:
        """See :class:`ConvTranspose`."""
        channels, spatial = self.spatial(inputs[0])
        shapes: dict[str, Shape] = {}
        filters = self.filters
        if filters is None or self.kernel is None:
            filters = inputs[1][1] * (self.groups or 1)
        else:
            _require_groups(self.groups, **{"input channels": channels})
            kernel = spread("kernel", self.kernel, len(spatial))
            shapes["weight"] = (channels, filters // self.groups, *kernel)
        if self.bias:
            shapes["bias"] = (filters,)
        return shapes

    def output_size(self, spatial: Shape, kernel: Shape) -> tuple[Shape, Shape, Shape]:
        """Return the output's spatial shape, the padding before, and what has to be cut off or added behind.

        Raises:
            ShapeError: no convolution of the output's size yields this input.
        """
        rank = len(spatial)
        stride, dilation = spread("stride", self.stride, rank), spread("dilation", self.dilation, rank)
        extra = spread("output_padding", self.output_padding, rank)
        full = tuple(
            s * (n - 1) + d * (k - 1) + 1
            for n, s, k, d in zip(spatial, stride, kernel, dilation, strict=True)
        )
        if isinstance(self.padding, str):
            size = spread("size", self.size or tuple(map(math.prod, zip(spatial, stride, strict=True))), rank)
            total = tuple(max(f + e - o, 0) for f, e, o in zip(full, extra, size, strict=True))
            before = tuple((t if self.padding == "same_upper" else t + 1) // 2 for t in total)
            for n, o, s in zip(spatial, size, stride, strict=True):
                if not self.any_size and -(-o // s) != n:
                    raise self._unreachable(spatial, size, n, o)
        elif self.size is None:
            before, after = ends(self.padding, spatial, kernel, stride, dilation)
            size = tuple(f - b - a + e for f, b, a, e in zip(full, before, after, extra, strict=True))
            if min(size, default=1) < 1:
                raise ShapeError(
                    f"the output size {size} is not positive: padding {before} takes it all away"
                )
        else:
            size = spread("size", self.size, rank)
            before, after = ends(self.padding, size, kernel, stride, dilation)
            for n, o, f, b, a, s in zip(spatial, size, full, before, after, stride, strict=True):
                if not 0 <= o - (f - b - a) < s:
                    raise self._unreachable(spatial, size, n, o)
        return size, before, tuple(o + b - f for o, b, f in zip(size, before, full, strict=True))

    @staticmethod
    def _unreachable(spatial: Shape, size: Shape, length: int, wanted: int) -> ShapeError:
        return ShapeError(
            f"a convolution of {dims(size)} does not yield {dims(spatial)}: {length} for {wanted}"
        )

    def flops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> int:
        """Count one multiply-add per weight and input position."""
        return 2 * math.prod(inputs[0]) * self.taps(inputs) + self.bias * math.prod(outputs[0])


class Im2Col(Layer):
    """The input patches under each position of a convolution's window, stacked as channels.

    Output: (*batch, channels * prod(kernel), *output size), sizes as for :class:`Conv`; channels are slowest, or
    fastest if ``channels_last``.

    Attributes:
        kernel, stride, padding, dilation, axis, channels_last: as for :class:`Conv`.
    """

    kernel: PerAxis
    stride: PerAxis = 1
    padding: Padding = 0
    dilation: PerAxis = 1
    axis: int = 1
    channels_last: bool = False

    def __post_init__(self) -> None:
        require_at_least(1, kernel=self.kernel, stride=self.stride, dilation=self.dilation)
        require_padding(self.padding)


def conv_output_size(layer: Conv | Im2Col, spatial: Shape) -> Shape:
    """Return the spatial output shape of a convolution whose kernel is an attribute, see :func:`conv_windows`."""
    return conv_windows(layer, spatial, spread("kernel", layer.kernel or (), len(spatial)))[0]


class Windows(Protocol):
    """A layer with windows: a convolution's or that of patches."""

    @property
    def stride(self) -> PerAxis:
        """Step of the window."""

    @property
    def padding(self) -> Padding:
        """Zeros around each axis."""

    @property
    def dilation(self) -> PerAxis:
        """Distance between the window's taps."""


def conv_windows(layer: Windows, spatial: Shape, kernel: Shape) -> tuple[Shape, Shape, Shape]:
    """Return the spatial output shape of a convolution, and the padding before and behind each axis.

    Raises:
        ShapeError: the dilated kernel does not fit into the padded input.
    """
    rank = len(spatial)
    stride, dilation = spread("stride", layer.stride, rank), spread("dilation", layer.dilation, rank)
    before, after = ends(layer.padding, spatial, kernel, stride, dilation)
    extent = tuple(d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True))
    padded = tuple(size + b + a for size, b, a in zip(spatial, before, after, strict=True))
    if any(e > size for e, size in zip(extent, padded, strict=True)):
        raise ShapeError(f"the kernel {dims(extent)} is larger than the padded input {dims(padded)}")
    size = tuple((size - e) // s + 1 for size, e, s in zip(padded, extent, stride, strict=True))
    return size, before, after
