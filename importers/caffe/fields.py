"""A typed view of a prototxt message that remembers which of its fields were asked for."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Mapping, Sequence
from typing import overload

from jaxdnn.errors import ParseError
from jaxdnn.importers.prototokens import Place, Placed
from jaxdnn.importers.textproto import Message, Scalar
from jaxdnn.ir import Initializer

_FILLERS = ("constant", "uniform", "gaussian", "xavier", "msra", "positive_unitball", "bilinear")
_INTEGER = re.compile(r"[+-]?(0[xX][0-9a-fA-F]+|[0-9]+)")
_NUMBER = re.compile(
    r"([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?|[+-]?inf(?:inity)?|[+-]?nan)f?", re.I
)


class Fields(Placed):
    """The fields of one message, or of several that state parts of the same one, or of none.

    Each getter checks the field's type and returns its default where the field is absent. What no getter
    asked for is left over: :meth:`leftovers` lists it, so that nothing in a file is dropped in silence.

    Args:
        messages: where to look, in order.
        name: what the message is called in error messages.
        place: where the message would stand, for errors about missing fields.
    """

    def __init__(self, messages: Sequence[Message], name: str, place: Place) -> None:
        self._messages = messages
        self._asked: set[str] = set()
        self._children: list[Fields] = []
        self.name = name
        self.place = place

    @property
    def raw(self) -> Message:
        """All fields in one message, whatever their types."""
        return Message(self.place, [field for message in self._messages for field in message.fields])

    def has(self, name: str) -> bool:
        """Whether the field is stated."""
        return bool(self._all(name))

    @overload
    def integer(self, name: str) -> int | None: ...
    @overload
    def integer(self, name: str, default: int) -> int: ...
    def integer(self, name: str, default: int | None = None) -> int | None:
        """Return an int32."""
        value = self._one(name)
        return default if value is None else self._integer(name, value, -(2**31), 2**31 - 1, "int32")

    @overload
    def uint(self, name: str) -> int | None: ...
    @overload
    def uint(self, name: str, default: int) -> int: ...
    def uint(self, name: str, default: int | None = None) -> int | None:
        """Return a uint32."""
        value = self._one(name)
        return default if value is None else self._integer(name, value, 0, 2**32 - 1, "uint32")

    def required_uint(self, name: str) -> int:
        """Return a uint32 that has no default."""
        value = self.uint(name)
        if value is None:
            raise ParseError(f"{name} is missing in {self.name}", line=self.line)
        return value

    def uints(self, name: str) -> tuple[int, ...]:
        """Return all values of a repeated uint32."""
        return tuple(self._integer(name, v, 0, 2**32 - 1, "uint32") for v in self._scalars(name))

    def integers(self, name: str) -> tuple[int, ...]:
        """Return all values of a repeated int64 (Caffe's dimensions and axes)."""
        return tuple(self._integer(name, v, -(2**63), 2**63 - 1, "int64") for v in self._scalars(name))

    @overload
    def number(self, name: str) -> float | None: ...
    @overload
    def number(self, name: str, default: float) -> float: ...
    def number(self, name: str, default: float | None = None) -> float | None:
        """Return a float."""
        value = self._one(name)
        return default if value is None else self._number(name, value)

    def numbers(self, name: str) -> tuple[float, ...]:
        """Return all values of a repeated float."""
        return tuple(self._number(name, value) for value in self._scalars(name))

    @overload
    def boolean(self, name: str) -> bool | None: ...
    @overload
    def boolean(self, name: str, default: bool) -> bool: ...
    def boolean(self, name: str, default: bool | None = None) -> bool | None:
        """Return a bool."""
        value = self._one(name)
        return default if value is None else self._boolean(name, value)

    def booleans(self, name: str) -> tuple[bool, ...]:
        """Return all values of a repeated bool."""
        return tuple(self._boolean(name, value) for value in self._scalars(name))

    @overload
    def string(self, name: str) -> str | None: ...
    @overload
    def string(self, name: str, default: str) -> str: ...
    def string(self, name: str, default: str | None = None) -> str | None:
        """Return a string; a bare word is taken as one."""
        value = self._one(name)
        return default if value is None else value.text

    def strings(self, name: str) -> tuple[str, ...]:
        """Return all values of a repeated string."""
        return tuple(value.text for value in self._scalars(name))

    def enum(self, name: str, choices: Sequence[str] | Mapping[str, int], default: str) -> str:
        """Return the name of an enum's value, which a file may give by name or by number.

        Args:
            name: of the field.
            choices: the names, with their numbers if these do not count from 0.
            default: one of the names.
        """
        value = self._one(name)
        if value is None:
            return default
        numbers = choices if isinstance(choices, Mapping) else {c: i for i, c in enumerate(choices)}
        if value.text in numbers:
            return value.text
        for choice, number in numbers.items():
            if value.text == str(number) and not value.quoted:
                return choice
        raise value.error(f"unknown value {value.text!r} for {name} ({', '.join(numbers)})")

    def message(self, name: str) -> Fields:
        """Return the view of a sub-message; it is empty where the field is absent."""
        values = self._all(name)
        for value in values:
            if isinstance(value, Scalar):
                raise value.error(f"{name} must be a message, got {value.text!r}")
        messages = [value for value in values if isinstance(value, Message)]
        self._refuse_second(name, messages)
        return self._child(messages, name, messages[0].place if messages else self.place)

    def messages(self, name: str) -> list[Fields]:
        """Return the views of a repeated sub-message."""
        values = self._all(name)
        for value in values:
            if isinstance(value, Scalar):
                raise value.error(f"{name} must be a message, got {value.text!r}")
        return [self._child([v], name, v.place) for v in values if isinstance(v, Message)]

    def filler(self, name: str) -> Initializer | None:
        """Return a FillerParameter, None where it is absent."""
        return self.message(name).as_filler() if self.has(name) else None

    def as_filler(self) -> Initializer:
        """Return this message as a FillerParameter."""
        kind = self.string("type", "constant")
        if kind not in _FILLERS:
            raise ParseError(f"unknown filler {kind!r} ({', '.join(_FILLERS)})", line=self.line)
        norms = {"FAN_IN": "fan_in", "FAN_OUT": "fan_out", "AVERAGE": "average"}
        return Initializer(
            kind=kind,  # type: ignore[arg-type]
            value=self.number("value", 0.0),
            low=self.number("min", 0.0),
            high=self.number("max", 1.0),
            mean=self.number("mean", 0.0),
            std=self.number("std", 1.0),
            sparse=self.integer("sparse", -1),
            variance_norm=norms[self.enum("variance_norm", tuple(norms), "FAN_IN")],  # type: ignore[arg-type]
        )

    def ignore(self, *names: str) -> None:
        """Declare fields that mean nothing for inference."""
        self._asked.update(names)

    def ignore_all(self) -> None:
        """Declare that none of the fields means anything for inference."""
        self._asked.update(name for message in self._messages for name, _ in message.fields)

    def leftovers(self) -> list[tuple[str, int, str | None]]:
        """Return the fields that nobody asked for: name with path, line, and a similar known name."""
        found = []
        for message in self._messages:
            for name, value in message.fields:
                if name not in self._asked:
                    similar = difflib.get_close_matches(name, self._asked, 1, cutoff=0.8)
                    found.append((f"{self.name}.{name}", value.line, similar[0] if similar else None))
        return found + [left for child in self._children for left in child.leftovers()]

    def _child(self, messages: Sequence[Message], name: str, place: Place) -> Fields:
        child = Fields(messages, name, place)
        self._children.append(child)
        return child

    def _all(self, name: str) -> list[Scalar | Message]:
        self._asked.add(name)
        return [value for message in self._messages for value in message.all(name)]

    def _scalars(self, name: str) -> list[Scalar]:
        values = []
        for value in self._all(name):
            if isinstance(value, Message):
                raise ParseError(f"{name} must be a value, not a message", line=value.line)
            values.append(value)
        return values

    def _one(self, name: str) -> Scalar | None:
        values = self._scalars(name)
        self._refuse_second(name, values)
        return values[0] if values else None

    def _refuse_second(self, name: str, values: Sequence[Scalar | Message]) -> None:
        if len(values) > 1:
            raise ParseError(f"{name} is given twice in {self.name}", line=values[1].line)

    @staticmethod
    def _integer(name: str, value: Scalar, low: int, high: int, kind: str) -> int:
        if value.quoted or not _INTEGER.fullmatch(value.text):
            raise value.error(f"{name} must be an integer, got {value.text!r}")
        digits = value.text.lstrip("+-")
        base = 16 if digits[:2].lower() == "0x" else 8 if digits.startswith("0") and digits.isdigit() else 10
        try:
            number = int(value.text, base)
        except ValueError:
            raise value.error(f"{name} must be an integer, got {value.text!r}") from None
        if number < 0 <= low:
            raise value.error(f"{name} must not be negative, got {value.text}")
        if not low <= number <= high:
            raise value.error(f"{name} is out of range of {kind}: {value.text}")
        return number

    @staticmethod
    def _number(name: str, value: Scalar) -> float:
        number = _NUMBER.fullmatch(value.text)
        if number and not value.quoted:
            return float(number[1])
        if _INTEGER.fullmatch(value.text) and len(value.text) < 64 and not value.quoted:
            return float(int(value.text, 16))
        raise value.error(f"{name} must be a number, got {value.text!r}")

    @staticmethod
    def _boolean(name: str, value: Scalar) -> bool:
        words = {"true": True, "t": True, "True": True, "1": True}
        words |= {"false": False, "f": False, "False": False, "0": False}
        if value.quoted or value.text not in words:
            raise value.error(f"{name} must be true or false, got {value.text!r}")
        return words[value.text]


def dimensions(shape: Fields, name: str) -> tuple[int, ...]:
    """Return a BlobShape's sizes, see :func:`checked_dimensions`."""
    return checked_dimensions(shape.integers("dim"), name, shape.line)


def checked_dimensions(sizes: tuple[int, ...], name: str, line: int) -> tuple[int, ...]:
    """Return the sizes, checked to be positive and to multiply to less than 2^31, Caffe's own limit.

    Raises:
        ParseError: a size is not positive, or the product is absurd.
    """
    for size in sizes:
        if size <= 0:
            raise ParseError(f"size {size} of {name} is not positive", line=line)
    if math.prod(sizes) >= 2**31:
        raise ParseError(f"{name} of {'x'.join(map(str, sizes))} elements is absurdly large", line=line)
    return sizes
