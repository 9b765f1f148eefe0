"""The binary encoding of a GraphDef, read from the wire in one pass."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from jaxdnn.errors import FileError, ParseError, located
from jaxdnn.importers import wire
from jaxdnn.importers.tensorflow.graphdef import (
    Argument,
    Attribute,
    FunctionDef,
    FunctionName,
    GraphDef,
    NodeDef,
    TensorShape,
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


def read_binary(data: bytes) -> GraphDef:
    """Read a GraphDef.

    Raises:
        ParseError: the bytes are damaged or cut short; it says where.
        FileError: they are a SavedModel or a MetaGraphDef.
    """
    return _Reader(memoryview(data)).graph()


class _Reader:
    """Walks messages in place; only the arrays' raw bytes are left where they are."""

    def __init__(self, buffer: memoryview) -> None:
        self._buffer = buffer

    def graph(self) -> GraphDef:
        self._refuse_wrappers()
        nodes: list[NodeDef] = []
        functions: dict[str, FunctionDef] = {}
        producer = 0
        for field in wire.fields(self._buffer, 0, len(self._buffer)):
            if field.number == 1:
                nodes.append(self._node(_message(field, "a node"), 1))
            elif field.number == 2:
                for inner in self._fields(_message(field, "the library")):
                    if inner.number == 1:
                        function = self._function(_message(inner, "a function"))
                        functions[function.name] = function
            elif field.number == 4:
                for inner in self._fields(_message(field, "versions")):
                    producer = inner.value if inner.number == 1 else producer
        return GraphDef(tuple(nodes), functions, producer)

    def _refuse_wrappers(self) -> None:
        """Tell a SavedModel and a MetaGraphDef, which hold a GraphDef, from the first fields."""
        try:
            fields = wire.fields(self._buffer, 0, len(self._buffer))
            first = next(fields, None)
            if first and first.number == 1 and first.wire_type == wire.VARINT:
                raise FileError(
                    "this is a SavedModel, not a frozen graph: freeze it "
                    "(convert_variables_to_constants_v2) and save its GraphDef"
                )
            # In a MetaGraphDef field 2 is the graph, whose own field 1 is a node; in a GraphDef a library,
            # whose field 1 is a function, whose field 1 is a message and no name.
            second = first if first and first.number == 2 else next(fields, None)
        except ParseError:
            return
        if second and second.number == 2 and second.wire_type == wire.BYTES and self._holds_nodes(second):
            raise FileError("this is a MetaGraphDef (.meta), not a frozen graph: its variables lie elsewhere")

    def _holds_nodes(self, graph: wire.WireField) -> bool:
        try:
            node = next(self._fields(graph), None)
            if node is None or node.number != 1 or node.wire_type != wire.BYTES:
                return False
            found = {field.number: field for field in self._fields(node)}
        except ParseError:
            return False
        return {1, 2} <= found.keys() and all(
            found[number].wire_type == wire.BYTES
            and bytes(self._buffer[found[number].start : found[number].end]).isascii()
            and b"\n" not in bytes(self._buffer[found[number].start : found[number].end])
            for number in (1, 2)
        )

    def _fields(self, message: wire.WireField) -> Iterator[wire.WireField]:
        return wire.fields(self._buffer, message.start, message.end)

    def _text(self, field: wire.WireField) -> str:
        try:
            return bytes(self._buffer[field.start : field.end]).decode()
        except UnicodeDecodeError:
            raise ParseError(f"damaged: a name at byte {field.start} is not UTF-8") from None

    def _node(self, message: wire.WireField, depth: int) -> NodeDef:
        name = op = ""
        inputs: list[str] = []
        attributes: dict[str, Attribute] = {}
        try:
            for field in self._fields(message):
                if field.number in (1, 2, 3, 5):
                    _message(field, "a part of a node")
                if field.number == 1:
                    name = self._text(field)
                elif field.number == 2:
                    op = self._text(field)
                elif field.number == 3:
                    inputs.append(self._text(field))
                elif field.number == 5:
                    key, value = self._entry(field, depth + 1)
                    if value is not None:
                        attributes[key] = value
        except ParseError as error:
            error.layer = error.layer or (f"{name!r} ({op or 'no op'})" if name else None)
            raise
        return NodeDef(name, op, tuple(inputs), attributes)

    def _entry(self, message: wire.WireField, depth: int) -> tuple[str, Attribute | None]:
        key, value = "", None
        for field in self._fields(message):
            if field.number == 1:
                key = self._text(_message(field, "an attribute's name"))
            elif field.number == 2:
                value = self._attribute(_message(field, "an attribute"), depth + 1)
        return key, value

    def _attribute(self, message: wire.WireField, depth: int) -> Attribute | None:
        require_shallow(depth)
        value: Attribute | None = None
        for field in self._fields(message):
            if field.number == 1:
                value = [
                    item
                    for inner in self._fields(_message(field, "a list"))
                    for item in self._elements(inner, depth + 1)
                ]
            else:
                elements = self._elements(field, depth)
                value = elements[-1] if elements else value
        return value

    def _elements(self, field: wire.WireField, depth: int) -> list[Attribute]:
        """Return the values of one field of an AttrValue or of its list, where numbers may be packed."""
        number, packed = field.number, field.wire_type == wire.BYTES
        if number in (3, 5, 6):
            values = self._varints(field) if packed else [field.value]
            if number == 5:
                return [bool(value) for value in values]
            return [DType.of(value) for value in values] if number == 6 else list(map(wire.signed, values))
        if number == 4:
            return [float(value) for value in self._numbers(field, "<f4")]
        if number not in (2, 7, 8, 9, 10):
            return []
        _message(field, "an attribute's value")
        if number == 2:
            return [bytes(self._buffer[field.start : field.end])]
        if number == 7:
            return [TensorShape(self._shape(field))]
        if number == 8:
            return [self._tensor(field)]
        return [self._function_name(field, depth + 1)] if number in (9, 10) else []

    def _function_name(self, message: wire.WireField, depth: int) -> FunctionName:
        name, attributes = "", {}
        for field in self._fields(message):
            if field.number == 1:
                name = self._text(_message(field, "a function's name"))
            elif field.number == 2:
                key, value = self._entry(_message(field, "an attribute"), depth + 1)
                if value is not None:
                    attributes[key] = value
        return FunctionName(name, attributes)

    def _shape(self, message: wire.WireField) -> tuple[int | None, ...] | None:
        sizes: list[int | None] = []
        unknown_rank = False
        for field in self._fields(message):
            if field.number == 2:
                size = 0
                for inner in self._fields(_message(field, "a dimension")):
                    size = wire.signed(inner.value) if inner.number == 1 else size
                sizes.append(None if size == -1 else size)
            elif field.number == 3:
                unknown_rank = bool(field.value)
        return None if unknown_rank and not sizes else tuple(sizes)

    def _tensor(self, message: wire.WireField) -> Tensor:
        dtype, content = DType(0), memoryview(b"")
        shape: tuple[int | None, ...] | None = ()
        parts: dict[int, list[np.ndarray]] = {}
        strings: list[bytes] = []
        for field in self._fields(message):
            if field.number == 1:
                dtype = DType.of(field.value)
            elif field.number == 2:
                shape = self._shape(_message(field, "a shape"))
            elif field.number == 4:
                _message(field, "tensor_content")
                content = self._buffer[field.start : field.end]
            elif field.number == STRING_VAL:
                _message(field, "a string")
                strings.append(bytes(self._buffer[field.start : field.end]))
            elif field.number in _FIXED:
                parts.setdefault(field.number, []).append(self._numbers(field, _FIXED[field.number]))
            elif field.number in _VARINTS:
                numbers = self._varints(field) if field.wire_type == wire.BYTES else [field.value]
                unsigned = field.number in (UINT32_VAL, UINT64_VAL)
                array = np.array(numbers, np.uint64)
                parts.setdefault(field.number, []).append(array if unsigned else array.view(np.int64))
        values = {number: np.concatenate(arrays) for number, arrays in parts.items()}
        if strings:
            values[STRING_VAL] = np.array(strings, object)
        sizes = None if shape is None else tuple(-1 if size is None else size for size in shape)
        return Tensor(dtype, sizes, content, values)

    def _varints(self, field: wire.WireField) -> list[int]:
        values = []
        position = field.start
        while position < field.end:
            value, position = wire.varint(self._buffer, position, field.end)
            values.append(value)
        return values

    def _numbers(self, field: wire.WireField, dtype: str) -> np.ndarray:
        item = np.dtype(dtype).itemsize
        if field.wire_type == wire.BYTES:
            size = field.end - field.start
            if size % item:
                raise ParseError(f"{size} bytes of data are no whole number of {item}-byte values")
            return np.frombuffer(self._buffer, dtype, size // item, field.start)
        if field.wire_type != {4: wire.FIXED32, 8: wire.FIXED64}[item]:
            raise ParseError(f"damaged: wire type {field.wire_type} for values of {item} bytes")
        bytes_ = np.frombuffer(self._buffer, np.uint8, field.end - field.start, field.start)
        strided = np.lib.stride_tricks.as_strided(bytes_, (field.value, item), (field.stride, 1))
        return np.ascontiguousarray(strided).view(dtype).reshape(-1)

    def _function(self, message: wire.WireField) -> FunctionDef:
        name = ""
        inputs: list[Argument] = []
        outputs: list[Argument] = []
        nodes, returns = [], {}
        for field in self._fields(message):
            if field.number == 1:
                for inner in self._fields(_message(field, "a signature")):
                    if inner.number == 1:
                        name = self._text(_message(inner, "a function's name"))
                    elif inner.number in (2, 3):
                        argument = self._argument(_message(inner, "an argument"))
                        (inputs if inner.number == 2 else outputs).append(argument)
            elif field.number == 3:
                with located(layer=f"{name!r} (function)"):
                    nodes.append(self._node(_message(field, "a node"), 2))
            elif field.number == 4:
                pair = {inner.number: inner for inner in self._fields(_message(field, "a return value"))}
                if {1, 2} <= pair.keys():
                    returns[self._text(_message(pair[1], "a name"))] = self._text(_message(pair[2], "a name"))
        return FunctionDef(name, tuple(inputs), tuple(outputs), tuple(nodes), returns)

    def _argument(self, message: wire.WireField) -> Argument:
        name = count_from = types_from = ""
        dtype = None
        for field in self._fields(message):
            if field.number == 1:
                name = self._text(_message(field, "a name"))
            elif field.number == 3:
                dtype = DType.of(field.value)
            elif field.number == 5:
                count_from = self._text(_message(field, "a name"))
            elif field.number == 6:
                types_from = self._text(_message(field, "a name"))
        return Argument(name, dtype, count_from, types_from)


def _message(field: wire.WireField, what: str) -> wire.WireField:
    """Check that a field holds bytes.

    Raises:
        ParseError: it is a number.
    """
    if field.wire_type != wire.BYTES:
        raise ParseError(f"damaged: {what} (field {field.number} at byte {field.start}) is a number")
    return field
