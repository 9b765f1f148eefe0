"""JSON that a stranger may have written: every field is checked when it is read, and none may be left over."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

from jaxdnn.errors import ParseError

T = TypeVar("T")


def write_json(value: object) -> bytes:
    """Return a value as JSON without blanks.

    Raises:
        TypeError: it is not made of what JSON has.
        ValueError: it holds NaN or an infinity, or itself.
    """
    return json.dumps(value, allow_nan=False, separators=(",", ":")).encode()


def read_json(data: bytes | memoryview, what: str) -> Any:
    """Return what a JSON text says.

    Raises:
        ParseError: it is none, is nested too deeply, or holds numbers beyond float64 or halves of characters.
    """
    try:
        found = json.loads(bytes(data).decode(), parse_constant=_refuse, parse_float=_finite)
        json.dumps(found, ensure_ascii=False).encode()  # half a surrogate pair has no encoding
        return found
    except (ValueError, RecursionError) as error:
        raise ParseError(f"{what} is not JSON: {error}") from error


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a number of JSON")


def _finite(number: str) -> float:
    value = float(number)
    if not math.isfinite(value):
        raise ValueError(f"{number} is beyond the numbers of 64 bits")
    return value


def text(value: object, what: str) -> str:
    """Return a string as it is."""
    if not isinstance(value, str):
        raise ParseError(f"{what} must be a string, got {_short(value)}")
    return value


def flag(value: object, what: str) -> bool:
    """Return a boolean as it is."""
    if not isinstance(value, bool):
        raise ParseError(f"{what} must be true or false, got {_short(value)}")
    return value


def size(value: object, what: str) -> int:
    """Return an integer from zero as it is."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ParseError(f"{what} must be a size, got {_short(value)}")
    return value


def number(value: object, what: str) -> float:
    """Return a number as it is."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise ParseError(f"{what} must be a number, got {_short(value)}")
    return value


def table(value: object, what: str) -> dict[str, Any]:
    """Return an object as it is."""
    if not isinstance(value, dict):
        raise ParseError(f"{what} must be an object, got {_short(value)}")
    return value


def listed(read: Callable[[object, str], T]) -> Callable[[object, str], tuple[T, ...]]:
    """Return a reader of a list of what ``read`` reads."""

    def read_list(value: object, what: str) -> tuple[T, ...]:
        if not isinstance(value, list):
            raise ParseError(f"{what} must be a list, got {_short(value)}")
        return tuple(read(element, f"{what}[{index}]") for index, element in enumerate(value))

    return read_list


def mapped(read: Callable[[object, str], T]) -> Callable[[object, str], dict[str, T]]:
    """Return a reader of an object whose values ``read`` reads."""

    def read_mapping(value: object, what: str) -> dict[str, T]:
        return {name: read(each, f"{what} {name!r}") for name, each in table(value, what).items()}

    return read_mapping


def nullable(read: Callable[[object, str], T]) -> Callable[[object, str], T | None]:
    """Return a reader of null or what ``read`` reads."""
    return lambda value, what: None if value is None else read(value, what)


class Record:
    """An object whose fields are read one by one.

    Args:
        value: what JSON says.
        what: what errors call it.
    """

    def __init__(self, value: object, what: str) -> None:
        self._unread = dict(table(value, what))
        self._what = what

    def read(self, name: str, read: Callable[[object, str], T]) -> T:
        """Return a field.

        Raises:
            ParseError: it is missing or of another kind.
        """
        if name not in self._unread:
            raise ParseError(f"{self._what} has no {name!r}")
        return read(self._unread.pop(name), f"{name!r} of {self._what}")

    def optional(self, name: str, read: Callable[[object, str], T], default: T) -> T:
        """Return a field that may be missing.

        Raises:
            ParseError: it is of another kind.
        """
        return self.read(name, read) if name in self._unread else default

    def done(self) -> None:
        """Check that every field was read."""
        if self._unread:
            raise ParseError(f"{self._what} has an unknown field {next(iter(self._unread))!r}")


def _short(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) < 60 else f"{shown[:60]}…"
