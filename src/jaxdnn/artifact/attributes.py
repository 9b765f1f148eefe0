"""Layers' attributes as JSON.

Null, booleans, integers, finite numbers and strings are themselves, a list is a tuple. An object with one key is
something else: ``{"float": "inf"}``, ``{"bytes": "base64"}``, ``{"mapping": {…}}``, ``{"layer": …}``, ``{"graph": …}``,
``{"array": "name", "shape": […], "type": "float32"}`` (an array of the tensors beside the JSON, repeated along axes of
size 1 to the shape) and ``{"strings": […], "shape": […], "type": "|O"}`` (an array of byte strings). What is read is
checked against the types that the layer's fields declare.
"""

from __future__ import annotations

import base64
import binascii
import math
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any, Literal, Protocol

import numpy as np

from jaxdnn.artifact.documents import Record, listed, mapped, size, table, text
from jaxdnn.artifact.tensors import STORABLE
from jaxdnn.errors import LayerError, ParseError
from jaxdnn.ir import Graph
from jaxdnn.layers.base import Layer

_INFINITE = {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}


class Writer(Protocol):
    """What writes the parts of an attribute that are more than numbers and strings."""

    def layer(self, layer: Layer) -> Any:
        """Return a layer as JSON."""

    def graph(self, graph: Graph) -> Any:
        """Return a graph as JSON."""

    def array(self, array: np.ndarray) -> str:
        """Keep an array, and return its name."""


class Reader(Protocol):
    """The counterpart of :class:`Writer`."""

    def layer(self, value: object, what: str) -> Layer:
        """Read a layer."""

    def graph(self, value: object, what: str) -> Graph:
        """Read a graph."""

    def array(self, name: str) -> np.ndarray:
        """Return the array of this name."""


def write_attribute(value: object, writer: Writer) -> Any:
    """Return an attribute as JSON.

    Raises:
        LayerError: it is of a type that has no form in JSON.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": str(value)}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, bytes):
        return {"bytes": base64.b64encode(value).decode()}
    if isinstance(value, tuple):
        return [write_attribute(element, writer) for element in value]
    if isinstance(value, Mapping):
        return {"mapping": {name: write_attribute(each, writer) for name, each in value.items()}}
    if isinstance(value, np.ndarray):
        return _write_array(value, writer)
    if isinstance(value, Layer):
        return {"layer": writer.layer(value)}
    if isinstance(value, Graph):
        return {"graph": writer.graph(value)}
    raise LayerError(f"an attribute of type {type(value).__name__} cannot be written to an artifact")


def _write_array(array: np.ndarray, writer: Writer) -> dict[str, Any]:
    shape = list(array.shape)
    if array.dtype.kind in "SO" and all(isinstance(each, bytes) for each in array.flat):
        strings = [base64.b64encode(each).decode() for each in array.flat]
        return {"strings": strings, "shape": shape, "type": array.dtype.str}
    repeated = tuple(
        slice(0, 1) if stride == 0 else slice(None)
        for stride, length in zip(array.strides, array.shape, strict=True)
    )
    held = np.asarray(array[repeated], array.dtype.newbyteorder("="), order="C")
    if array.dtype.kind == "c":
        held = np.stack([held.real, held.imag], axis=-1)
    if held.dtype not in STORABLE:
        raise LayerError(f"an array of type {array.dtype} cannot be written to an artifact")
    return {"array": writer.array(held), "shape": shape, "type": array.dtype.name}


def read_attribute(value: object, reader: Reader, what: str) -> Any:
    """Return the attribute that JSON says.

    Raises:
        ParseError: the JSON says none.
    """
    if isinstance(value, list):
        return tuple(read_attribute(each, reader, f"{what}[{i}]") for i, each in enumerate(value))
    if not isinstance(value, dict):
        return value
    kinds: dict[str, Callable[[Record], Any]] = {
        "float": lambda record: _named(_INFINITE, record.read("float", text), what),
        "bytes": lambda record: _bytes(record.read("bytes", text), what),
        "mapping": lambda record: record.read("mapping", mapped(lambda v, w: read_attribute(v, reader, w))),
        "array": lambda record: _array(record, reader, what),
        "strings": lambda record: _strings(record, what),
        "layer": lambda record: record.read("layer", reader.layer),
        "graph": lambda record: record.read("graph", reader.graph),
    }
    kind = next((kind for kind in kinds if kind in table(value, what)), None)
    if kind is None:
        raise ParseError(f"{what} is an object of none of the kinds {', '.join(kinds)}")
    record = Record(value, what)
    found = kinds[kind](record)
    record.done()
    return found


def _named(known: Mapping[str, float], name: str, what: str) -> float:
    if name not in known:
        raise ParseError(f"{what} must be one of {', '.join(known)}, got {name!r}")
    return known[name]


def _bytes(coded: str, what: str) -> bytes:
    try:
        return base64.b64decode(coded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ParseError(f"{what} is not base64: {error}") from error


def _array(record: Record, reader: Reader, what: str) -> np.ndarray:
    held = reader.array(record.read("array", text))
    shape, kind = record.read("shape", listed(size)), record.read("type", text)
    if kind in ("complex64", "complex128"):
        if held.shape[-1:] != (2,) or held.dtype.name not in ("float32", "float64"):
            raise ParseError(f"{what} is {kind}, and its array {held.dtype} of shape {held.shape}")
        held = _complex(held)
    if held.dtype.name != kind:
        raise ParseError(f"{what} is {kind}, and its array {held.dtype}")
    try:
        return np.broadcast_to(held, shape) if held.shape != shape else held
    except ValueError as error:
        raise ParseError(f"{what} of shape {shape} has an array of shape {held.shape}") from error


def _complex(pairs: np.ndarray) -> np.ndarray:
    parts = np.asarray(pairs, order="C")
    return parts.view(np.result_type(parts.dtype, np.complex64))[..., 0]


def _strings(record: Record, what: str) -> np.ndarray:
    strings = [_bytes(each, what) for each in record.read("strings", listed(text))]
    shape, kind = record.read("shape", listed(size)), record.read("type", text)
    if kind != "|O" and kind[:2] != "|S":
        raise ParseError(f"{what} holds byte strings of the unknown type {kind!r}")
    if len(strings) != math.prod(shape):
        raise ParseError(f"{what} has {len(strings)} strings for the shape {shape}")
    return np.array(strings, object if kind == "|O" else np.bytes_).reshape(shape)


def declared(layer: type[Layer]) -> dict[str, Any]:
    """Return the types of the attributes of a class of layers."""
    hints = typing.get_type_hints(layer)
    return {field.name: hints[field.name] for field in fields(layer)}


def conforms(value: object, hint: Any) -> bool:
    """Whether an attribute is of a declared type; an integer is a number."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return True
    if origin in (typing.Union, types.UnionType):
        return any(conforms(value, each) for each in arguments)
    if origin is Literal:
        return any(type(value) is type(each) and value == each for each in arguments)
    if origin is tuple:
        if not isinstance(value, tuple):
            return False
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return all(conforms(each, arguments[0]) for each in value)
        return len(value) == len(arguments) and all(map(conforms, value, arguments))
    if hint in (int, float):
        return isinstance(value, (int, hint)) and not isinstance(value, bool)
    if getattr(hint, "_is_protocol", False):
        return isinstance(value, Graph)
    return isinstance(value, hint)
