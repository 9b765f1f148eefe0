"""Changing the graphs that lie in branches and loops."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from jaxdnn.ir import Graph, Model, Node, Source
from jaxdnn.layers.control import Control


def change_graphs(node: Node, change: Callable[[Model], Model]) -> Node:
    """Return a node whose layer's graphs are changed; the same object if none of them is.

    A layer knows the inputs and outputs of its graphs by number, so that a change may rename outputs but has to
    keep how many there are, and the parameters that nodes refer to.

    Args:
        node: any node; only :class:`~jaxdnn.layers.control.Control` layers hold graphs.
        change: gets each graph in a model without params.
    """
    if not isinstance(node.layer, Control):
        return node
    before = node.layer.attributes()
    after = {name: _changed(value, change) for name, value in before.items()}
    changed = {name: value for name, value in after.items() if value is not before[name]}
    return replace(node, layer=replace(node.layer, **changed)) if changed else node


def _changed(value: Any, change: Callable[[Model], Model]) -> Any:
    if isinstance(value, Graph):
        graph = change(Model(value, {}, Source("nested"))).graph
        # Outputs of these graphs are values, never aliases.
        return value if graph is value else replace(graph, outputs=tuple(map(graph.resolve, graph.outputs)))
    if isinstance(value, tuple):
        parts = tuple(_changed(part, change) for part in value)
        return value if all(new is old for new, old in zip(parts, value, strict=True)) else parts
    return value
