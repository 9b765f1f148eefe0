"""Compute beforehand what is the same in every call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from jaxdnn.errors import located
from jaxdnn.ir import Graph, Model, Node
from jaxdnn.layers.constant import Const, held_bytes
from jaxdnn.layers.late import Late, with_attributes
from jaxdnn.passes.prune import prune
from jaxdnn.passes.rewrite import fresh

Constants = Callable[[Model], Mapping[str, np.ndarray]]
"""Finds the values of a model that are the same in every call: constants, and what follows from them or shapes."""

LARGEST = 1 << 22
"""Bytes of the largest constant that folding makes, if what it is computed from is smaller."""


def fold_constants(model: Model, constants: Constants) -> Model:
    """Replace values that are the same in every call by constants, and remove what computed them.

    Prior boxes and arithmetic on shapes are such values. Parameters are not: they can be trained. A value stays
    computed where that saves memory: it is above :data:`LARGEST` bytes and larger than all the constants that it is
    computed from. A layer with late attributes that are such values gets them as attributes.

    Given, if the sizes of ``f`` and ``x`` are known::

        graph 'n' (x) -> (d)
          f = Conv(x)
          p = PriorBox(f, x)
          q = Reshape(p)
          d = DetectionOutput(f, …, q)

    Result::

        graph 'n' (x) -> (d)
          f = Conv(x)
          q = Const()
          d = DetectionOutput(f, …, q)

    Args:
        model: any model.
        constants: computes the values; passes do not compute.
    """
    graph = model.graph
    known = constants(model)
    small = _worth_folding(graph, known)
    taken = {node.name for node in graph.nodes}
    nodes: list[Node] = []
    for node in graph.nodes:
        if isinstance(node.layer, Const) or not node.outputs or not small.issuperset(node.outputs):
            nodes.append(_with_known_attributes(node, known))
            continue
        for output in node.outputs:
            name = node.name if output == node.outputs[0] else fresh(output, taken)
            taken.add(name)
            nodes.append(Node(name, Const(value=known[output]), (), (output,), origin=node.origin))
    if len(nodes) == len(graph.nodes) and all(
        new is old for new, old in zip(nodes, graph.nodes, strict=True)
    ):
        return model
    return prune(replace(model, graph=replace(graph, nodes=tuple(nodes))))


def _worth_folding(graph: Graph, known: Mapping[str, np.ndarray]) -> set[str]:
    """Return the known values that are small, or no larger than the constants that they are computed from."""
    sources: dict[str, Mapping[str, int]] = {}
    small: set[str] = set()
    for node in graph.nodes:
        if isinstance(node.layer, Const):
            sources[node.outputs[0]] = {node.outputs[0]: held_bytes(node.layer.value)}
        elif known.keys() >= set(node.outputs):
            read = {name: size for value in node.inputs for name, size in sources.get(value, {}).items()}
            limit = max(LARGEST, sum(read.values()))
            sources.update(dict.fromkeys(node.outputs, read))
            small.update(name for name in node.outputs if held_bytes(known[name]) <= limit)
    return small


def _with_known_attributes(node: Node, known: Mapping[str, np.ndarray]) -> Node:
    """Give a layer those of its late attributes that are known."""
    if not isinstance(node.layer, Late):
        return node
    count = len(node.inputs) - len(node.layer.names)
    late = dict(zip(node.layer.names, node.inputs[count:], strict=True))
    found = {name: known[value] for name, value in late.items() if value in known}
    if not found:
        return node
    with located(layer=f"{node.name!r} ({type(node.layer.layer).__name__})"):
        layer = with_attributes(node.layer.layer, found)
    left = {name: value for name, value in late.items() if name not in found}
    return replace(
        node,
        layer=Late(layer=layer, names=tuple(left)) if left else layer,
        inputs=(*node.inputs[:count], *left.values()),
    )
