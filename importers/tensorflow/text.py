"""The text encoding of a GraphDef (.pbtxt), checked against the message types' fields."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from jaxdnn.errors import JaxdnnError, ParseError, located
from jaxdnn.importers import textproto
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
from jaxdnn.importers.tensorflow.scalars import boolean, integer, number
from jaxdnn.importers.tensorflow.tensors import (
    NAMES,
    STRING_VAL,
    DType,
    Tensor,
)
from jaxdnn.importers.textproto import Message, Scalar

_FIELDS: dict[str, tuple[str, ...]] = {
    "GraphDef": ("node", "versions", "version", "library", "debug_info"),
    "VersionDef": ("producer", "min_consumer", "bad_consumers"),
    "FunctionDefLibrary": ("function", "gradient", "registered_gradients"),
    "FunctionDef": (
        *("signature", "attr", "arg_attr", "resource_arg_unique_id", "node_def", "ret", "control_ret"),
    ),
    "OpDef": (
        *("name", "input_arg", "output_arg", "control_output", "attr", "summary", "description"),
        *("is_stateful", "is_commutative", "is_aggregate", "allows_uninitialized_input", "deprecation"),
        "is_distributed_communication",
    ),
    "ArgDef": (
        *("name", "description", "type", "type_attr", "number_attr", "type_list_attr", "handle_data"),
        *("is_ref", "experimental_full_type"),
    ),
    "NodeDef": (*("name", "op", "input", "device", "attr", "experimental_debug_info", "experimental_type"),),
    "AttrValue": ("list", "s", "i", "f", "b", "type", "shape", "tensor", "placeholder", "func"),
    "ListValue": ("s", "i", "f", "b", "type", "shape", "tensor", "func"),
    "NameAttrList": ("name", "attr"),
    "TensorShapeProto": ("dim", "unknown_rank"),
    "Dim": ("size", "name"),
    "Entry": ("key", "value"),
}
VALUES = {
    "float_val": (5, float),
    "double_val": (6, float),
    "int_val": (7, int),
    "string_val": (8, bytes),
    "scomplex_val": (9, float),
    "int64_val": (10, int),
    "bool_val": (11, bool),
    "dcomplex_val": (12, float),
    "half_val": (13, int),
    "uint32_val": (16, int),
    "uint64_val": (17, int),
}
"""What a TensorProto's elements are stored in: the field's name, its number and Python's type."""

_FIELDS["TensorProto"] = ("dtype", "tensor_shape", "version_number", "tensor_content", *VALUES)


def read_text(text: str) -> GraphDef:
    """Read a GraphDef.

    Raises:
        ParseError: the syntax is broken, or a field is unknown or of a wrong type; it carries the line.
    """
    try:
        return _graph(textproto.parse(text, shared={"attr"}))
    except ParseError:
        return _graph(textproto.parse(text))  # in which each attribute knows its own line


def _graph(message: Message) -> GraphDef:
    _checked(message, "GraphDef")
    known: _Known = {}
    nodes = tuple(_node(node, 1, known) for node in _messages(message, "node"))
    functions = [
        _function(function, known)
        for library in _messages(message, "library")
        for function in _messages(_checked(library, "FunctionDefLibrary"), "function")
    ]
    producer = 0
    for versions in _messages(message, "versions"):
        producer = integer(_last(_checked(versions, "VersionDef"), "producer"), producer)
    return GraphDef(nodes, {function.name: function for function in functions}, producer)


def _checked(message: Message, kind: str) -> Message:
    known = _FIELDS[kind]
    for name, value in message.fields:
        if name not in known:
            raise value.error(f"{kind} has no field {name!r}")
    return message


def _messages(message: Message, name: str) -> list[Message]:
    found = []
    for field, value in message.fields:
        if field == name:
            if isinstance(value, Scalar):
                raise value.error(f"{name} must be a message")
            found.append(value)
    return found


def _scalars(message: Message, name: str) -> list[Scalar]:
    found = []
    for field, value in message.fields:
        if field == name:
            if isinstance(value, Message):
                raise value.error(f"{name} must be a value, not a message")
            found.append(value)
    return found


def _last(message: Message, name: str) -> Scalar | None:
    found = _scalars(message, name)
    return found[-1] if found else None


def _string(message: Message, name: str) -> str:
    value = _last(message, name)
    if value is None:
        return ""
    if not value.quoted:
        raise value.error(f"{name} must be a string, got {value.text}")
    return value.text


def _type(value: Scalar) -> DType:
    if value.text.startswith("DT_") and not value.quoted:
        name = value.text.removeprefix("DT_").removesuffix("_REF")
        if name == "INVALID":
            return DType(0)
        if name not in NAMES:
            raise value.error(f"there is no type {value.text}")
        return DType(NAMES[name])
    return DType.of(integer(value))


_Known = dict[int, dict[str, Attribute]]
"""Attributes by the identity of the message that states them: most of a graph's are the same few."""

