"""Darknet's cfg: sections of ``key=value`` lines, and a view of them that remembers what was asked for."""

from __future__ import annotations

import difflib
import math
import re
from dataclasses import dataclass, field
from typing import overload

from jaxdnn.errors import ParseError

_BLANKS = str.maketrans("", "", " \t\r\n")
_INTEGER = re.compile(r"[+-]?\d+")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_MAX_INTEGER = 2**31 - 1


@dataclass(frozen=True)
class Option:
    """One ``key=value`` line; the value has no blanks."""

    value: str
    line: int


@dataclass
class Section:
    """A section of a cfg.

    Numbers are read as C's ``atoi`` and ``atof`` read them: what follows the number is ignored, so that
    ``groups=32 #64`` is 32. A value without any number in it, which Darknet takes for 0, is an error here.
    A getter returns its default where the option is absent.

    Attributes:
        name: what stands between the brackets.
        line: where it begins.
        options: by key; of several lines with the same key the first counts.
    """

    name: str
    line: int
    options: dict[str, Option] = field(default_factory=dict)
    _asked: set[str] = field(default_factory=set)

    def has(self, key: str) -> bool:
        """Whether the option is given."""
        return self._find(key) is not None

    @overload
    def integer(self, key: str) -> int | None: ...
    @overload
    def integer(self, key: str, default: int) -> int: ...
    def integer(self, key: str, default: int | None = None) -> int | None:
        """Return a whole number; the fraction of a number is cut off."""
        option = self._find(key)
        return default if option is None else _integer(key, option.value, option.line)

    def number(self, key: str, default: float) -> float:
        """Return a number."""
        option = self._find(key)
        return default if option is None else _number(key, option.value, option.line)

    def flag(self, key: str) -> bool:
        """Whether the option is a whole number other than 0."""
        return self.integer(key, 0) != 0

    def text(self, key: str, default: str) -> str:
        """Return a word. A comment behind it is part of it, as for Darknet."""
        option = self._find(key)
        return default if option is None else option.value

    def choice(self, key: str, default: str, choices: tuple[str, ...]) -> str:
        """Return a word that is one of the choices.

        Raises:
            ParseError: it is another one, which Darknet would replace by its default.
        """
        value = self.text(key, default)
        if value not in choices:
            raise self.error(key, f"{key} {value!r} is unknown{_suggestion(value, choices)}")
        return value

    def integers(self, key: str) -> tuple[int, ...] | None:
        """Return the whole numbers of a list with commas; a comment ends it."""
        option = self._find(key)
        return None if option is None else tuple(_integer(key, i, option.line) for i in _items(option.value))

    def numbers(self, key: str) -> tuple[float, ...] | None:
        """Return the numbers of a list with commas; a comment ends it."""
        option = self._find(key)
        return None if option is None else tuple(_number(key, i, option.line) for i in _items(option.value))

    def ignore(self, *keys: str) -> None:
        """Mark options that mean nothing for inference as read."""
        self._asked.update(keys)

    def error(self, key: str, message: str) -> ParseError:
        """Return an error at the option's line, or at the section's where it is not given."""
        return ParseError(message, line=self.options[key].line if key in self.options else self.line)

    def refuse_leftovers(self) -> None:
        """Check that every option was asked for or ignored.

        Raises:
            ParseError: Darknet knows no such option.
        """
        for key in self.options:
            if key not in self._asked:
                hint = _suggestion(key, tuple(self._asked))
                raise self.error(key, f"option {key!r} of [{self.name}] is unknown{hint}")

    def _find(self, key: str) -> Option | None:
        self._asked.add(key)
        return self.options.get(key)


def parse(text: str) -> list[Section]:
    """Return the sections of a cfg in order.

    Raises:
        ParseError: a line is neither a section, an option nor a comment.
    """
    sections: list[Section] = []
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.translate(_BLANKS)
        if not line or line[0] in "#;\0":
            continue
        if line.startswith("["):
            name, bracket, rest = line[1:].partition("]")
            if not bracket or (rest and rest[0] not in "#;"):
                raise ParseError(f"{_shortened(line)} is no section: [name] expected", line=number)
            sections.append(Section(name, number))
            continue
        key, equals, value = line.partition("=")
        if not equals or not key:
            raise ParseError(f"{_shortened(line)} is no option: key=value expected", line=number)
        if not sections:
            raise ParseError(f"option {_shortened(key)} stands before the first section", line=number)
        if not value:
            raise ParseError(f"option {_shortened(key)} has no value", line=number)
        sections[-1].options.setdefault(key, Option(value, number))
    return sections


def _items(value: str) -> list[str]:
    items = value.split("#", 1)[0].split(",")
    return items if items[-1] else items[:-1]


def _integer(key: str, text: str, line: int) -> int:
    _number(key, text, line)
    match = _INTEGER.match(text)
    number = int(match.group()) if match and len(match.group()) < 20 else _MAX_INTEGER + 1 if match else 0
    if abs(number) > _MAX_INTEGER:
        raise ParseError(f"{key} is absurdly large: {_shortened(text)}", line=line)
    return number


def _number(key: str, text: str, line: int) -> float:
    match = _NUMBER.match(text)
    if not match:
        raise ParseError(f"{key} must be a number, got {_shortened(text)}", line=line)
    number = float(match.group())
    if not math.isfinite(number):
        raise ParseError(f"{key} is absurdly large: {_shortened(text)}", line=line)
    return number


def _suggestion(word: str, words: tuple[str, ...]) -> str:
    similar = difflib.get_close_matches(word, words, 1)
    return f"; did you mean {similar[0]!r}?" if similar else ""


def _shortened(text: str, limit: int = 40) -> str:
    return repr(text if len(text) <= limit else text[:limit] + "…")
