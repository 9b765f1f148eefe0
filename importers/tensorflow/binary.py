"""The binary encoding of a GraphDef, read from the wire in one pass."""

from __future__ import annotations

import re
from collections.abc import Container

import numpy as np

from jaxdnn.errors import ParseError, located
from jaxdnn.importers import wire
from jaxdnn.importers.tensorflow.graphdef import (
    MAX_PARTS,
    Argument,
    Attribute,
    FunctionDef,
    FunctionName,
    GraphDef,
    NodeDef,
    TensorShape,
    require_rank,
    require_shallow,
)
from jaxdnn.importers.tensorflow.tensors import (
    BOOL_VAL,
    DCOMPLEX_VAL,
    DOUBLE_VAL,
    FLOAT_VAL,
    HALF_VAL,
    INT64_VAL,
    INT_VAL,
    SCOMPLEX_VAL,
    STRING_VAL,
    UINT32_VAL,
    UINT64_VAL,
    DType,
    Tensor,
)

_FIXED = {FLOAT_VAL: "<f4", DOUBLE_VAL: "<f8", SCOMPLEX_VAL: "<f4", DCOMPLEX_VAL: "<f8"}
_VARINTS = {INT_VAL, INT64_VAL, BOOL_VAL, HALF_VAL, UINT32_VAL, UINT64_VAL}


_CONSTANT = re.compile(
    rb"\x0a\x05value\x12([\x80-\xff]{0,9}[\x00-\x7f])\x42([\x80-\xff]{0,9}[\x00-\x7f])\x08([\x00-\x7f])\x12([\x00-\x7f])"
)
"""How the entry of a constant's array begins: its key; the lengths of the attribute, which is a tensor, and of the
tensor; its type, and the length of its shape. The elements follow as bytes (:data:`_CONTENT`)."""

_CONTENT = 0x22
"""The tag of ``tensor_content``."""

_CACHED = 64
"""Attributes and shapes of up to so many bytes are decoded once: most of a graph's are the same few."""


def read_binary(data: bytes, ops: Container[str] | None = None) -> GraphDef:
    """Read a GraphDef.

    Args:
        data: the file.
        ops: what the nodes compute that are needed; of the others only the name is read. By default all are.

    Raises:
        ParseError: the bytes are damaged or cut short; it says where.
    """
    return _Reader(data, ops).graph()


