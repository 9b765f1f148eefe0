"""The words, marks and strings of protobuf's text format, each with its place."""

from __future__ import annotations

import re
from typing import NamedTuple

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


class Token(NamedTuple):
    """A part of the text that has a meaning of its own.

    Attributes:
        kind: ``string``, ``mark``, ``word``, ``stray`` (a character that begins none of them) or ``end``.
        text: as written.
        line, column: 1-based place.
        offset: the same place as a number of characters.
    """

    kind: str
    text: str
    line: int
    column: int
    offset: int

    def is_mark(self, *marks: str) -> bool:
        """Whether it is one of these marks."""
        return self.kind == "mark" and self.text in marks

    @property
    def shown(self) -> str:
        """How messages show it."""
        return "the end of the file" if self.kind == "end" else repr(self.text)

    def error(self, message: str) -> ParseError:
        """Return an error at its place."""
        return ParseError(message, line=self.line, column=self.column)

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
        self._line, self._line_start, self._counted = 1, 0, 0

    def move(self, position: int) -> None:
        """Go on from a position, which must not be further back."""
        self.position = position
        self._next = None

    def place(self, offset: int) -> tuple[int, int]:
        """Return the line and column of an offset, which must not be further back than one before."""
        lines = self._text.count("\n", self._counted, offset)
        if lines:
            self._line += lines
            self._line_start = self._text.rindex("\n", self._counted, offset) + 1
        self._counted = offset
        return self._line, offset - self._line_start + 1

    def peek(self) -> Token:
        """Return the next token."""
        if self._next is None:
            match = _TOKEN.match(self._text, self.position)
            assert match
            kind = str(match.lastgroup)
            offset = match.start(kind)
            self._next = Token(kind, match[kind], *self.place(offset), offset)
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


def unescape(string: str, line: int, column: int) -> bytes:
    """Return the bytes that a string token stands for.

    Raises:
        ParseError: an escape names no character; it carries this line and column.
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
                raise ParseError(f"there is no character U+{code:X}", line=line, column=column)
            return chr(code).encode("utf-8", "surrogatepass")
        return _SIMPLE_ESCAPES.get(simple, simple)

    data = string[1:-1].encode("utf-8", "surrogateescape")
    return _ESCAPE.sub(replace, data) if b"\\" in data else data
