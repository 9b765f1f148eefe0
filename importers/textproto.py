"""Protobuf's text format, read without a schema.

Unknown fields are kept and every field knows its line and column, which protobuf's own parser offers
neither of. Reading is iterative, so nesting depth is bounded by memory alone.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from jaxdnn.importers.prototokens import (
    BEGINNING,
    NAME,
    SPACE,
    STRING,
    WORD,
    Place,
    Placed,
    Token,
    Tokens,
    unescape,
)

_STEP = re.compile(
    rf"""{SPACE}(?:
        (?P<name>{NAME})(?!\ufeff){SPACE}(?:
            :{SPACE}(?:(?P<word>(?!-[\s\#]){WORD}) | (?P<string>{STRING})(?!{SPACE}["']))(?:{SPACE}[,;])?+
          | (?::{SPACE})?+(?P<open>\{{)
        )
      | (?P<close>\}})(?:{SPACE}[,;])?+
    )""",
    re.VERBOSE,
)
"""A whole field of one scalar, the beginning of a message, or its end. Whatever has another form (lists, extensions,
angle brackets, strings in several pieces, errors) is read token by token."""

_INSIDE = rf"[^{{}}<>\[\]\"'\#]++ | {STRING}"
_BLOCK = re.compile(
    rf"\{{(?:{_INSIDE} | \{{(?:{_INSIDE} | \{{(?:{_INSIDE} | \{{(?:{_INSIDE})*+\}})*+\}})*+\}})*+\}}(?:{SPACE}[,;])?+",
    re.VERBOSE,
)
"""A message without comments and lists in brackets, and no more than three others in each other within it."""
_SHORT = 1024
"""Characters of a message up to which it may be shared."""

_CLOSER = {"{": "}", "<": ">"}


@dataclass(slots=True)  # not frozen: a file has thousands, and a frozen one takes three times as long to make
class Scalar(Placed):
    """A value that is not a message.

    Attributes:
        text: the word as written, or the string's decoded text (bytes as latin-1 where not UTF-8).
        quoted: whether it was a string.
        place: where it stands.
        data: a string's bytes.
    """

    text: str
    quoted: bool
    place: Place
    data: bytes = b""


@dataclass(slots=True)
class Message(Placed):
    """Fields in the order of the file; a name may occur many times.

    Attributes:
        place: where the message opens.
        fields: name and value of each field.
    """

    place: Place = BEGINNING
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


def parse(text: str, shared: Container[str] = ()) -> Message:
    """Read a whole file.

    Args:
        text: of the file.
        shared: the fields whose messages may be one where they are written alike. Its place is then the first one's.

    Raises:
        ParseError: the syntax is broken; it carries line and column.
    """
    return _Parser(text, shared).file()


class _Open(NamedTuple):
    """A message that is being read.

    Attributes:
        parent: the message that it is part of, as the field ``name``.
        brace: where what opened it stands in the text.
        bracket: what opened the list that it is an element of, or None.
    """

    parent: Message
    name: str
    brace: int
    bracket: Token | None


class _Parser:
    """Keeps the messages that are open on a stack of its own."""

    def __init__(self, text: str, shared: Container[str]) -> None:
        self._text = text
        self._shared = shared
        self._known: dict[str, Message] = {}
        self._tokens = Tokens(text)
        self._stack: list[_Open] = []
        self._current = Message()

    def file(self) -> Message:
        root = self._current
        while True:
            self._steps()
            token = self._tokens.take()
            if token.kind == "end":
                break
            if token.is_mark("}", ">"):
                self._close(token)
            else:
                self._field(token)
        if self._stack:
            raise token.error(f"the file ends, but {self._opened(self._stack[-1])} is not closed")
        return root

    def _steps(self) -> None:
        """Read on in steps as long as they will do."""
        text, tokens, stack, known = self._text, self._tokens, self._stack, self._known
        position = tokens.position
        while step := _STEP.match(text, position):
            kind = step.lastgroup
            position = step.end()
            if kind == "string":
                name, string = step.group("name", "string")
                self._current.fields.append((name, _string(string, tokens.place(step.start("string")))))
            elif kind == "word":
                name, word = step.group("name", "word")
                self._current.fields.append((name, Scalar(word, False, tokens.place(step.start("word")))))
            elif kind == "open":
                name, brace = step["name"], position - 1
                block = _BLOCK.match(text, brace) if name in self._shared else None
                if block and block[0] in known:
                    self._current.fields.append((name, known[block[0]]))
                    position = block.end()
                    continue
                self._begin(name, tokens.place(step.start("name")), brace, None)
                if block and block.end() - brace <= _SHORT:
                    known[block[0]] = self._current
            elif not stack or stack[-1].bracket or text[stack[-1].brace] != "{":
                position = step.start()
                break
            else:
                self._current = stack.pop().parent
        tokens.move(position)

    def _field(self, token: Token) -> None:
        tokens = self._tokens
        name = _field_name(tokens, token)
        colon = tokens.skip(":")
        bracket = tokens.take() if tokens.peek().is_mark("[") else None
        if tokens.peek().is_mark(*_CLOSER):
            self._begin(name, token.place, tokens.take().offset, bracket)
            return
        if not colon:
            found = bracket or tokens.peek()
            raise found.error(f'":" expected after {name!r}, found {found.shown}')
        if bracket:
            self._current.fields.extend((name, item) for item in _scalars(tokens, bracket))
        else:
            self._current.add(name, _scalar(tokens))
        tokens.skip(",", ";")

    def _begin(self, name: str, place: Place, brace: int, bracket: Token | None) -> None:
        message = Message(place)
        self._current.fields.append((name, message))
        self._stack.append(_Open(self._current, name, brace, bracket))
        self._current = message

    def _close(self, token: Token) -> None:
        if not self._stack:
            raise token.error(f"{token.text!r} closes nothing")
        closed = self._stack.pop()
        closer = _CLOSER[self._text[closed.brace]]
        if token.text != closer:
            raise token.error(f"{closer!r} expected for {self._opened(closed)}")
        self._current = closed.parent
        if closed.bracket and not _list_ends(self._tokens, closed.bracket):
            following = self._tokens.take()
            if not following.is_mark(*_CLOSER):
                raise following.error(f"a message expected in the list, found {following.shown}")
            self._begin(closed.name, following.place, following.offset, closed.bracket)
            return
        self._tokens.skip(",", ";")

    def _opened(self, message: _Open) -> str:
        return _opened(Token("mark", self._text[message.brace], self._tokens.place(message.brace)))


def _field_name(tokens: Tokens, token: Token) -> str:
    if token.kind == "word" and re.fullmatch(NAME, token.text):
        return token.text
    if token.text == "[":  # an extension: [package.name]
        name = tokens.take()
        if name.kind == "word" and tokens.skip("]"):
            return name.text
    raise token.instead_of("a field name")


def _scalars(tokens: Tokens, bracket: Token) -> Iterator[Scalar]:
    if tokens.skip("]"):
        return
    yield _scalar(tokens)
    while not _list_ends(tokens, bracket):
        yield _scalar(tokens)


def _list_ends(tokens: Tokens, bracket: Token) -> bool:
    if tokens.skip("]"):
        return True
    if not tokens.skip(","):
        raise tokens.peek().error(f'"," or "]" expected for {_opened(bracket)}')
    return False


def _scalar(tokens: Tokens) -> Scalar:
    token = tokens.take()
    if token.kind == "word":
        if token.text == "-" and tokens.peek().kind == "word":
            return Scalar("-" + tokens.take().text, False, token.place)
        return Scalar(token.text, False, token.place)
    if token.kind == "string":
        data = unescape(token)
        while tokens.peek().kind == "string":
            following = tokens.take()
            data += unescape(following)
        return Scalar(_decode(data), True, token.place, data)
    raise token.instead_of("a value")


def _string(text: str, place: Place) -> Scalar:
    """Return the scalar of one string token; most are plain names."""
    if text.isascii() and "\\" not in text:
        return Scalar(text[1:-1], True, place, text[1:-1].encode())
    data = unescape(Token("string", text, place))
    return Scalar(_decode(data), True, place, data)


def _decode(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _opened(mark: Token) -> str:
    return f"the {mark.text!r} of line {mark.line}"
