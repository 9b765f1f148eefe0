"""Protobuf's wire format, read in place.

A weights file is a few kilobytes of structure around megabytes of packed numbers. Protobuf's own parser
copies every payload into its arena and again into a bytes object; this reader walks the framing of a mapped
file and leaves the payloads where they are (``benchmarks/load.py`` measures what that saves).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from jaxdnn.errors import ParseError

VARINT, FIXED64, BYTES, START_GROUP, END_GROUP, FIXED32 = range(6)


class WireField(NamedTuple):
    """One field of a message, or a run of the same fixed-size field.

    Attributes:
        number: the field number.
        wire_type: one of the module's constants.
        value: of a varint; of a fixed-size field the number of times that it follows itself.
        start, end: the payload's bytes in the buffer (for all but varints). In a run of a fixed-size field
            each payload after the first has its tag, ``stride`` minus its size in bytes, before it.
        stride: distance of the payloads of a run.
    """

    number: int
    wire_type: int
    value: int
    start: int
    end: int
    stride: int = 0


def fields(buffer: bytes | memoryview, start: int, end: int) -> Iterator[WireField]:
    """Yield the fields of the message in ``buffer[start:end]``.

    Raises:
        ParseError: the message runs past its end or holds an impossible tag.
    """
    position = start
    while position < end:
        tag_at = position
        tag = buffer[position]
        if tag < 0x80:
            position += 1
        else:
            tag, position = varint(buffer, position, end)
        number, wire_type = tag >> 3, tag & 7
        if number == 0 or number >= 1 << 29:
            raise ParseError(f"damaged: impossible field number {number} at byte {tag_at}")
        if wire_type == VARINT:
            value, position = varint(buffer, position, end)
            yield WireField(number, wire_type, value, position, position)
            continue
        if wire_type == BYTES:
            length, position = varint(buffer, position, end)
            if length <= end - position:
                yield WireField(number, wire_type, 0, position, position + length)
                position += length
                continue
        elif wire_type in (FIXED32, FIXED64):
            length = 4 if wire_type == FIXED32 else 8
        else:
            raise ParseError(f"damaged: impossible wire type {wire_type} at byte {tag_at}")
        if length > end - position:
            raise ParseError(
                f"cut short or damaged: field {number} at byte {tag_at} is {length} bytes long, "
                f"{end - position} are left"
            )
        run = _run(buffer, tag_at, position - tag_at, length, end)
        stride = position - tag_at + length
        last = position + (run - 1) * stride + length
        yield WireField(number, wire_type, run, position, last, stride)
        position = last


def parts(buffer: bytes, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield number, start and end of the fields of ``buffer[start:end]`` that are strings or messages.

    What :func:`fields` yields of them, at a third of the cost: a message of many short strings is read with this.

    Raises:
        ParseError: see :func:`fields`.
    """
    position = start
    while position < end:
        tag, length = buffer[position], buffer[position + 1] if position + 1 < end else 0x80
        first = position + 2
        if length >= 0x80 and tag < 0x80 and tag & 7 == BYTES:
            length, first = varint(buffer, position + 1, end)
        if tag >= 0x80 or tag & 7 != BYTES or tag < 8 or first + length > end:
            break
        position = first + length
        yield tag >> 3, first, position
    for field in fields(buffer, position, end):
        if field.wire_type == BYTES:
            yield field.number, field.start, field.end


def varints(buffer: bytes | memoryview, start: int, end: int) -> np.ndarray:
    """Read varints that lie side by side, as unsigned integers of no more bytes than they need.

    Raises:
        ParseError: the last one does not end, or one is longer than ten bytes.
    """
    encoded = np.frombuffer(buffer, np.uint8, end - start, start)
    if not (encoded & 0x80).any():
        return encoded
    ends = np.flatnonzero(encoded < 0x80)
    lengths = np.diff(ends, prepend=-1)
    if not len(ends) or ends[-1] != len(encoded) - 1 or lengths.max() > 10:
        raise ParseError(f"cut short or damaged: a number in bytes {start} to {end} does not end")
    values = np.zeros(len(ends), np.uint64)
    for place in range(int(lengths.max())):
        longer = lengths > place
        septets = encoded[(ends - lengths + 1 + place)[longer]] & np.uint8(0x7F)
        values[longer] |= septets.astype(np.uint64) << np.uint64(7 * place)
    return values


def varint(buffer: bytes | memoryview, position: int, end: int) -> tuple[int, int]:
    """Read one varint; return it and the position after it."""
    if position < end and buffer[position] < 0x80:
        return buffer[position], position + 1
    value = shift = 0
    while position < end and shift < 70:
        byte = buffer[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, position
        shift += 7
    raise ParseError(f"cut short or damaged: a number does not end at byte {position}")


def signed(value: int) -> int:
    """Read a varint's value as a two's complement 64-bit number."""
    return value - (1 << 64) if value >> 63 else value


def _run(buffer: bytes | memoryview, tag_at: int, tag_size: int, size: int, end: int) -> int:
    """Return how often the field at ``tag_at`` is repeated without a gap (old writers do not pack)."""
    stride = tag_size + size
    following = tag_at + stride
    if buffer[tag_at : tag_at + tag_size] != buffer[following : following + tag_size]:
        return 1
    count = (end - tag_at) // stride
    table = np.frombuffer(buffer, np.uint8, count * stride, tag_at).reshape(count, stride)
    same = (table[:, :tag_size] == table[0, :tag_size]).all(axis=1)
    return count if same.all() else int(same.argmin())
