"""A layer that jaxdnn does not know: the user's function computes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from jaxdnn.layers.base import Layer


@dataclass(frozen=True, kw_only=True)
class Custom(Layer):
    """A layer of a type that no importer rule covers.

    Its parameter slots are ``blob0``, ``blob1``, … as the file stores them, of any shape.

    Attributes:
        type: the type's name in the source format.
        fields: the attributes that the source states, by name; one that is stated several times is a tuple.
    """

    type: str
    fields: tuple[tuple[str, Any], ...] = ()
