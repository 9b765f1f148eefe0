"""Normalisation by statistics, and the affine maps that follow it."""

from __future__ import annotations

import math
from typing import Literal

from jaxdnn.errors import ShapeError
from jaxdnn.layers.base import (
    Layer,
    Shape,
    dims,
    normalize_axis,
    require,
    require_at_least,
    require_one_of,
)


class BatchNorm(Layer):
    """Normalisation of each channel by a mean and a variance, then an affine map.

    ``y = (x - mean) / sqrt(variance + epsilon) * scale + bias``

    Params, each (channels,): ``mean`` and ``variance`` unless ``use_batch_statistics``; ``scale`` if
    ``scale``; ``bias`` if ``bias``. An input that ends before ``axis`` has one channel.

    Attributes:
        epsilon: added to the variance.
        scale, bias: whether there is an affine map, and which parts of it.
        use_batch_statistics: whether the mean and the (biased) variance are those of the input itself, over
            all axes but the channels'.
        axis: the channel axis.
    """

    epsilon: float = 1e-5
    scale: bool = False
    bias: bool = False
    use_batch_statistics: bool = False
    axis: int = 1

    def param_shapes(self, *inputs: Shape) -> dict[str, Shape]:
        """See :class:`BatchNorm`."""
        slots = {
            "mean": not self.use_batch_statistics,
            "variance": not self.use_batch_statistics,
            "scale": self.scale,
            "bias": self.bias,
        }
        return {slot: (self.channels(inputs[0]),) for slot, present in slots.items() if present}

    def channels(self, shape: Shape) -> int:
        """Return the number of channels of an input."""
        return 1 if self.axis == len(shape) else shape[normalize_axis(self.axis, len(shape))]

    def flops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> int:
        """Count one multiply-add per element, and the sums of the batch's statistics."""
        del outputs
        return math.prod(inputs[0]) * (6 if self.use_batch_statistics else 2)


class Scale(Layer):
    """A factor along some axes, broadcast over the others, and a bias: ``y = x * scale + bias``.

    The factor's axes are those of the input from ``axis`` on, ``num_axes`` of them. It is a param, or the
    second input, whose rank then counts instead of ``num_axes``.

    Params, each of the factor's shape: ``scale`` unless there is a second input; ``bias`` if ``bias``.

    Attributes:
        axis: of the input, where the factor's first axis lies.
        num_axes: how many axes the factor has; 0 for a scalar, -1 for all from ``axis`` on.
        bias: whether a bias is added.
    """

    axis: int = 1
    num_axes: int = 1
    bias: bool = False

    def __post_init__(self) -> None:
        require_at_least(-1, num_axes=self.num_axes)

    def param_shapes(self, *inputs: Shape) -> dict[str, Shape]:
        """See :class:`Scale`."""
        shape = operand_shape(self, *inputs)[0]
        slots = {"scale": len(inputs) == 1, "bias": self.bias}
        return {slot: shape for slot, present in slots.items() if present}

    def flops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> int:
        """Count one multiplication per element, and one addition if there is a bias."""
        del outputs
        return math.prod(inputs[0]) * (1 + self.bias)


class Bias(Layer):
    """A summand along some axes, broadcast over the others: ``y = x + bias``.

    Params: ``bias`` unless there is a second input.

    Attributes:
        axis, num_axes: as for :class:`Scale`.
    """

    axis: int = 1
    num_axes: int = 1

    def __post_init__(self) -> None:
        require_at_least(-1, num_axes=self.num_axes)

    def param_shapes(self, *inputs: Shape) -> dict[str, Shape]:
        """See :class:`Bias`."""
        return {"bias": operand_shape(self, *inputs)[0]} if len(inputs) == 1 else {}


def operand_shape(layer: Scale | Bias, *inputs: Shape) -> tuple[Shape, Shape]:
    """Return the shape of a factor or summand, and the same with the axes it is broadcast over.

    Raises:
        ShapeError: its axes are not the input's.
    """
    x = inputs[0]
    second = inputs[1] if len(inputs) > 1 else None
    count = layer.num_axes if second is None else len(second)
    if count == 0:
        return (), (1,) * len(x)
    axis = normalize_axis(layer.axis, len(x))
    count = len(x) - axis if count == -1 else count
    if axis + count > len(x):
        raise ShapeError(f"{count} axes from axis {axis} on are more than those of an input of {dims(x)}")
    shape = x[axis : axis + count]
    if second is not None and second != shape:
        raise ShapeError(
            f"the second input is {dims(second)}, {dims(shape)} expected by axis {axis} of {dims(x)}"
        )
    return shape, (1,) * axis + shape + (1,) * (len(x) - axis - count)


