"""Optical flow between two pictures, as FlowNet2 computes it. All values are (N, C, H, W)."""

from __future__ import annotations

import math

from jaxdnn.layers.base import Layer, Shape, require, require_at_least, require_one_of


class Correlation(Layer):
    """How alike the windows of one picture are to shifted windows of another.

    ``y[n, d, i, j] = mean over channels c and taps u, v of f(a[n, c, p + u, q + v], b[n, c, p + dy + u,
    q + dx + v])``, where ``p = i*stride + margin - padding``, q likewise, and f is the product or the
    absolute difference. The shift (dy, dx) of output channel d is element d of the product of ``vertical``
    and ``horizontal``, the latter fastest. Outside the pictures there are zeros.

    Output size per axis: ``ceil((size + 2*padding - 2*margin - (kernel - 1)) / stride)``.

    Inputs: a; b of the same shape.

    Attributes:
        vertical, horizontal: shifts in pixels.
        kernel: size of the windows, odd.
        stride: step of the windows.
        padding: zeros added at both ends of (H, W).
        margin: how far from the ends of the padded (H, W) windows stay.
        similarity: f: ``product`` or ``absolute_difference``.
    """

    vertical: tuple[int, ...]
    horizontal: tuple[int, ...]
    kernel: int = 1
    stride: int = 1
    padding: tuple[int, int] = (0, 0)
    margin: tuple[int, int] = (0, 0)
    similarity: str = "product"

    def __post_init__(self) -> None:
        require(bool(self.vertical and self.horizontal), "at least one shift is needed along each axis")
        require(self.kernel % 2 == 1, f"kernel must be odd, got {self.kernel}")
        require_at_least(1, kernel=self.kernel, stride=self.stride)
        require_at_least(0, padding=self.padding, margin=self.margin)
        require_one_of(("product", "absolute_difference"), similarity=self.similarity)

    def flops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> int:
        """Count two operations per channel and tap of a window."""
        return 2 * math.prod(outputs[0]) * inputs[0][1] * self.kernel**2


class FlowWarp(Layer):
    """A picture, looked at where a flow field points.

    ``y[n, :, i, j]`` is x at row ``i + flow[n, 1, i, j]`` and column ``j + flow[n, 0, i, j]``, mixed from the
    four elements around that point (the last row and column go on), if ``0 <= row < H`` and
    ``0 <= column < W``; ``fill`` elsewhere.

    Inputs: x (N, C, H, W); flow (N, 2, H, W).

    Attributes:
        fill: the value of points outside x; may be NaN.
    """

    fill: float = 0.0

    def flops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> int:
        """Count four multiply-adds per output element."""
        del inputs
        return 8 * math.prod(outputs[0])


class ChannelNorm(Layer):
    """``y = sqrt(sum of x^2 along axis)``; the axis stays, with size 1.

    Attributes:
        axis: the axis of the vectors.
    """

    axis: int = 1

    def flops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> int:
        """Count one multiply-add per input element."""
        del outputs
        return 2 * math.prod(inputs[0])


class Accum(Layer):
    """Values of several resolutions, resized to one and joined along the channels.

    They are interpolated linearly, and their corners stay corners.

    Inputs: one value or more; with ``reference``, one more of which only the size is used.

    Output size: that of the reference, or else the largest height and the largest width of the inputs, unless
    both ``size`` and ``divisor`` ask for more. These two apply only if they exceed both of these maxima.

    Attributes:
        size: output (height, width).
        divisor: in place of ``size``: the maxima rounded up to multiples of this; 0 for none.
        reference: whether the last input gives the size.
    """

    size: tuple[int, int] = (0, 0)
    divisor: int = 0
    reference: bool = False

    def __post_init__(self) -> None:
        require_at_least(0, size=self.size, divisor=self.divisor)

    def flops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> int:
        """Count three operations per output element and axis."""
        del inputs
        return 6 * math.prod(outputs[0])


class CenterCrop(Layer):
    """The middle of a picture, between its pixels where the margin is odd.

    Element i of an axis lies at ``clip(i + (size - output size) / 2, 0, size - edge)`` in the input and is
    mixed from the two elements around that point.

    Attributes:
        size: output (height, width).
        edge: how close to the end of an axis points may come; 1 lets them reach the last element.
    """

    size: tuple[int, int]
    edge: float = 1.0

    def __post_init__(self) -> None:
        require_at_least(1, size=self.size)
        require(self.edge >= 1, f"edge must be at least 1, got {self.edge}")


class SubtractMean(Layer):
    """A picture less a constant, or less the mean picture of a training set.

    ``y = x - constant`` where that is given. Otherwise ``y = x - pixel_mean`` with ``per_pixel``, where the
    two have the same size, and ``y = x - m`` elsewhere: m is the mean of ``pixel_mean`` over its pixels, or
    ``channel_mean`` without ``per_pixel``.

    Params, without a constant: ``count`` (1,), the number of pictures behind the mean, which nothing here
    depends on; ``pixel_mean`` (C, *mean_size); ``channel_mean`` (C,).

    Attributes:
        constant: one value for all channels, or one per channel.
        mean_size: height and width of the stored mean picture; None: those of the input.
        per_pixel: which of the two stored means is subtracted.
    """

    constant: tuple[float, ...] = ()
    mean_size: tuple[int, int] | None = None
    per_pixel: bool = True

    def param_shapes(self, *inputs: Shape) -> dict[str, Shape]:
        """See :class:`SubtractMean`."""
        if self.constant:
            return {}
        channels, *size = inputs[0][1:]
        return {
            "count": (1,),
            "pixel_mean": (channels, *(self.mean_size or size)),
            "channel_mean": (channels,),
        }
