"""What rules write into: a graph under construction that knows constants, weights and late attributes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from jaxdnn.importers.builder import Builder
from jaxdnn.importers.tensorflow.graphdef import FunctionDef
from jaxdnn.importers.tensorflow.registry import NodeSource
from jaxdnn.ir import Model, Source
from jaxdnn.layers.base import Layer
from jaxdnn.layers.constant import Const
from jaxdnn.layers.late import Late, with_attributes


class TensorFlowBuilder(Builder):
    """A builder that knows TensorFlow's constants.

    Attributes:
        functions: the graph's library, by name.
        calls: the functions whose bodies are being imported, outermost first.
        producer: version of the TensorFlow that wrote the graph.
    """

    def __init__(self, functions: Mapping[str, FunctionDef], producer: int) -> None:
        super().__init__()
        self.functions = functions
        self.calls: tuple[str, ...] = ()
        self.producer = producer
        self._constants: dict[str, np.ndarray] = {}
        self._owners: dict[str, str] = {}
        self._layouts: dict[tuple[str, str], str] = {}

    def emit(
        self,
        node: NodeSource,
        layer: Layer,
        inputs: tuple[str, ...],
        params: Mapping[str, str] | None = None,
        *,
        outputs: int = 1,
        part: str = "",
    ) -> tuple[str, ...]:
        """Add a node for a TensorFlow node and return its values' names.

        Args:
            node: the TensorFlow node.
            layer: what is computed.
            inputs: value names.
            params: parameter references by slot.
            outputs: how many values there are.
            part: what this step is called if it is not the whole of the TensorFlow node.
        """
        name = f"{node.name}@{part}" if part else node.name
        return self.add(layer, inputs, name=name, outputs=outputs, params=params)

    def late(
        self,
        node: NodeSource,
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

    def const(self, node: NodeSource, array: np.ndarray, *, part: str = "", like: str = "") -> str:
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
        owner = self._owners[value]
        if self._layouts.setdefault((owner, slot), layout) != layout:
            owner = f"{owner}@{layout}"
        return self.param(owner, slot, convert(array) if convert else array)

    def finish(
        self, name: str, outputs: tuple[str, ...], aliases: Mapping[str, str], source: Source
    ) -> Model:
        """Return the model without the nodes that no output needs (constants that became parameters)."""
        model = self.model(name, outputs, source)
        alive = {aliases.get(output, output) for output in outputs}
        nodes = []
        for node in reversed(model.graph.nodes):
            if not alive.isdisjoint(node.outputs):
                alive.update(node.inputs)
                nodes.append(node)
        values = alive.union(*(node.outputs for node in nodes), (value.name for value in model.graph.inputs))
        known = {alias: value for alias, value in aliases.items() if value in values}
        graph = replace(model.graph, nodes=tuple(reversed(nodes)), aliases=known)
        return replace(model, graph=graph, open_shapes=True)
