"""Nodes that belong together, and what they read and need: a model's, a branch's, a loop's or a function's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import onnx

from jaxdnn.errors import GraphError
from jaxdnn.importers.order import in_order

STANDARD = ("", "ai.onnx")
"""The names of the standard's own domain."""

Stored = onnx.TensorProto | onnx.SparseTensorProto


@dataclass(frozen=True)
class Body:
    """A graph or a function.

    Attributes:
        nodes: in any order.
        inputs, outputs: names of values.
        stored: the arrays that it holds, by name.
    """

    nodes: tuple[onnx.NodeProto, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    stored: Mapping[str, Stored] = field(default_factory=dict)

    @classmethod
    def of(cls, graph: onnx.GraphProto) -> Body:
        """Take a graph's; what the graph says of types is left there."""
        stored: dict[str, Stored] = {}
        tensors: list[tuple[str, Stored]] = [(tensor.name, tensor) for tensor in graph.initializer]
        tensors += [(tensor.values.name, tensor) for tensor in graph.sparse_initializer]
        for name, tensor in tensors:
            if name in stored:
                raise GraphError(f"two initializers are called {name!r}")
            stored[name] = tensor
        inputs, outputs = (tuple(value.name for value in values) for values in (graph.input, graph.output))
        return cls(tuple(graph.node), inputs, outputs, stored)

    @cached_property
    def producers(self) -> dict[str, onnx.NodeProto]:
        """The node that yields each value."""
        producers: dict[str, onnx.NodeProto] = {}
        for node in self.nodes:
            for name in filter(None, node.output):
                if name in producers:
                    raise GraphError(f"two nodes yield {name!r}")
                if name in self.stored or name in self.inputs:
                    what = "an initializer" if name in self.stored else "an input"
                    raise GraphError(f"{name!r} is {what}, and a node yields it")
                producers[name] = node
        return producers

    def needed(self, wanted: Iterable[str], known: Iterable[str] = ()) -> list[onnx.NodeProto]:
        """Return the nodes that these values need where others are known, each after those that it reads.

        Nodes that are in order in the file keep that order.

        Raises:
            GraphError: nodes read each other in a circle.
        """
        return self._needed(wanted, known)[0]

    @property
    def captured(self) -> list[str]:
        """The values from around it that its outputs need."""
        known = {*self.inputs, *self.stored, *self.producers}
        read = (*self._needed(self.outputs, self.inputs)[1], *self.outputs)
        return [name for name in dict.fromkeys(read) if name and name not in known]

    def _needed(
        self, wanted: Iterable[str], known: Iterable[str]
    ) -> tuple[list[onnx.NodeProto], tuple[str, ...]]:
        """Return the needed nodes and all that they read. Graphs inside of them are looked at once."""
        known = set(known)
        first = {
            name: next(filter(None, node.output))
            for name, node in self.producers.items()
            if name not in known
        }
        read: dict[str, list[str]] = {}

        def own(names: Iterable[str]) -> list[str]:
            return [first[name] for name in names if name in first]

        def sources(name: str) -> list[str]:
            if name not in read:
                read[name] = read_by(self.producers[name])
            return own(read[name])

        ordered = in_order(own(wanted), sources)
        places = {first.get(name, ""): index for index, name in enumerate(self.producers)}
        if all(places[source] < places[name] for name in ordered for source in sources(name)):
            ordered.sort(key=places.__getitem__)
        return [self.producers[name] for name in ordered], tuple(n for names in read.values() for n in names)


def read_by(node: onnx.NodeProto) -> list[str]:
    """Return the values that a node reads, and those that the graphs inside of it read from around it."""
    return [*filter(None, node.input), *(name for body in bodies_of(node) for name in body.captured)]


def bodies_of(node: onnx.NodeProto) -> list[Body]:
    """Return the graphs inside of a node."""
    return [
        Body.of(graph)
        for attribute in node.attribute
        for graph in (*([attribute.g] if attribute.HasField("g") else ()), *attribute.graphs)
    ]


def domain_of(proto: onnx.NodeProto | onnx.FunctionProto | onnx.OperatorSetIdProto) -> str:
    """Return the domain that something belongs to, ``""`` for the standard's own."""
    return "" if proto.domain in STANDARD else proto.domain


def place(node: onnx.NodeProto) -> str:
    """Return how messages call a node."""
    return f"{node.name or next(iter(node.output), '')!r} ({node.op_type})"
