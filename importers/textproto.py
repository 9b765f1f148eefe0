"""Protobuf's text format, read without a schema.

Unknown fields are kept and every field knows its line and column, which protobuf's own parser offers
neither of. Reading is iterative, so nesting depth is bounded by memory alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from jaxdnn.errors import ParseError

# Possessive repetitions: what could be given back takes a hundred times the memory of a long string.
_TOKEN = re.compile(
    r"""(?P<space>(?:[\s\ufeff]+|\#[^\n]*)+)
      | (?P<string>"(?:[^"\\\n]++|\\.)*+"|'(?:[^'\\\n]++|\\.)*+')
      | (?P<mark>[{}<>\[\]:,;])
      | (?P<word>[^\s{}<>\[\]:,;"'\#]+)
      | (?P<stray>.)""",
    re.VERBOSE,
)
_ESCAPE = re.compile(
    rb"\\(?:([0-7]{1,3})|[xX]([0-9a-fA-F]{1,2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))", re.DOTALL
)
_SIMPLE_ESCAPES = {b"a": b"\a", b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}
_CLOSER = {"{": "}", "<": ">"}


@dataclass(frozen=True, slots=True)
class Scalar:
    """A value that is not a message.

    Attributes:
        text: the word as written, or the string's decoded text (bytes as latin-1 where not UTF-8).
        quoted: whether it was a string.
        line, column: 1-based place.
        data: a string's bytes.
    """

    text: str
    quoted: bool
    line: int
    column: int
    data: bytes = b""


@dataclass(slots=True)
class Message:
    """Fields in the order of the file; a name may occur many times.

    Attributes:
        line, column: where the message opens.
        fields: name and value of each field.
    """

    line: int = 1
    column: int = 1
    fields: list[tuple[str, Scalar | Message]] = field(default_factory=list)

    def all(self, name: str) -> list[Scalar | Message]:
        """Return all values of a field."""
        return [value for key, value in self.fields if key == name]

    def messages(self, name: str) -> list[Message]:
        """Return the values of a field that are messages."""
        return [value for value in self.all(name) if isinstance(value, Message)]

    def scalars(self, name: str) -> list[Scalar]:
        """Return the values of a field that are scalars."""
        return [value for value in self.all(name) if isinstance(value, Scalar)]

    def add(self, name: str, value: Scalar | Message) -> None:
        """Append a field."""
        self.fields.append((name, value))


class _Token(NamedTuple):
    kind: str
    text: str
    line: int
    column: int

    def is_mark(self, *marks: str) -> bool:
        return self.kind == "mark" and self.text in marks


def parse(text: str) -> Message:
    """Read a whole file.

    Raises:
        ParseError: the syntax is broken; it carries line and column.
    """
    return _Parser(text).file()


@dataclass(frozen=True, slots=True)
class _Open:
    """A message that is being read.

    Attributes:
        parent: the message that it is part of, as the field ``name``.
        brace: what opened it.
        bracket: what opened the list that it is an element of, or None.
    """

    parent: Message
    name: str
    brace: _Token
    bracket: _Token | None


class _Parser:
    """Keeps the messages that are open on a stack of its own."""

    def __init__(self, text: str) -> None:
        self._tokens = _Tokens(text)
        self._stack: list[_Open] = []
        self._current = Message()

    def file(self) -> Message:
        root = self._current
        while True:
            token = self._tokens.take()
            if token.kind == "end":
                break
            if token.is_mark("}", ">"):
                self._close(token)
            else:
                self._field(token)
        if self._stack:
            raise _error(token, f"the file ends, but {_opened(self._stack[-1].brace)} is not closed")
        return root

    def _field(self, token: _Token) -> None:
        tokens = self._tokens
        name = _field_name(tokens, token)
        colon = tokens.skip(":")
        bracket = tokens.take() if tokens.peek().is_mark("[") else None
        if tokens.peek().is_mark(*_CLOSER):
            self._open(name, token, bracket)
            return
        if not colon:
            found = bracket or tokens.peek()
            raise _error(found, f'":" expected after {name!r}, found {_shown(found)}')
        if bracket:
            self._current.fields.extend((name, item) for item in _scalars(tokens, bracket))
        else:
            self._current.add(name, _scalar(tokens))
        tokens.skip(",", ";")

    def _open(self, name: str, place: _Token, bracket: _Token | None) -> None:
        message = Message(place.line, place.column)
        self._current.add(name, message)
        self._stack.append(_Open(self._current, name, self._tokens.take(), bracket))
        self._current = message

    def _close(self, token: _Token) -> None:
        if not self._stack:
            raise _error(token, f"{token.text!r} closes nothing")
        closed = self._stack.pop()
        closer = _CLOSER[closed.brace.text]
        if token.text != closer:
            raise _error(token, f"{closer!r} expected for {_opened(closed.brace)}")
        self._current = closed.parent
        if closed.bracket and not _list_ends(self._tokens, closed.bracket):
            following = self._tokens.peek()
            if not following.is_mark(*_CLOSER):
                raise _error(following, f"a message expected in the list, found {_shown(following)}")
            self._open(closed.name, following, closed.bracket)
            return
        self._tokens.skip(",", ";")


class _Tokens:
    """The tokens of a text, one ahead."""

    def __init__(self, text: str) -> None:
        self._stream = self._scan(text)
        self._next = next(self._stream)

    def peek(self) -> _Token:
        return self._next

    def take(self) -> _Token:
        token = self._next
        if token.kind != "end":
            self._next = next(self._stream)
        return token

    def skip(self, *marks: str) -> bool:
        """Take the next token if it is one of these marks."""
        if self._next.kind == "mark" and self._next.text in marks:
            self.take()
            return True
        return False

    @staticmethod
    def _scan(text: str) -> Iterator[_Token]:
        line, line_start = 1, 0
        for match in _TOKEN.finditer(text):
            kind = str(match.lastgroup)
            found = match.group()
            if kind != "space":
                yield _Token(kind, found, line, match.start() - line_start + 1)
            elif "\n" in found:
                line += found.count("\n")
                line_start = match.start() + found.rindex("\n") + 1
        yield _Token("end", "", line, len(text) - line_start + 1)


def _field_name(tokens: _Tokens, token: _Token) -> str:
    if token.kind == "word" and re.fullmatch(r"[A-Za-z_][\w./-]*", token.text):
        return token.text
    if token.text == "[":  # an extension: [package.name]
        name = tokens.take()
        if name.kind == "word" and tokens.skip("]"):
            return name.text
    if token.kind == "stray":
        raise _error(token, _stray(token))
    raise _error(token, f"a field name expected, found {_shown(token)}")


def _scalars(tokens: _Tokens, bracket: _Token) -> Iterator[Scalar]:
    if tokens.skip("]"):
        return
    yield _scalar(tokens)
    while not _list_ends(tokens, bracket):
        yield _scalar(tokens)


def _list_ends(tokens: _Tokens, bracket: _Token) -> bool:
    if tokens.skip("]"):
        return True
    if not tokens.skip(","):
        raise _error(tokens.peek(), f'"," or "]" expected for {_opened(bracket)}')
    return False


def _scalar(tokens: _Tokens) -> Scalar:
    token = tokens.take()
    if token.kind == "word":
        if token.text == "-" and tokens.peek().kind == "word":
            return Scalar("-" + tokens.take().text, False, token.line, token.column)
        return Scalar(token.text, False, token.line, token.column)
    if token.kind == "string":
        data = _unescape(token)
        while tokens.peek().kind == "string":
            data += _unescape(tokens.take())
        return Scalar(_decode(data), True, token.line, token.column, data)
    if token.kind == "stray":
        raise _error(token, _stray(token))
    raise _error(token, f"a value expected, found {_shown(token)}")


def _unescape(token: _Token) -> bytes:
    def replace(match: re.Match[bytes]) -> bytes:
        octal, hexadecimal, short, long, simple = match.groups()
        if octal:
            return bytes([int(octal, 8) & 0xFF])
        if hexadecimal:
            return bytes([int(hexadecimal, 16)])
        if short or long:
            code = int(short or long, 16)
            if code > 0x10FFFF:
                raise _error(token, f"there is no character U+{code:X}")
            return chr(code).encode("utf-8", "surrogatepass")
        return _SIMPLE_ESCAPES.get(simple, simple)

    data = token.text[1:-1].encode("utf-8", "surrogateescape")
    return _ESCAPE.sub(replace, data) if b"\\" in data else data


def _decode(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _stray(token: _Token) -> str:
    if token.text in "\"'":
        return "the string that opens here is not closed on its line"
    return f"unexpected character {token.text!r}"


def _opened(token: _Token) -> str:
    return f"the {token.text!r} of line {token.line}"


def _shown(token: _Token) -> str:
    return "the end of the file" if token.kind == "end" else repr(token.text)


def _error(token: _Token, message: str) -> ParseError:
    return ParseError(message, line=token.line, column=token.column)
