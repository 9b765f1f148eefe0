"""The text encoding of a GraphDef (.pbtxt), written: what :mod:`~jaxdnn.importers.tensorflow.text` reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from jaxdnn.importers.tensorflow.graphdef import Attribute, FunctionName, GraphDef, NodeDef, TensorShape
from jaxdnn.importers.tensorflow.tensors import DCOMPLEX_VAL, DOUBLE_VAL, NAMES, DType, Tensor
from jaxdnn.importers.tensorflow.text import VALUES

_FIELD_NAMES = {number: name for name, (number, _) in VALUES.items()}
_DOUBLES = (DOUBLE_VAL, DCOMPLEX_VAL)
_INDENT = "  "


def write_text(graph: GraphDef) -> str:
    """Return the nodes and the producer's version as text; reading it gives them back.

    Attributes are sorted by name. Single-precision numbers have the fewest digits that read back as the same number.
    The library's functions are not written: no node of a text graph calls one.
    """
    lines = [line for node in graph.nodes for line in _message("node", _node(node))]
    if graph.producer:
        lines += _message("versions", [f"producer: {graph.producer}"])
    return "".join(f"{line}\n" for line in lines)


def _message(name: str, lines: Iterable[str]) -> Iterator[str]:
    yield f"{name} {{"
    for line in lines:
        yield _INDENT + line
    yield "}"


def _node(node: NodeDef) -> Iterator[str]:
    yield f"name: {_quoted(node.name)}"
    yield f"op: {_quoted(node.op)}"
    for source in node.inputs:
        yield f"input: {_quoted(source)}"
    yield from _attributes(node.attributes)


def _attributes(attributes: Mapping[str, Attribute]) -> Iterator[str]:
    for key in sorted(attributes):
        entry = [f"key: {_quoted(key)}", *_message("value", _value(attributes[key]))]
        yield from _message("attr", entry)


def _value(value: Attribute) -> Iterator[str]:
    if isinstance(value, list):
        yield from _message("list", (line for item in value for line in _value(item)))
    elif isinstance(value, bool):
        yield f"b: {_word(value)}"
    elif isinstance(value, int):
        yield f"i: {value}"
    elif isinstance(value, float):
        yield f"f: {np.float32(value)!s}"
    elif isinstance(value, bytes):
        yield f"s: {_quoted(value)}"
    elif isinstance(value, DType):
        yield f"type: {_type(value)}"
    elif isinstance(value, TensorShape):
        yield from _message("shape", _shape(value.sizes))
    elif isinstance(value, Tensor):
        yield from _message("tensor", _tensor(value))
    elif isinstance(value, FunctionName):
        yield from _message("func", (f"name: {_quoted(value.name)}", *_attributes(value.attributes)))


def _shape(sizes: tuple[int | None, ...] | None) -> Iterator[str]:
    if sizes is None:
        yield "unknown_rank: true"
        return
    for size in sizes:
        yield from _message("dim", [f"size: {-1 if size is None else size}"])


def _tensor(tensor: Tensor) -> Iterator[str]:
    yield f"dtype: {_type(tensor.dtype)}"
    yield from _message("tensor_shape", _shape(tensor.shape))
    if len(tensor.content):
        yield f"tensor_content: {_quoted(bytes(tensor.content))}"
    for number, stored in sorted((tensor.values or {}).items()):
        for element in stored:
            yield f"{_FIELD_NAMES[number]}: {_element(number, element)}"


def _element(number: int, element: np.generic | bytes) -> str:
    if isinstance(element, bytes):
        return _quoted(element)
    _, kind = VALUES[_FIELD_NAMES[number]]
    if kind is bool:
        return _word(bool(element))
    if kind is int:
        return str(int(element))
    return str(element.astype(np.float64 if number in _DOUBLES else np.float32))


def _type(dtype: DType) -> str:
    if dtype.name in NAMES:
        return f"DT_{dtype.name}"
    return str(dtype.number) if dtype.number else "DT_INVALID"


def _word(value: bool) -> str:
    return "true" if value else "false"


def _quoted(value: str | bytes) -> str:
    """Return a string with octal escapes for whatever is not printable ASCII."""
    data = value.encode() if isinstance(value, str) else value
    return '"' + "".join(map(_character, data)) + '"'


def _character(byte: int) -> str:
    if byte in b'"\\':
        return f"\\{chr(byte)}"
    return chr(byte) if 0x20 <= byte < 0x7F else f"\\{byte:03o}"