class _Reader:
    """Walks messages in place; only the arrays' raw bytes are left where they are."""

    def __init__(self, data: bytes, ops: Container[str] | None) -> None:
        self._buffer = data
        self._ops = ops
        self._payloads = memoryview(data)
        self._entries: dict[bytes, tuple[str, Attribute | None]] = {}
        self._shapes: dict[bytes, tuple[int | None, ...] | None] = {}
        self._count = 0

    def graph(self) -> GraphDef:
        nodes: list[NodeDef] = []
        functions: dict[str, FunctionDef] = {}
        producer = 0
        for number, start, end in wire.parts(self._buffer, 0, len(self._buffer)):
            if number == 1:
                nodes.append(self._node(start, end, 1))
            elif number == 2:
                for inner, first, last in wire.parts(self._buffer, start, end):
                    if inner == 1:
                        function = self._function(first, last)
                        functions[function.name] = function
            elif number == 4:
                for field in wire.fields(self._buffer, start, end):
                    producer = field.value if field.number == 1 else producer
        return GraphDef(tuple(nodes), functions, producer)

    def _counted(self, count: int = 1) -> None:
        """Count what becomes an object: an empty one takes two bytes of a file and hundreds of memory."""
        self._count += count
        if self._count > MAX_PARTS:
            raise ParseError(
                f"damaged: there are more than {MAX_PARTS} nodes, values of attributes and strings"
            )

    def _text(self, start: int, end: int) -> str:
        try:
            return self._buffer[start:end].decode()
        except UnicodeDecodeError:
            raise ParseError(f"damaged: a name at byte {start} is not UTF-8") from None

    def _node(self, start: int, end: int, depth: int) -> NodeDef:
        self._counted()
        name = op = ""
        inputs: list[str] = []
        attributes: dict[str, Attribute] = {}
        try:
            for number, first, last in wire.parts(self._buffer, start, end):
                if number == 5:
                    key, value = self._entry(first, last, depth + 1)
                    if value is not None:
                        attributes[key] = value
                elif number == 3:
                    inputs.append(self._text(first, last))
                elif number == 1:
                    name = self._text(first, last)
                elif number == 2:
                    op = self._text(first, last)
                    if depth == 1 and self._ops is not None and op not in self._ops:
                        break
        except ParseError as error:
            error.layer = error.layer or (f"{name!r} ({op or 'no op'})" if name else None)
            raise
        return NodeDef(name, op, tuple(inputs), attributes)

    def _entry(self, start: int, end: int, depth: int) -> tuple[str, Attribute | None]:
        if end - start > _CACHED:
            return self._new_entry(start, end, depth)
        encoded = self._buffer[start:end]
        known = self._entries.get(encoded)
        if known is None:
            known = self._entries[encoded] = self._new_entry(start, end, depth)
        return known

    def _new_entry(self, start: int, end: int, depth: int) -> tuple[str, Attribute | None]:
        constant = self._constant(start, end)
        if constant is not None:
            return "value", constant
        key, value = "", None
        for number, first, last in wire.parts(self._buffer, start, end):
            if number == 1:
                key = self._text(first, last)
            elif number == 2:
                value = self._attribute(first, last, depth + 1)
        return key, value

    def _constant(self, start: int, end: int) -> Tensor | None:
        """Return an array of the form that nearly all have, see :data:`_CONSTANT`; None of others."""
        buffer = self._buffer
        found = _CONSTANT.match(buffer, start, end)
        if found is None:
            return None
        first = found.end()
        last = first + found[4][0]
        if last >= end or buffer[last] != _CONTENT:
            return None
        for place in (found.start(1), found.start(2), last + 1):
            length, position = wire.varint(buffer, place, end)
            if position + length != end:
                return None
        self._counted()
        return _stored(DType.of(found[3][0]), self._shape(first, last), self._payloads[position:end], {})

    def _attribute(self, start: int, end: int, depth: int) -> Attribute | None:
        require_shallow(depth)
        value: Attribute | None = None
        for field in wire.fields(self._buffer, start, end):
            if field.number == 1:
                message = _message(field, "a list")
                value = [
                    item
                    for inner in wire.fields(self._buffer, message.start, message.end)
                    for item in self._elements(inner, depth + 1)
                ]
            else:
                elements = self._elements(field, depth)
                value = elements[-1] if elements else value
        return value

    def _elements(self, field: wire.WireField, depth: int) -> list[Attribute]:
        """Return the values of one field of an AttrValue or of its list, where numbers may be packed."""
        number = field.number
        if number in (3, 5, 6):
            values = self._varints(field)
            self._counted(len(values))
            if number == 5:
                return [bool(value) for value in values]
            return [DType.of(value) for value in values] if number == 6 else list(map(wire.signed, values))
        if number == 4:
            numbers = self._numbers(field, "<f4")
            self._counted(len(numbers))
            return list(numbers.tolist())
        self._counted()
        if number not in (2, 7, 8, 9, 10):
            return []
        _message(field, "an attribute's value")
        if number == 2:
            return [self._buffer[field.start : field.end]]
        if number == 7:
            return [TensorShape(self._shape(field.start, field.end))]
        if number == 8:
            return [self._tensor(field.start, field.end)]
        return [self._function_name(field.start, field.end, depth + 1)]

    def _function_name(self, start: int, end: int, depth: int) -> FunctionName:
        name, attributes = "", {}
        for number, first, last in wire.parts(self._buffer, start, end):
            if number == 1:
                name = self._text(first, last)
            elif number == 2:
                key, value = self._entry(first, last, depth + 1)
                if value is not None:
                    attributes[key] = value
        return FunctionName(name, attributes)

    def _shape(self, start: int, end: int) -> tuple[int | None, ...] | None:
        if end - start > _CACHED:
            return self._new_shape(start, end)
        encoded = self._buffer[start:end]
        if encoded not in self._shapes:
            self._shapes[encoded] = self._new_shape(start, end)
        return self._shapes[encoded]

    def _new_shape(self, start: int, end: int) -> tuple[int | None, ...] | None:
        sizes: list[int | None] = []
        unknown_rank = False
        for field in wire.fields(self._buffer, start, end):
            if field.number == 2:
                size = 0
                message = _message(field, "a dimension")
                for inner in wire.fields(self._buffer, message.start, message.end):
                    size = wire.signed(inner.value) if inner.number == 1 else size
                sizes.append(None if size == -1 else size)
                require_rank(len(sizes))
            elif field.number == 3:
                unknown_rank = bool(field.value)
        return None if unknown_rank and not sizes else tuple(sizes)

    def _tensor(self, start: int, end: int) -> Tensor:
        dtype, content = DType(0), memoryview(b"")
        shape: tuple[int | None, ...] | None = ()
        parts: dict[int, list[np.ndarray]] = {}
        strings: list[bytes] = []
        for field in wire.fields(self._buffer, start, end):
            if field.number == 1:
                dtype = DType.of(field.value)
            elif field.number == 2:
                message = _message(field, "a shape")
                shape = self._shape(message.start, message.end)
            elif field.number == 4:
                _message(field, "tensor_content")
                content = self._payloads[field.start : field.end]
            elif field.number == STRING_VAL:
                _message(field, "a string")
                self._counted()
                strings.append(self._buffer[field.start : field.end])
            elif field.number in _FIXED:
                parts.setdefault(field.number, []).append(self._numbers(field, _FIXED[field.number]))
            elif field.number in _VARINTS:
                parts.setdefault(field.number, []).append(self._integers(field))
        values = {
            number: arrays[0] if len(arrays) == 1 else np.concatenate(arrays)
            for number, arrays in parts.items()
        }
        if strings:
            values[STRING_VAL] = np.array(strings, object)
        return _stored(dtype, shape, content, values)

    def _varints(self, field: wire.WireField) -> list[int]:
        if field.wire_type != wire.BYTES:
            return [field.value]
        values: list[int] = wire.varints(self._buffer, field.start, field.end).tolist()
        return values

    def _integers(self, field: wire.WireField) -> np.ndarray:
        """Return the values of an array's field of varints; int_val and int64_val may be negative."""
        if field.wire_type == wire.BYTES:
            array = wire.varints(self._buffer, field.start, field.end)
        else:
            self._counted()
            array = np.array([field.value], np.uint64)
        signed = field.number not in (UINT32_VAL, UINT64_VAL) and array.dtype == np.uint64
        return array.view(np.int64) if signed else array

    def _numbers(self, field: wire.WireField, dtype: str) -> np.ndarray:
        item = np.dtype(dtype).itemsize
        if field.wire_type == wire.BYTES:
            size = field.end - field.start
            if size % item:
                raise ParseError(f"{size} bytes of data are no whole number of {item}-byte values")
            return np.frombuffer(self._buffer, dtype, size // item, field.start)
        if field.wire_type != {4: wire.FIXED32, 8: wire.FIXED64}[item]:
            raise ParseError(f"damaged: wire type {field.wire_type} for values of {item} bytes")
        if field.value == 1:
            return np.frombuffer(self._buffer, dtype, 1, field.start)
        bytes_ = np.frombuffer(self._buffer, np.uint8, field.end - field.start, field.start)
        strided = np.lib.stride_tricks.as_strided(bytes_, (field.value, item), (field.stride, 1))
        return np.ascontiguousarray(strided).view(dtype).reshape(-1)

    def _function(self, start: int, end: int) -> FunctionDef:
        self._counted()
        name = ""
        inputs: list[Argument] = []
        outputs: list[Argument] = []
        nodes, returns = [], {}
        for number, first, last in wire.parts(self._buffer, start, end):
            if number == 1:
                for inner, begin, stop in wire.parts(self._buffer, first, last):
                    if inner == 1:
                        name = self._text(begin, stop)
                    elif inner in (2, 3):
                        (inputs if inner == 2 else outputs).append(self._argument(begin, stop))
            elif number == 3:
                with located(layer=f"{name!r} (function)"):
                    nodes.append(self._node(first, last, 2))
            elif number == 4:
                pair = {inner: (begin, stop) for inner, begin, stop in wire.parts(self._buffer, first, last)}
                if {1, 2} <= pair.keys():
                    returns[self._text(*pair[1])] = self._text(*pair[2])
        return FunctionDef(name, tuple(inputs), tuple(outputs), tuple(nodes), returns)

    def _argument(self, start: int, end: int) -> Argument:
        self._counted()
        name = count_from = types_from = ""
        dtype = None
        for field in wire.fields(self._buffer, start, end):
            if field.number == 3:
                dtype = DType.of(field.value)
            elif field.number == 1:
                name = self._text(field.start, field.end)
            elif field.number == 5:
                count_from = self._text(field.start, field.end)
            elif field.number == 6:
                types_from = self._text(field.start, field.end)
        return Argument(name, dtype, count_from, types_from)


def _stored(
    dtype: DType,
    shape: tuple[int | None, ...] | None,
    content: memoryview,
    values: dict[int, np.ndarray],
) -> Tensor:
    sizes = None if shape is None else tuple([-1 if size is None else size for size in shape])
    return Tensor(dtype, sizes, content, values)


def _message(field: wire.WireField, what: str) -> wire.WireField:
    """Check that a field holds bytes.

    Raises:
        ParseError: it is a number.
    """
    if field.wire_type != wire.BYTES:
        raise ParseError(f"damaged: {what} (field {field.number} at byte {field.start}) is a number")
    return field
