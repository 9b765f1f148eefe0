"""Layers whose attributes are values of the graph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from jaxdnn.errors import LayerError
from jaxdnn.layers.base import Layer, Shape, require

MAX_LENGTH = 2**20
"""How many values an attribute may have: a few bytes of a file may stand for a constant of any size."""


class Late(Layer):
    """Another layer, some of whose attributes are inputs.

    Inputs: those of the layer, then one for each name in ``names``. The latter must be known while the program is
    traced: constants, or what is computed from constants and shapes alone.

    Outputs and params: the layer's.

    Attributes:
        layer: what is computed; its params do not depend on the named attributes.
            What it holds of the named attributes counts only by its kind: a tuple takes a list, a scalar too; a
            number takes an array of one element.
        names: the attributes that are inputs.
    """

    layer: Layer
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        fields = self.layer.__dataclass_fields__
        for name in self.names:
            require(name in fields, f"{type(self.layer).__name__} has no attribute {name!r}")

    def param_shapes(self, *inputs: Shape) -> Mapping[str, Shape]:
        """See :class:`Late`."""
        return self.layer.param_shapes(*inputs[: len(inputs) - len(self.names)])

    def flops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> int:
        """Count what the layer counts."""
        return self.layer.flops(inputs[: len(inputs) - len(self.names)], outputs)


def with_attributes(layer: Layer, arrays: Mapping[str, np.ndarray]) -> Layer:
    """Return the layer with attributes taken from arrays.

    Raises:
        LayerError: an array has another rank than its attribute, or the layer refuses the values.
    """
    return replace(layer, **{name: _value(layer, name, array) for name, array in arrays.items()})


def _value(layer: Layer, name: str, array: np.ndarray) -> Any:
    if not isinstance(getattr(layer, name), tuple):
        if array.size != 1:
            raise LayerError(f"{name} must be one number, got {array.size}")
        return array.reshape(()).item()
    if array.size > MAX_LENGTH:
        raise LayerError(f"{name} has {array.size} values, more than {MAX_LENGTH}")
    if array.ndim > 2:
        raise LayerError(f"{name} must be a list, got an array of {array.ndim} axes")
    return tuple(array.reshape(-1).tolist() if array.ndim < 2 else map(tuple, array.tolist()))
