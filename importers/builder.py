"""What all importers write into: a graph under construction."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from jaxdnn.errors import GraphError
from jaxdnn.ir import Graph, Initializer, Model, Node, Source, Value
from jaxdnn.layers.base import Layer


class Builder:
    """Collects inputs, nodes, parameters and initializers, and gives unique names.

    Attributes:
        origin: the ``file:line`` that nodes added from now on come from.
    """

    def __init__(self) -> None:
        self.origin = ""
        self._inputs: list[Value] = []
        self._nodes: list[Node] = []
        self._node_names: set[str] = set()
        self._value_names: set[str] = set()
        self._params: dict[str, dict[str, np.ndarray]] = {}
        self._initializers: dict[str, Initializer] = {}

    @property
    def nodes(self) -> list[Node]:
        """The nodes so far."""
        return self._nodes

    def input(
        self,
        name: str,
        shape: tuple[int | None, ...] | None,
        dtype: str = "float32",
        default: float | None = None,
        fallback: np.ndarray | None = None,
        sequence: bool = False,
    ) -> str:
        """Add an input of the graph, see :class:`~jaxdnn.ir.Value`, and return its value name."""
        if name in self._value_names:
            raise GraphError(f"input {name!r} is declared twice")
        self._value_names.add(name)
        optional = default is not None or fallback is not None
        self._inputs.append(Value(name, shape, dtype, optional, default, fallback, sequence))
        return name

    def add(
        self,
        layer: Layer,
        inputs: tuple[str, ...],
        *,
        name: str,
        outputs: tuple[str, ...] | int = 1,
        params: Mapping[str, str] | None = None,
    ) -> tuple[str, ...]:
        """Add a node and return the names of its values.

        Args:
            layer: what it computes.
            inputs: value names.
            name: wanted node name; a number is appended where it is taken.
            outputs: the names of its values, or how many it has; a number is appended where one is taken.
            params: the ``"owner/slot"`` of each slot.
        """
        name = _unused(name, self._node_names)
        if isinstance(outputs, int):
            outputs = (name, *[f"{name}:{i}" for i in range(1, outputs)])[:outputs]
        outputs = tuple([_unused(output, self._value_names) for output in outputs])
        self._nodes.append(Node(name, layer, inputs, outputs, dict(params or {}), self.origin))
        return outputs

    def unused_value(self, name: str) -> str:
        """Return a name for a value of no node, which no other value gets; a number is appended if it is taken."""
        return _unused(name, self._value_names)

    def param(
        self, owner: str, slot: str, array: np.ndarray | None = None, initializer: Initializer | None = None
    ) -> str:
        """Record a parameter's stored value and what fills it otherwise; return its reference.

        A later stored value replaces an earlier one; the first initializer stays.
        """
        reference = f"{owner}/{slot}"
        if array is not None:
            self._params.setdefault(owner, {})[slot] = array
        if initializer is not None:
            self._initializers.setdefault(reference, initializer)
        return reference

    def model(self, name: str, outputs: tuple[str, ...], source: Source) -> Model:
        """Return what was built."""
        graph = Graph(name, tuple(self._inputs), outputs, tuple(self._nodes))
        return Model(graph, self._params, source, self._initializers)


def _unused(name: str, taken: set[str]) -> str:
    unique, count = name, 0
    while unique in taken:
        count += 1
        unique = f"{name}_{count}"
    taken.add(unique)
    return unique
