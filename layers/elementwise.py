"""Arithmetic on whole arrays, one element at a time."""

from __future__ import annotations

import math

from jaxdnn.layers.base import Layer, Shape, normalize_axis, require, require_one_of


class Abs(Layer):
    """``y = abs(x)``."""


class Square(Layer):
    """``y = x^2``."""


class Sqrt(Layer):
    """``y = sqrt(x)``; not a number below zero."""


class Power(Layer):
    """``y = (shift + scale * x)^power``.

    With ``scale`` or ``power`` zero this is the constant ``shift^power`` or 1, whatever ``x`` is. A negative
    base has a power only if ``power`` is whole.

    Attributes:
        power: the exponent.
        scale, shift: of the base.
    """

    power: float = 1.0
    scale: float = 1.0
    shift: float = 0.0


class Exp(Layer):
    """``y = base^(shift + scale * x)``.

    Attributes:
        base: positive and finite.
        scale, shift: of the exponent.
    """

    base: float = math.e
    scale: float = 1.0
    shift: float = 0.0

    def __post_init__(self) -> None:
        require(0 < self.base < math.inf, f"base must be positive and finite, got {self.base}")


class Log(Layer):
    """``y = log(shift + scale * x) / log(base)``; not a number where the argument is negative.

    Attributes:
        base: positive, finite, and not 1.
        scale, shift: of the argument.
    """

    base: float = math.e
    scale: float = 1.0
    shift: float = 0.0

    def __post_init__(self) -> None:
        require(
            0 < self.base < math.inf and self.base != 1,
            f"base must be positive, finite and not 1, got {self.base}",
        )


class Identity(Layer):
    """``y = x``, under another name."""


class Dropout(Layer):
    """What dropout leaves to do when a trained net runs: ``y = x``, or ``(1 - ratio) * x``.

    Attributes:
        ratio: the part of the elements that training drops.
        scale_train: whether training scales what it keeps by ``1 / (1 - ratio)``, so that nothing is left
            to do here.
    """

    ratio: float = 0.5
    scale_train: bool = True

    def __post_init__(self) -> None:
        require(0 <= self.ratio <= 1, f"ratio must lie between 0 and 1, got {self.ratio}")

    def flops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> int:
        """Count the scaling, if there is any."""
        del inputs
        return 0 if self.scale_train else math.prod(outputs[0])


class Eltwise(Layer):
    """Join any number of arrays, element by element and from left to right.

    ``sum`` weighs the inputs with ``coefficients``; ``division`` divides the first input by all others.

    Attributes:
        operation: ``sum``, ``product``, ``max``, ``min`` or ``division``.
        coefficients: of the inputs of a sum, one each; none for a plain sum.
        broadcast: whether axes of size 1, and leading axes that an input lacks, are stretched. Otherwise the
            shapes must be equal.
    """

    operation: str = "sum"
    coefficients: tuple[float, ...] = ()
    broadcast: bool = False

    def __post_init__(self) -> None:
        require_one_of(("sum", "product", "max", "min", "division"), operation=self.operation)
        require(
            self.operation == "sum" or not self.coefficients,
            f"coefficients are for a sum, the operation is {self.operation}",
        )

    def flops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> int:
        """Count one operation per joint, and one per coefficient."""
        return math.prod(outputs[0]) * (len(inputs) - 1 + len(self.coefficients))


class WeightedSum(Layer):
    """A sum of inputs of the same shape, with learned weights: one per input, or one per input and channel.

    The weights w of the inputs are taken as they are, or normalised first:
    ``relu``: ``max(w, 0) / (epsilon + sum of max(w, 0))``;
    ``softmax``: ``exp(w - max) / (epsilon + sum of exp(w - max))``, the sums running over the inputs.

    Params: ``weight`` (inputs,), or (inputs, channels) if ``per_channel``.

    Attributes:
        per_channel: whether each channel has weights of its own.
        normalization: ``none``, ``relu`` or ``softmax``.
        epsilon: added to the sum of the weights.
        axis: the channel axis.
    """

    per_channel: bool = False
    normalization: str = "none"
    epsilon: float = 1e-4
    axis: int = 1

    def __post_init__(self) -> None:
        require_one_of(("none", "relu", "softmax"), normalization=self.normalization)

    def param_shapes(self, *inputs: Shape) -> dict[str, Shape]:
        """See :class:`WeightedSum`."""
        channels = inputs[0][normalize_axis(self.axis, len(inputs[0]))]
        return {"weight": (len(inputs), channels) if self.per_channel else (len(inputs),)}

    def flops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> int:
        """Count one multiply-add per element of each input."""
        return 2 * math.prod(outputs[0]) * len(inputs)


class Axpy(Layer):
    """``scale[n, c] * x[n, c, …] + y[n, c, …]`` of the inputs scale, x and y.

    ``x`` and ``y`` have the same shape; ``scale`` is (N, C), with any number of axes of size 1 behind.
    """

    def flops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> int:
        """Count one multiply-add per element."""
        del inputs
        return 2 * math.prod(outputs[0])
