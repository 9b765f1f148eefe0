"""Activations: functions of one element, some with a learned slope, and softmax."""

from __future__ import annotations

import math
from itertools import pairwise

from jaxdnn.layers.base import Layer, Shape, normalize_axis, require, require_at_least, require_one_of


class Relu(Layer):
    """``y = max(x, 0) + negative_slope * min(x, 0)``.

    Attributes:
        negative_slope: slope below zero; 0 for the plain rectifier.
    """

    negative_slope: float = 0.0


class PRelu(Layer):
    """``y = max(x, 0) + slope * min(x, 0)`` with a learned slope per channel.

    Params: ``slope`` (channels,), or (1,) if ``shared``.

    Attributes:
        axis: the channel axis.
        shared: whether all channels have the same slope.
    """

    axis: int = 1
    shared: bool = False

    def param_shapes(self, *inputs: Shape) -> dict[str, Shape]:
        """See :class:`PRelu`."""
        axis = normalize_axis(self.axis, len(inputs[0]))
        return {"slope": (1 if self.shared else inputs[0][axis],)}


class Clip(Layer):
    """``y = max(min(x, ceiling), floor)``.

    Attributes:
        floor, ceiling: the smallest and the largest output; 0 and 6 make a ReLU6.
    """

    floor: float = -math.inf
    ceiling: float = math.inf


class Elu(Layer):
    """``y = x`` above zero and ``alpha * (exp(x) - 1)`` elsewhere.

    Attributes:
        alpha: minus the limit at minus infinity.
    """

    alpha: float = 1.0


class Selu(Layer):
    """``y = scale * x`` above zero and ``scale * alpha * (exp(x) - 1)`` elsewhere.

    Attributes:
        alpha, scale: by default the values that keep mean 0 and variance 1 from layer to layer.
    """

    alpha: float = 1.6732632423543772
    scale: float = 1.0507009873554805


class Gelu(Layer):
    """``y = x * cdf(x)``, cdf being the distribution function of the standard normal.

    Attributes:
        approximation: ``none`` for ``cdf(x) = (1 + erf(x / sqrt(2))) / 2``, ``tanh`` for
            ``cdf(x) = (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3))) / 2``.
    """

    approximation: str = "none"

    def __post_init__(self) -> None:
        require_one_of(("none", "tanh"), approximation=self.approximation)


class Sigmoid(Layer):
    """``y = 1 / (1 + exp(-x))``."""


class Tanh(Layer):
    """``y = tanh(x)``."""


class Swish(Layer):
    """``y = x * sigmoid(beta * x)``, also known as SiLU.

    Attributes:
        beta: steepness of the sigmoid.
    """

    beta: float = 1.0


class Mish(Layer):
    """``y = x * tanh(log(1 + exp(x)))``."""


class HardMish(Layer):
    """``y = x`` above zero, ``x^2 / 2 + x`` down to -2, and 0 below."""


class HardSigmoid(Layer):
    """``y = max(min(alpha * x + beta, 1), 0)``.

    Attributes:
        alpha: the slope; 1/6 with MobileNetV3, 0.2 with ONNX and older Keras.
        beta: the value at zero.
    """

    alpha: float = 1 / 6
    beta: float = 0.5


class HardSwish(Layer):
    """``y = x * max(min(x / 6 + 1/2, 1), 0)``."""


class Softplus(Layer):
    """``y = log(1 + exp(x))``, without overflow; Caffe's BNLL."""


class Softsign(Layer):
    """``y = x / (1 + abs(x))``."""


class Stair(Layer):
    """Flat and rising steps in turn: with ``n = floor(x)``, ``n / 2`` if n is even, ``x - (n + 1) / 2`` if odd."""


class PiecewiseLinear(Layer):
    """Straight lines from point to point, and on with given slopes before the first and behind the last.

    Attributes:
        points: x and y of each corner, by rising x.
        first_slope, last_slope: of the outer lines.
    """

    points: tuple[tuple[float, float], ...]
    first_slope: float
    last_slope: float

    def __post_init__(self) -> None:
        require(bool(self.points), "points is empty: there must be at least one")
        ordered = all(a[0] < b[0] for a, b in pairwise(self.points))
        require(ordered, f"points must have rising x, got {self.points}")


class Threshold(Layer):
    """``y = 1`` where ``x > threshold``, and 0 elsewhere.

    Attributes:
        threshold: the largest value that gives 0.
    """

    threshold: float = 0.0


class Softmax(Layer):
    """``y = exp(x) / sum of exp(x) along axis``, without overflow.

    Attributes:
        axis: the axis along which the outputs sum to 1.
        later_axes: whether the sum runs over all axes behind that one too.
    """

    axis: int = 1
    later_axes: bool = False


class GroupedSoftmax(Layer):
    """A softmax over each of several consecutive runs of one axis.

    Attributes:
        groups: lengths of the runs; they add up to the size of the axis.
        axis: the axis that is cut into runs.
    """

    groups: tuple[int, ...]
    axis: int = 1

    def __post_init__(self) -> None:
        require_at_least(1, groups=self.groups)


class LogSoftmax(Layer):
    """``y = x - log(sum of exp(x) along axis)``, without overflow.

    Attributes:
        axis: the axis along which the outputs' exponentials sum to 1.
        later_axes: whether the sum runs over all axes behind that one too.
    """

    axis: int = 1
    later_axes: bool = False


class Hardmax(Layer):
    """1 at the largest element along an axis, the first one of equal ones, and 0 elsewhere.

    Attributes:
        axis: along which.
        later_axes: whether the largest element along that axis and all behind it is meant.
    """

    axis: int = 1
    later_axes: bool = False


class NormalizeAlong(Layer):
    """``y = f(x) / (epsilon + sum of f(x) along axis)``, unlike softmax with an epsilon.

    Attributes:
        function: f, ``relu`` or ``exp``.
        subtract_max: whether the largest x along the axis is subtracted first.
        epsilon: added to the sum.
        axis: the axis of the sum.
    """

    function: str = "relu"
    subtract_max: bool = False
    epsilon: float = 1e-4
    axis: int = 1

    def __post_init__(self) -> None:
        require_one_of(("relu", "exp"), function=self.function)

    def flops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> int:
        """Count function, sum and division, and the maximum."""
        del outputs
        return math.prod(inputs[0]) * (5 if self.subtract_max else 3)
