"""A typed view of a node's attributes that remembers what was asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from jaxdnn.errors import LayerError

T = TypeVar("T")


class Attributes:
    """The attributes of one node.

    A getter without a default demands the attribute. What nobody asked for is found by :meth:`unread`.
    Strings are stored as bytes.
    """

    def __init__(self, stated: Mapping[str, Any]) -> None:
        self._stated = stated
        self._read: set[str] = set()

    def has(self, name: str) -> bool:
        """Whether the node states the attribute."""
        return name in self._stated

    def is_list(self, name: str) -> bool:
        """Whether the attribute is a list, not a single value."""
        return isinstance(self._stated.get(name), list)

    def integer(self, name: str, default: int | None = None) -> int:
        """Return a whole number."""
        return self._get(name, int, "a whole number", default)

    def number(self, name: str, default: float | None = None) -> float:
        """Return a number; whole ones are numbers too."""
        value = self._stated.get(name)
        if type(value) is int:
            self._read.add(name)
            return float(value)
        return self._get(name, float, "a number", default)

    def text(self, name: str, default: str | None = None) -> str:
        """Return a string."""
        value = self._get(name, bytes, "a string", None if default is None else default.encode())
        return value.decode("utf-8", "replace")

    def one_of(self, name: str, choices: tuple[str, ...], default: str | None = None) -> str:
        """Return a string that must be one of the choices."""
        value = self.text(name, default)
        if value not in choices:
            raise LayerError(f"attribute {name!r} must be one of {', '.join(choices)}, got {value!r}")
        return value

    def integers(self, name: str, default: tuple[int, ...] | None = None) -> tuple[int, ...]:
        """Return whole numbers."""
        return tuple(map(int, self._elements(name, int, "whole numbers", default)))

    def numbers(self, name: str, default: tuple[float, ...] | None = None) -> tuple[float, ...]:
        """Return numbers."""
        return tuple(float(value) for value in self._elements(name, (int, float), "numbers", default))

    def texts(self, name: str, default: tuple[str, ...] | None = None) -> tuple[str, ...]:
        """Return strings."""
        encoded = None if default is None else [text.encode() for text in default]
        return tuple(
            value.decode("utf-8", "replace") for value in self._elements(name, bytes, "strings", encoded)
        )

    def ignore(self, *names: str) -> None:
        """Mark attributes as read that do not matter for inference."""
        self._read.update(names)

    def unread(self) -> list[str]:
        """Return the attributes that nobody asked for and that may matter."""
        return [
            name
            for name, value in self._stated.items()
            if name not in self._read and not self._may_stay_unread(name, value)
        ]

    def _may_stay_unread(self, name: str, value: object) -> bool:
        del name, value
        return False

    def _get(self, name: str, kind: type[T], what: str, default: T | None) -> T:
        self._read.add(name)
        value = self._stated.get(name, default)
        if value is None:
            raise LayerError(f"has no attribute {name!r}")
        if type(value) is not kind:
            raise LayerError(f"attribute {name!r} must be {what}, got {shown(value)}")
        return value

    def _elements(self, name: str, kind: type | tuple[type, ...], what: str, default: object) -> list[Any]:
        self._read.add(name)
        values = self._stated.get(name, default)
        if values is None:
            raise LayerError(f"has no attribute {name!r}")
        values = self._unpacked(name, values)
        if not isinstance(values, list | tuple) or not all(isinstance(value, kind) for value in values):
            raise LayerError(f"attribute {name!r} must be a list of {what}, got {shown(values)}")
        return list(values)

    def _unpacked(self, name: str, values: Any) -> Any:
        """Return what stands for a list as a list."""
        del name
        return values


def shown(value: object) -> str:
    """Return an attribute's value as a message shows it."""
    plain = isinstance(value, int | float | bytes | str)
    return repr(value) if plain else f"a {type(value).__name__}"