class LocalResponseNorm(Layer):
    """Division by a power of the local energy: ``y = x * (bias + alpha * sum(x * x) / count)**-beta``.

    The sum runs over a window that is centred at each element (an even one reaches further behind it), and
    elements beyond the ends count as zero: over ``size`` neighbouring channels, or over ``size`` neighbours
    along every spatial axis. ``count`` is the window's number of elements (at the ends too), or 1.

    Attributes:
        size: of the window along each of its axes.
        alpha, beta, bias: as in the formula.
        region: ``across_channels`` or ``within_channel``.
        average: whether the sum is divided by the window's number of elements.
        left_out: a channel whose square is subtracted from every sum, whether it lies in the window or not:
            Darknet's sliding sum never adds channel ``size // 2``, and does take it away.
        axis: the channel axis; all later axes are spatial.
    """

    size: int = 5
    alpha: float = 1.0
    beta: float = 0.75
    bias: float = 1.0
    region: Literal["across_channels", "within_channel"] = "across_channels"
    average: bool = True
    left_out: int | None = None
    axis: int = 1

    def __post_init__(self) -> None:
        require_at_least(1, size=self.size)
        require_at_least(0, left_out=self.left_out or 0)
        require_one_of(("across_channels", "within_channel"), region=self.region)

    def axes(self, rank: int) -> tuple[int, ...]:
        """Return the axes that the window spans."""
        axis = normalize_axis(self.axis, rank)
        return (axis,) if self.region == "across_channels" else tuple(range(axis + 1, rank))

    def flops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> int:
        """Count a multiply-add per element of each window, and the division."""
        del outputs
        taps = math.prod(self.size for _ in self.axes(len(inputs[0])))
        return math.prod(inputs[0]) * (2 * taps + 3)


class MeanVarianceNorm(Layer):
    """Zero mean and unit variance over the last axes of each sample.

    ``y = (x - mean) / (sqrt(variance) + epsilon)``, with the biased variance.

    Attributes:
        axis: the first of the axes that are normalised together; 1 takes channels together, 2 apart; counted from
            the end if negative. The number of axes stands for none.
        subtract_mean: whether that is done; without it the mean counts as 0, in the variance too.
        normalize_variance: whether there is a division; without it ``y = x - mean``.
        epsilon: added to the standard deviation.
        epsilon_inside: whether epsilon is added to the variance instead: ``sqrt(variance + epsilon)``.
    """

    axis: int = 2
    subtract_mean: bool = True
    normalize_variance: bool = True
    epsilon: float = 1e-9
    epsilon_inside: bool = False

    def flops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> int:
        """Count the sums and the map."""
        del outputs
        return math.prod(inputs[0]) * (5 if self.normalize_variance else 2)


class Normalize(Layer):
    """Division by a vector norm: ``y = scale * x / (sum(abs(x)**order) + epsilon)**(1 / order)``.

    The sum runs over the channels at each position, or over channels and positions of each sample.

    Params: ``scale``, a scalar () if it is shared or else (channels,), unless ``scale`` is ``none``.

    Attributes:
        order: 1 or 2.
        across_spatial: whether the norm is taken over all positions together.
        scale: ``none``, ``shared`` by all channels, or one per ``channel``.
        epsilon: added to the sum.
        axis: the channel axis; all later axes are positions.
    """

    order: int = 2
    across_spatial: bool = False
    scale: Literal["none", "shared", "channel"] = "none"
    epsilon: float = 1e-10
    axis: int = 1

    def __post_init__(self) -> None:
        require(self.order in (1, 2), f"order must be 1 or 2, got {self.order}")
        require_one_of(("none", "shared", "channel"), scale=self.scale)

    def param_shapes(self, *inputs: Shape) -> dict[str, Shape]:
        """See :class:`Normalize`."""
        if self.scale == "none":
            return {}
        channels = inputs[0][normalize_axis(self.axis, len(inputs[0]))]
        return {"scale": () if self.scale == "shared" else (channels,)}

    def flops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> int:
        """Count the sum, the division and the scale."""
        del outputs
        return math.prod(inputs[0]) * (3 + (self.scale != "none"))