_READERS: dict[str, Callable[[Scalar], Attribute]] = {
    "i": integer,
    "f": number,
    "b": boolean,
    "type": _type,
}


def _node(message: Message, depth: int, known: _Known) -> NodeDef:
    line = message.line
    name = op = ""
    try:
        _checked(message, "NodeDef")
        name, op = _string(message, "name"), _string(message, "op")
        inputs = tuple([value.text for value in _scalars(message, "input")])
        return NodeDef(name, op, inputs, _attributes(message, depth, known), line)
    except JaxdnnError:
        with located(line=line, layer=f"{name!r} ({op or 'no op'})" if name or op else None):
            raise


def _attributes(message: Message, depth: int, known: _Known) -> dict[str, Attribute]:
    attributes: dict[str, Attribute] = {}
    for entry in _messages(message, "attr"):
        if id(entry) not in known:
            known[id(entry)] = _entry(entry, depth)
        attributes |= known[id(entry)]
    return attributes


def _entry(message: Message, depth: int) -> dict[str, Attribute]:
    _checked(message, "Entry")
    found = {}
    for value in _messages(message, "value"):
        attribute = _attribute(value, depth + 1)
        if attribute is not None:
            found[_string(message, "key")] = attribute
    return found


def _attribute(message: Message, depth: int) -> Attribute | None:
    require_shallow(depth, message.line)
    _checked(message, "AttrValue")
    lists = _messages(message, "list")
    if lists:
        return _elements(_checked(lists[-1], "ListValue"), depth + 1)
    elements = _elements(message, depth)
    return elements[-1] if elements else None


def _elements(message: Message, depth: int) -> list[Attribute]:
    elements: list[Attribute] = []
    for name, value in message.fields:
        if isinstance(value, Scalar) != (name in ("s", "i", "f", "b", "type", "placeholder")):
            raise value.error(f"{name} has a value of the wrong kind")
        if isinstance(value, Scalar):
            if name in ("s", "placeholder"):
                if not value.quoted:
                    raise value.error(f"a string expected, got {value.text}")
                elements.append(value.data)
            else:
                elements.append(_READERS[name](value))
        elif name == "shape":
            elements.append(TensorShape(_shape(value)))
        elif name == "tensor":
            elements.append(_tensor(value))
        elif name == "func":
            _checked(value, "NameAttrList")
            elements.append(FunctionName(_string(value, "name"), _attributes(value, depth + 1, {})))
    return elements


def _shape(message: Message) -> tuple[int | None, ...] | None:
    _checked(message, "TensorShapeProto")
    sizes = [integer(_last(_checked(dim, "Dim"), "size")) for dim in _messages(message, "dim")]
    unknown = _last(message, "unknown_rank")
    if unknown and boolean(unknown) and not sizes:
        return None
    return tuple(None if size == -1 else size for size in sizes)


def _tensor(message: Message) -> Tensor:
    _checked(message, "TensorProto")
    dtype = _last(message, "dtype")
    shape: tuple[int | None, ...] | None = ()
    for stated in _messages(message, "tensor_shape"):
        shape = _shape(stated)
    content = _last(message, "tensor_content")
    values = {}
    for name, (field, kind) in VALUES.items():
        stored = _scalars(message, name)
        if not stored:
            continue
        if field == STRING_VAL:
            values[field] = np.array([value.data for value in stored], object)
        elif kind is int:
            numbers = [integer(value) for value in stored]
            values[field] = np.array(numbers, np.uint64 if name.startswith("uint") else np.int64)
        else:
            reader = boolean if kind is bool else number
            values[field] = np.array([reader(value) for value in stored])
    sizes = None if shape is None else tuple(-1 if size is None else size for size in shape)
    return Tensor(
        _type(dtype) if dtype else DType(0), sizes, content.data if content is not None else b"", values
    )


def _function(message: Message, known: _Known) -> FunctionDef:
    _checked(message, "FunctionDef")
    name = ""
    arguments: dict[str, tuple[Argument, ...]] = {"input_arg": (), "output_arg": ()}
    for signature in _messages(message, "signature"):
        _checked(signature, "OpDef")
        name = _string(signature, "name")
        arguments = {
            kind: tuple(_argument(argument) for argument in _messages(signature, kind)) for kind in arguments
        }
    nodes = tuple(_node(node, 2, known) for node in _messages(message, "node_def"))
    entries = [_checked(entry, "Entry") for entry in _messages(message, "ret")]
    returns = {_string(entry, "key"): _string(entry, "value") for entry in entries}
    return FunctionDef(name, arguments["input_arg"], arguments["output_arg"], nodes, returns)


def _argument(message: Message) -> Argument:
    _checked(message, "ArgDef")
    dtype = _last(message, "type")
    return Argument(
        _string(message, "name"),
        _type(dtype) if dtype else None,
        _string(message, "number_attr"),
        _string(message, "type_list_attr"),
    )
