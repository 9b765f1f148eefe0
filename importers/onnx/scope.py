"""Importing the nodes of a graph: the model's, a branch's or a loop's."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping

import onnx

from jaxdnn.errors import GraphError, JaxdnnWarning, located
from jaxdnn.importers.onnx.attributes import Attributes
from jaxdnn.importers.onnx.builder import OnnxBuilder
from jaxdnn.importers.onnx.registry import RULES, NodeSource, Values
from jaxdnn.importers.onnx.tensors import array_of
from jaxdnn.layers.custom import Custom

STANDARD = ("", "ai.onnx")


class Scope:
    """A graph's nodes, and the values of those imported so far.

    Attributes:
        builder: what is built.
        values: names of the builder's values by ONNX's names.
        outer: the graph around this one, whose values it may read.
    """

    def __init__(
        self,
        builder: OnnxBuilder,
        graph: onnx.GraphProto,
        given: Mapping[str, str] | None = None,
        outer: Scope | None = None,
        prefix: str = "",
    ) -> None:
        self.builder = builder
        self.graph = graph
        self.values: dict[str, str] = dict(given or {})
        self.outer = outer
        self.prefix = prefix
        self._initializers = {tensor.name: tensor for tensor in graph.initializer}
        self._producers: dict[str, onnx.NodeProto] = {}
        for node in graph.node:
            for name in filter(None, node.output):
                if name in self._producers:
                    raise GraphError(f"two nodes yield {name!r}")
                self._producers[name] = node

    def compute(self, names: Iterable[str]) -> Values:
        """Import what these values need, and return them."""
        names = tuple(names)
        for node in self._needed(names):
            with located(layer=place(node)):
                self._import(node)
        return tuple(self.read(name) for name in names)

    def read(self, name: str) -> str:
        """Return the builder's value of this name; ``""`` is the one that is left out.

        Raises:
            GraphError: no node yields it.
        """
        if not name or name in self.values:
            return self.values.get(name, "")
        if name in self._initializers:
            source = NodeSource(self.prefix + name, "initializer", 0, Attributes({}), (name,))
            self.values[name] = self.builder.const(source, array_of(self._initializers[name]))
            return self.values[name]
        if self.outer is None:
            raise GraphError(f"reads {name!r}, which no node yields")
        return self.outer.read(name)

    def _needed(self, wanted: Iterable[str]) -> list[onnx.NodeProto]:
        """Return the nodes that these values need, in the order of the file."""
        pending = list(wanted)
        seen: set[str] = set(self.values)
        alive: set[int] = set()
        while pending:
            name = pending.pop()
            if name in seen:
                continue
            seen.add(name)
            node = self._producers.get(name)
            if node is not None and id(node) not in alive:
                alive.add(id(node))
                pending += [*node.input, *captured(node)]
        return [node for node in self.graph.node if id(node) in alive]

    def _import(self, proto: onnx.NodeProto) -> None:
        b = self.builder
        b.origin = b.path
        domain = "" if proto.domain in STANDARD else proto.domain
        inputs = tuple([self.read(name) for name in proto.input])
        name = self.prefix + (proto.name or next(filter(None, proto.output), proto.op_type))
        attributes = Attributes.of(proto.attribute)
        outputs = tuple(proto.output)
        source = NodeSource(name, proto.op_type, b.versions.get(domain, 0), attributes, outputs)
        rule = RULES.get((domain, proto.op_type))
        if rule is None or proto.op_type in b.custom:
            layer = Custom(type=proto.op_type, fields=attributes.plain(), optional=(), open_outputs=True)
            results = b.emit(source, layer, tuple(filter(None, inputs)), outputs=len(outputs))
        else:
            results = rule.function(b, source, rule.filled(inputs))
            for unread in attributes.unread():
                warnings.warn(
                    f"{name!r} ({proto.op_type}): attribute {unread!r} is not known and was ignored",
                    JaxdnnWarning,
                    stacklevel=2,
                )
        self.values |= {output: value for output, value in zip(outputs, results, strict=False) if output}


def captured(node: onnx.NodeProto) -> Iterator[str]:
    """Yield the names that the graphs inside of a node read; some may be their own."""
    for attribute in node.attribute:
        for graph in (attribute.g, *attribute.graphs):
            for inner in graph.node:
                yield from inner.input
                yield from captured(inner)
            yield from (output.name for output in graph.output)


def place(node: onnx.NodeProto) -> str:
    """Return how messages call a node."""
    return f"{node.name or next(iter(node.output), '')!r} ({node.op_type})"
