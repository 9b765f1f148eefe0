"""What every layer is: frozen, typed, validated data that says WHAT is computed, never how."""

from __future__ import annotations

import math
from collections.abc import Mapping

from jaxdnn.errors import LayerError, ShapeError
from jaxdnn.layers.frozen import Frozen

Shape = tuple[int, ...]
PerAxis = int | tuple[int, ...]
"""A value for every spatial axis (an int) or one value per spatial axis (a tuple)."""


class Layer(Frozen):
    """Base of all layers.

    A subclass is a frozen dataclass, with keywords only, whose docstring is the layer's specification. It validates
    its own fields in ``__post_init__`` and raises :class:`~jaxdnn.errors.LayerError`.
    """

    def param_shapes(self, *inputs: Shape) -> Mapping[str, Shape]:
        """Return the shape of each parameter slot, given the shapes of the layer's inputs."""
        del inputs
        return {}

    def flops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> int:
        """Return the floating-point operations of one call (a multiply-add counts as two).

        The default is one operation per output element.
        """
        del inputs
        return sum(math.prod(shape) for shape in outputs)

    def attributes(self) -> dict[str, object]:
        """Return the fields as a dict, in the order of their declaration."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def require(condition: bool, message: str) -> None:
    """Raise a LayerError with this message unless the condition holds."""
    if not condition:
        raise LayerError(message)


def require_at_least(minimum: int, **values: PerAxis) -> None:
    """Check that each of the named values (or each of its elements) is at least the minimum."""
    for name, value in values.items():
        for element in value if isinstance(value, tuple) else (value,):
            if not element >= minimum:
                raise LayerError(f"{name} must be at least {minimum}, got {element}")


def require_one_of(choices: tuple[str, ...], **values: str) -> None:
    """Check that each of the named values is one of the choices."""
    for name, value in values.items():
        if value not in choices:
            raise LayerError(f"{name} must be one of {', '.join(choices)}, got {value!r}")


def spread(name: str, value: PerAxis, rank: int) -> tuple[int, ...]:
    """Return the value once for each of ``rank`` spatial axes.

    Raises:
        ShapeError: the value is a tuple of another length than ``rank``.
    """
    if isinstance(value, int):
        return (value,) * rank
    if not value and rank:
        raise ShapeError(f"no {name} size is given, and there are {rank} spatial axes")
    if len(value) != rank:
        raise ShapeError(f"{name} has {len(value)} values {value} for {rank} spatial axes")
    return value


def normalize_axis(axis: int, rank: int, name: str = "axis") -> int:
    """Return the axis counted from the front.

    Raises:
        ShapeError: the axis lies outside ``[-rank, rank)``.
    """
    if not -rank <= axis < rank:
        raise ShapeError(f"{name} {axis} is out of range for {rank} axes")
    return axis % rank


def dims(shape: Shape) -> str:
    """Return a shape as people write it: ``4x3x3x3``, or ``scalar``."""
    return "x".join(map(str, shape)) or "scalar"
