"""Graphs as JSON.

A graph is ``{"name", "inputs", "outputs", "nodes", "aliases"}``, its fields those of :class:`~jaxdnn.ir.Graph`. A layer
is ``{"type": its class, "attributes": {…}}`` with all of its attributes, so that it stays what it is where a later
version changes a default; one that is left out has its default. Arrays go to a safetensors file beside the JSON, and of
a node's origin the file's name goes without its folders.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import MISSING, fields
from functools import cache
from typing import Any

import numpy as np

from jaxdnn.artifact.attributes import Reader, Writer, conforms, declared, read_attribute, write_attribute
from jaxdnn.artifact.documents import (
    Record,
    flag,
    listed,
    mapped,
    nullable,
    number,
    read_json,
    size,
    text,
    write_json,
)
from jaxdnn.artifact.tensors import read_tensors, write_tensors
from jaxdnn.errors import LayerError, ParseError, located
from jaxdnn.ir import Graph, Node, Value, verify
from jaxdnn.layers.base import Layer
from jaxdnn.layers.custom import Custom
from jaxdnn.lowering import LOWERINGS

_DTYPES = ("bool", "bfloat16", "complex64", "complex128")
_REFUSED = (TypeError, ValueError, ArithmeticError, LookupError, AttributeError)


def write_graph(graph: Graph) -> tuple[bytes, bytes]:
    """Return a graph as JSON, and the arrays that it holds as a safetensors file.

    Raises:
        LayerError: an attribute has no form in JSON.
    """
    writer = _Writer()
    written = write_json(writer.graph(graph))
    return written, write_tensors(writer.arrays)


def read_graph(data: memoryview, arrays: memoryview) -> Graph:
    """Return the graph that :func:`write_graph` wrote.

    Raises:
        JaxdnnError: it is not written as it ought to be, or it is no legal graph.
    """
    reader = _Reader(read_tensors(arrays, "the constants"))
    try:
        return reader.graph(read_json(data, "the graph"), "the graph")
    except RecursionError as error:
        raise ParseError("the graph is nested too deeply") from error


@cache
def _types() -> dict[str, type[Layer]]:
    """Return all types of layers by name."""
    return {each.__name__: each for each in LOWERINGS} | {"Custom": Custom}


@cache
def _declared(name: str) -> dict[str, Any]:
    return declared(_types()[name])


class _Writer(Writer):
    def __init__(self) -> None:
        self.arrays: dict[str, np.ndarray] = {}

    def array(self, array: np.ndarray) -> str:
        name = str(len(self.arrays))
        self.arrays[name] = array
        return name

    def layer(self, layer: Layer) -> dict[str, Any]:
        attributes = {name: write_attribute(value, self) for name, value in layer.attributes().items()}
        return {"type": type(layer).__name__, "attributes": attributes}

    def graph(self, graph: Graph) -> dict[str, Any]:
        return {
            "name": graph.name,
            "inputs": [self._value(value) for value in graph.inputs],
            "outputs": list(graph.outputs),
            "nodes": [self._node(node) for node in graph.nodes],
            "aliases": dict(graph.aliases),
        }

    def _node(self, node: Node) -> dict[str, Any]:
        with located(layer=f"{node.name!r} ({type(node.layer).__name__})"):
            layer = self.layer(node.layer)
        return {
            "name": node.name,
            "layer": layer,
            "inputs": list(node.inputs),
            "outputs": list(node.outputs),
            "params": dict(node.params),
            "origin": os.path.basename(node.origin),
        }

    def _value(self, value: Value) -> dict[str, Any]:
        return {
            **write_value(value),
            "fallback": write_attribute(value.fallback, self),
        }


class _Reader(Reader):
    def __init__(self, arrays: Mapping[str, np.ndarray]) -> None:
        self._arrays = arrays

    def array(self, name: str) -> np.ndarray:
        if name not in self._arrays:
            raise ParseError(f"the graph names an array {name!r}, which the constants do not have")
        return self._arrays[name]

    def layer(self, value: object, what: str) -> Layer:
        record = Record(value, what)
        name, given = record.read("type", text), record.read("attributes", mapped(self._attribute))
        record.done()
        if name not in _types():
            raise ParseError(f"{what} is of the unknown type {name!r}")
        layer = _types()[name]
        hints = _declared(name)
        for key, attribute in given.items():
            if key not in hints:
                raise ParseError(f"{what} is a {name}, which has no attribute {key!r}")
            if not conforms(attribute, hints[key]):
                raise ParseError(f"attribute {key!r} of {what} is of another type than that of a {name}")
        for field in fields(layer):
            if field.name not in given and field.default is MISSING:
                raise ParseError(f"{what} is a {name} without the attribute {field.name!r}")
        try:
            return layer(**given)
        except _REFUSED as error:
            raise LayerError(f"{what} has attributes that a {name} cannot have: {error}") from error

    def graph(self, value: object, what: str) -> Graph:
        record = Record(value, what)
        graph = Graph(
            record.read("name", text),
            record.read("inputs", listed(self._value)),
            record.read("outputs", listed(text)),
            record.read("nodes", listed(self._node)),
            record.read("aliases", mapped(text)),
        )
        record.done()
        verify(graph)
        return graph

    def _attribute(self, value: object, what: str) -> Any:
        return read_attribute(value, self, what)

    def _node(self, value: object, what: str) -> Node:
        record = Record(value, what)
        name = record.read("name", text)
        node = Node(
            name,
            self.layer(record.read("layer", lambda value, _: value), f"layer {name!r}"),
            record.read("inputs", listed(text)),
            record.read("outputs", listed(text)),
            record.read("params", mapped(text)),
            record.read("origin", text),
        )
        record.done()
        return node

    def _value(self, value: object, what: str) -> Value:
        record = Record(value, what)
        fallback = record.read("fallback", self._attribute)
        if not conforms(fallback, np.ndarray | None):
            raise ParseError(f"the fallback of {what} is no array")
        return read_value(record, what, fallback)


def write_value(value: Value) -> dict[str, Any]:
    """Return an input of a graph as JSON, without its fallback."""
    return {
        "name": value.name,
        "shape": None if value.shape is None else list(value.shape),
        "dtype": value.dtype,
        "optional": value.optional,
        "default": None if value.default is None else float(value.default),
        "sequence": value.sequence,
    }


def read_value(record: Record, what: str, fallback: np.ndarray | None = None) -> Value:
    """Return the input of a graph that :func:`write_value` wrote."""
    value = Value(
        record.read("name", text),
        record.read("shape", nullable(listed(nullable(size)))),
        record.read("dtype", text),
        record.read("optional", flag),
        record.read("default", nullable(number)),
        fallback,
        record.read("sequence", flag),
    )
    record.done()
    check_dtype(value.dtype, what)
    return value


def check_dtype(name: str, what: str) -> None:
    """Check that this is the name of a type of elements."""
    try:
        known = name in _DTYPES or np.dtype(name).kind in "iuf"
    except (TypeError, ValueError):
        known = False
    if not known or (name not in _DTYPES and np.dtype(name).name != name):
        raise ParseError(f"{what} has the unknown type {name!r}")
