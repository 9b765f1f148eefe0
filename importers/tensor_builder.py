"""What importers write into whose formats pass tensors for everything: weights, axes, shapes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from jaxdnn.errors import GraphError
from jaxdnn.importers.builder import Builder
from jaxdnn.ir import Graph, Model, Node, Source, Value, split_reference
from jaxdnn.layers.base import Layer, Shape
from jaxdnn.layers.constant import Const
from jaxdnn.layers.control import Control
from jaxdnn.layers.late import Late, with_attributes

MAX_DEPTH = 12
"""How deep branches and loops may lie in each other: while a program is traced each level takes many calls."""

Make = Callable[[tuple[Graph, ...], tuple[tuple[str, Shape], ...]], Control]


class Named(Protocol):
    """A node of a file."""

    @property
    def name(self) -> str:
        """Unique in the graph under construction."""


@dataclass(frozen=True)
class Part:
    """A graph that a layer computes, before it is known what else that layer is fed.

    Attributes:
        name: what it is called.
        arguments: names of the inputs that the layer gives it.
        results: names of its outputs; one may occur twice, or be an argument or a value from around it.
        nodes: in order.
    """

    name: str
    arguments: tuple[str, ...]
    results: tuple[str, ...]
    nodes: tuple[Node, ...]

    @property
    def captured(self) -> tuple[str, ...]:
        """The values from around it that it reads."""
        own = {*self.arguments, *(value for node in self.nodes for value in node.outputs)}
        read = (*(value for node in self.nodes for value in node.inputs), *self.results)
        return tuple(dict.fromkeys(value for value in read if value not in own))

    @property
    def params(self) -> tuple[str, ...]:
        """References of the parameters of its nodes."""
        return tuple(dict.fromkeys(reference for node in self.nodes for reference in node.params.values()))

    def graph(self, captured: tuple[str, ...]) -> Graph:
        """Return the graph, which is fed its arguments and then these values."""
        inputs = tuple(map(Value, (*self.arguments, *captured)))
        return Graph(self.name, inputs, self.results, self.nodes)


class TensorBuilder(Builder):
    """A builder that knows constants, weights, late attributes and graphs inside layers."""

    def __init__(self) -> None:
        super().__init__()
        self._depth = 0
        self._constants: dict[str, np.ndarray] = {}
        self._owners: dict[str, str] = {}
        self._layouts: dict[tuple[str, str], str] = {}

    def emit(
        self,
        node: Named,
        layer: Layer,
        inputs: tuple[str, ...],
        params: Mapping[str, str] | None = None,
        *,
        outputs: int = 1,
        part: str = "",
    ) -> tuple[str, ...]:
        """Add a node for a node of the file and return its values' names.

        Args:
            node: the node of the file.
            layer: what is computed.
            inputs: value names.
            params: parameter references by slot.
            outputs: how many values there are.
            part: what this step is called if it is not the whole of that node.
        """
        name = f"{node.name}@{part}" if part else node.name
        return self.add(layer, inputs, name=name, outputs=outputs, params=params)

    def late(
        self,
        node: Named,
        layer: Layer,
        inputs: tuple[str, ...],
        params: Mapping[str, str] | None = None,
        *,
        outputs: int = 1,
        part: str = "",
        **attributes: str,
    ) -> tuple[str, ...]:
        """Add a node some of whose layer's attributes are values.

        Args:
            node, inputs, params, outputs, part: see :meth:`emit`.
            layer: with any value of the right kind for those attributes.
            attributes: the value that each of them is taken from.
        """
        arrays = {name: self.constant(value) for name, value in attributes.items()}
        unknown = {name: value for name, value in attributes.items() if arrays[name] is None}
        layer = with_attributes(layer, {name: array for name, array in arrays.items() if array is not None})
        if unknown:
            layer = Late(layer=layer, names=tuple(unknown))
        return self.emit(node, layer, (*inputs, *unknown.values()), params, outputs=outputs, part=part)

    def const(self, node: Named, array: np.ndarray, *, part: str = "", like: str = "") -> str:
        """Add a constant.

        Args:
            node, part: see :meth:`emit`.
            array: its value.
            like: the constant that it was computed from, if any, whose name its parameters get.
        """
        (value,) = self.emit(node, Const(value=array), (), part=part)
        self._constants[value] = array
        self._owners[value] = self._owners.get(like, like) or node.name
        return value

    def constant(self, value: str) -> np.ndarray | None:
        """Return the array of a value that the file fixes, None of a computed one."""
        return self._constants.get(value)

    def learned(
        self,
        value: str,
        slot: str,
        convert: Callable[[np.ndarray], np.ndarray] | None = None,
        layout: str = "",
    ) -> str | None:
        """Make a parameter of a floating constant and return its reference; None if it is not one.

        Args:
            value: the constant.
            slot: what it is to its layer.
            convert: brings the array into the order that the layer wants.
            layout: a name for that order: a constant that is used in two orders becomes two parameters.
        """
        array = self._constants.get(value)
        if array is None or array.dtype.kind != "f":
            return None
        owner = self.owner(value, slot)
        if self._layouts.setdefault((owner, slot), layout) != layout:
            owner = f"{owner}@{layout}"
        return self.param(owner, slot, convert(array) if convert else array)

    def owner(self, value: str, slot: str) -> str:
        """Return whose parameter of that slot a constant becomes: its node's."""
        del slot
        return self._owners[value]

    def part(self, name: str, count: int, fill: Callable[[tuple[str, ...]], tuple[str, ...]]) -> Part:
        """Build a graph that a layer computes.

        Args:
            name: what it is called.
            count: how many arguments it takes.
            fill: adds its nodes, which may read values from around it, and returns its results.

        Raises:
            GraphError: it lies deeper than :data:`MAX_DEPTH` in others.
        """
        if self._depth == MAX_DEPTH:
            raise GraphError(f"branches and loops lie more than {MAX_DEPTH} deep in each other")
        arguments = tuple(self.unused_value(f"{name}@{index}") for index in range(count))
        around, self._nodes = self._nodes, []
        self._depth += 1
        try:
            results = fill(arguments)
            nodes = tuple(_alive(self._nodes, results))
        finally:
            self._nodes = around
            self._depth -= 1
        return Part(name, arguments, results, nodes)

    def stored_shape(self, reference: str) -> tuple[int, ...]:
        """Return the shape of a parameter."""
        owner, slot = split_reference(reference)
        return self._params[owner][slot].shape

    def control(
        self, node: Named, make: Make, inputs: tuple[str, ...], parts: tuple[Part, ...]
    ) -> tuple[str, ...]:
        """Add a node that computes graphs, which may read values from around it.

        Args:
            node: see :meth:`emit`.
            make: of the graphs and the shapes of their parameters, the layer.
            inputs: what the layer itself takes.
            parts: the graphs.
        """
        captured = tuple(dict.fromkeys(value for part in parts for value in part.captured))
        references = dict.fromkeys(reference for part in parts for reference in part.params)
        weights = tuple((reference, self.stored_shape(reference)) for reference in references)
        layer = make(tuple(part.graph(captured) for part in parts), weights)
        params = {reference: reference for reference in references}
        return self.emit(node, layer, (*inputs, *captured), params, outputs=len(parts[-1].results))

    def finish(
        self, name: str, outputs: tuple[str, ...], aliases: Mapping[str, str], source: Source
    ) -> Model:
        """Return the model without the nodes that no output needs (constants that became parameters)."""
        model = self.model(name, outputs, source)
        nodes = _alive(model.graph.nodes, [aliases.get(output, output) for output in outputs])
        values = {value for node in nodes for value in (*node.inputs, *node.outputs)}
        values.update(value.name for value in model.graph.inputs)
        known = {alias: value for alias, value in aliases.items() if value in values}
        graph = replace(model.graph, nodes=tuple(nodes), aliases=known)
        return replace(model, graph=graph, open_shapes=True)


def _alive(nodes: Iterable[Node], results: Iterable[str]) -> list[Node]:
    """Return the nodes that the results need."""
    alive = set(results)
    kept = []
    for node in reversed(tuple(nodes)):
        if not alive.isdisjoint(node.outputs):
            alive.update(node.inputs)
            kept.append(node)
    return kept[::-1]
