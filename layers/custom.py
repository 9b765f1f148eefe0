"""A layer that the user's function computes, because jaxdnn does not know its type or is told otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from jaxdnn.layers.base import Layer, Shape

Fields = tuple[tuple[str, Any], ...]


class Custom(Layer):
    """A layer of a type that no importer rule covers, or whose rule the user's function replaces.

    Its parameter slots are ``blob0``, ``blob1``, … as the file stores them, of any shape, or those of ``weights``.

    Attributes:
        type: the type's name in the source format.
        fields: the attributes that the source states, by name; one that is stated several times is a tuple.
        optional: more such attributes, which only a function that names them is given: they mean nothing to
            most functions (types of elements, fillers, learning rates).
        weights: the shape of each parameter slot where the file does not tell it.
        channels_last: whether values with four axes have their channels last.
        open_outputs: whether the function may return more outputs than are named: nothing reads the others.
    """

    type: str
    fields: Fields = ()
    optional: Fields = ()
    weights: tuple[tuple[str, Shape], ...] = ()
    channels_last: bool = False
    open_outputs: bool = False

    def param_shapes(self, *inputs: Shape) -> Mapping[str, Shape]:
        """Return the shapes that are stated; slots whose shapes the file tells are not among them."""
        del inputs
        return dict(self.weights)


class CustomType(Protocol):
    """What an importer asks of the function of a layer type."""

    def weight_shapes(self, shape: Shape, attributes: Mapping[str, Any]) -> Mapping[str, Shape]:
        """Return the shape of each parameter of a layer.

        Args:
            shape: of the layer's first input, batch included.
            attributes: what the file states.
        """

    def output_shape(self, name: str, layer: Custom, inputs: tuple[Shape, ...]) -> Shape:
        """Return the shape of a layer's output.

        Args:
            name: of the layer.
            layer: what the file states, with the shapes of its parameters.
            inputs: shapes of its inputs, batch included.
        """


CustomTypes = Mapping[str, CustomType]
"""The functions of layer types by the types' names in the source format."""
