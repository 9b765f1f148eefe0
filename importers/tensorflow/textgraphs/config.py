"""The Object Detection API's pipeline.config, read without its schema."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from jaxdnn.errors import ParseError, located, some
from jaxdnn.importers import textproto
from jaxdnn.importers.files import read_text
from jaxdnn.importers.tensorflow.scalars import boolean, integer, number
from jaxdnn.importers.textproto import Message, Scalar

T = TypeVar("T")


@dataclass(frozen=True)
class Section:
    """A message of the configuration; every getter's error carries file and line.

    Attributes:
        path: how errors name it, as ``model.ssd``.
        message: its fields.
        file: path of the file.
    """

    path: str
    message: Message
    file: str | None = None

    def has(self, name: str) -> bool:
        """Whether the field is stated."""
        return bool(self.message.all(name))

    def section(self, name: str) -> Section:
        """Return a message that has to be stated."""
        if not self.has(name):
            raise self.error(f"has no {name!r}")
        return self.optional(name)

    def optional(self, name: str) -> Section:
        """Return a message, an empty one if none is stated."""
        path = f"{self.path}.{name}" if self.path else name
        for value in self.message.scalars(name):
            raise self.error(f"{name!r} must be a message, not a value", value)
        stated = self.message.messages(name)
        return Section(path, stated[-1] if stated else Message(self.message.place), self.file)

    def choice(self, *names: str) -> str:
        """Return which one of several messages is stated.

        Raises:
            ParseError: it is none of them.
        """
        for name in names:
            if self.has(name):
                return name
        found = some([name for name, _ in self.message.fields]) or "nothing"
        raise self.error(f"must have {' or '.join(map(repr, names))}, it has {found}")

    def integer(self, name: str, default: int | None = None) -> int:
        """Return an integer."""
        return self._last(name, integer, default)

    def number(self, name: str, default: float | None = None) -> float:
        """Return a floating-point number."""
        return self._last(name, number, default)

    def boolean(self, name: str, default: bool | None = None) -> bool:
        """Return a truth value."""
        return self._last(name, boolean, default)

    def numbers(self, name: str) -> tuple[float, ...]:
        """Return a repeated number."""
        return tuple(self._read(name, number, value) for value in self._scalars(name))

    def word(self, name: str, allowed: tuple[str, ...], default: str) -> str:
        """Return an enumeration's value."""
        values = self._scalars(name)
        if values and values[-1].text not in allowed:
            raise self.error(f"{name!r} must be {' or '.join(allowed)}, got {values[-1].text!r}", values[-1])
        return values[-1].text if values else default

    def error(self, message: str, place: Scalar | Message | None = None) -> ParseError:
        """Return an error about this message, at the place of a part of it where one is given."""
        at = place or self.message
        subject = f"{self.path} {message}" if self.path else message
        return ParseError(subject, file=self.file, line=at.line, column=at.column)

    def _last(self, name: str, read: Callable[[Scalar], T], default: T | None) -> T:
        values = self._scalars(name)
        if values:
            return self._read(name, read, values[-1])
        if default is None:
            raise self.error(f"has no {name!r}")
        return default

    def _read(self, name: str, read: Callable[[Scalar], T], value: Scalar) -> T:
        try:
            return read(value)
        except ParseError as error:
            raise self.error(f"states {name!r}: {error.message}", value) from None

    def _scalars(self, name: str) -> list[Scalar]:
        for value in self.message.messages(name):
            raise self.error(f"{name!r} must be a value, not a message", value)
        return self.message.scalars(name)


def read_config(path: str) -> Section:
    """Read a file and return its ``model``.

    Raises:
        JaxdnnError: it cannot be read, its syntax is broken, or it has no ``model``.
    """
    with located(file=path):
        return Section("", textproto.parse(read_text(path)), path).section("model")
