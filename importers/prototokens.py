"""The words, marks and strings of protobuf's text format, each with its place."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property

from jaxdnn.errors import ParseError

# The repetitions are possessive: what could be given back takes a hundred times the memory of a long string.
SPACE = r"(?:[\s\ufeff]++|\#[^\n]*+)*+"
STRING = r""" "(?:[^"\\\n]++|\\.)*+" | '(?:[^'\\\n]++|\\.)*+' """
WORD = r"""[^\s{}<>\[\]:,;"'\#]++"""
NAME = r"[A-Za-z_][\w./-]*+"
_TOKEN = re.compile(
    rf"""{SPACE}(?:
        (?P<string>{STRING}) | (?P<mark>[{{}}<>\[\]:,;]) | (?P<word>{WORD}) | (?P<stray>.) | (?P<end>\Z)
    )""",
    re.VERBOSE,
)
_ESCAPE = re.compile(
    rb"\\(?:([0-7]{1,3})|[xX]([0-9a-fA-F]{1,2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))", re.DOTALL
)
_SIMPLE_ESCAPES = {b"a": b"\a", b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}


@dataclass(frozen=True)
class Lines:
    """The lines of a text, counted when somebody asks for the first time: most texts have no errors.

    Attributes:
        text: whole.
    """

    text: str

    @cached_property
    def _starts(self) -> list[int]:
        return [0, *(found.end() for found in re.finditer("\n", self.text))]

    def number(self, offset: int) -> int:
        """Return the 1-based line of an offset."""
        return bisect_right(self._starts, offset)

    def column(self, offset: int) -> int:
        """Return the 1-based place of an offset within its line."""
        return offset - self._starts[self.number(offset) - 1] + 1


Place = tuple[Lines, int]
"""A character of a text, by its number."""

BEGINNING: Place = (Lines(""), 0)


class Placed:
    """Whatever stands somewhere in a text.

    Attributes:
        place: where it begins.
    """

    __slots__ = ()
    place: Place

    @property
    def offset(self) -> int:
        """The number of its first character."""
        return self.place[1]

    @property
    def line(self) -> int:
        """Its 1-based line."""
        lines, offset = self.place
        return lines.number(offset)

    @property
    def column(self) -> int:
        """Its 1-based place in its line."""
        lines, offset = self.place
        return lines.column(offset)

    def error(self, message: str) -> ParseError:
        """Return an error at its place."""
        return ParseError(message, line=self.line, column=self.column)


@dataclass(slots=True)
class Token(Placed):
    """A part of the text that has a meaning of its own.

    Attributes:
        kind: ``string``, ``mark``, ``word``, ``stray`` (a character that begins none of them) or ``end``.
        text: as written.
        place: where it begins.
    """

    kind: str
    text: str
    place: Place

    def is_mark(self, *marks: str) -> bool:
        """Whether it is one of these marks."""
        return self.kind == "mark" and self.text in marks

    @property
    def shown(self) -> str:
        """How messages show it."""
        return "the end of the file" if self.kind == "end" else repr(self.text)

    def instead_of(self, expected: str) -> ParseError:
        """Return the error that it is not what is expected."""
        if self.kind != "stray":
            return self.error(f"{expected} expected, found {self.shown}")
        if self.text in "\"'":
            return self.error("the string that opens here is not closed on its line")
        return self.error(f"unexpected character {self.text!r}")


class Tokens:
    """The tokens of a text, one ahead.

    Attributes:
        position: the end of what was taken.
    """

    def __init__(self, text: str) -> None:
        self.position = 0
        self._text = text
        self._next: Token | None = None
        self._end = 0
        self._lines = Lines(text)

    def move(self, position: int) -> None:
        """Go on from a position, which must not be further back."""
        self.position = position
        self._next = None

    def place(self, offset: int) -> Place:
        """Return an offset of the text as a place."""
        return self._lines, offset

    def peek(self) -> Token:
        """Return the next token."""
        if self._next is None:
            match = _TOKEN.match(self._text, self.position)
            assert match
            kind = str(match.lastgroup)
            offset = match.start(kind)
            self._next = Token(kind, match[kind], self.place(offset))
            self._end = match.end()
        return self._next

    def take(self) -> Token:
        """Return the next token and go on behind it."""
        token = self.peek()
        self.move(self._end)
        return token

    def skip(self, *marks: str) -> bool:
        """Take the next token if it is one of these marks."""
        if self.peek().is_mark(*marks):
            self.take()
            return True
        return False


def unescape(string: Token) -> bytes:
    """Return the bytes that a string token stands for.

    Raises:
        ParseError: an escape names no character; it carries the token's place.
    """

    def replace(match: re.Match[bytes]) -> bytes:
        octal, hexadecimal, short, long, simple = match.groups()
        if octal:
            return bytes([int(octal, 8) & 0xFF])
        if hexadecimal:
            return bytes([int(hexadecimal, 16)])
        if short or long:
            code = int(short or long, 16)
            if code > 0x10FFFF:
                raise string.error(f"there is no character U+{code:X}")
            return chr(code).encode("utf-8", "surrogatepass")
        return _SIMPLE_ESCAPES.get(simple, simple)

    data = string.text[1:-1].encode("utf-8", "surrogateescape")
    return _ESCAPE.sub(replace, data) if b"\\" in data else data
