"""Change single layers of a model: replace, insert, remove."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np

from jaxdnn.errors import GraphError, InputError
from jaxdnn.ir import Graph, Model, Node
from jaxdnn.passes.rewrite import rebuild


def find_node(graph: Graph, name: str) -> Node:
    """Return the layer of this name, or else the one that produces the value of this name.

    Raises:
        InputError: nothing has the name, or it is an input's.
    """
    for node in graph.nodes:
        if node.name == name:
            return node
    value = graph.resolve(name)
    if value not in graph.producers:
        raise InputError(f"{name!r} is an input of {graph.name!r}, not a layer")
    return graph.producers[value]


def replace_node(model: Model, node: Node, params: Mapping[str, np.ndarray] | None = None) -> Model:
    """Put a node in the place of the one that has its name.

    Given, with ``b = Sigmoid(a)``::

        graph 'n' (x) -> (c)
          a = Relu(x)
          b = Tanh(a)
          c = Relu(b)

    Result::

        graph 'n' (x) -> (c)
          a = Relu(x)
          b = Sigmoid(a)
          c = Relu(b)

    Args:
        model: the old one.
        node: the new node; its outputs are those of the old one.
        params: new parameters, by ``"owner/slot"``.

    Raises:
        GraphError: the node reads what is computed from its own outputs.
    """
    nodes = [node if other.name == node.name else other for other in model.graph.nodes]
    return rebuild(model, _in_order(model.graph, nodes, node), params=params)


def insert_node(
    model: Model, node: Node, *, after: str, params: Mapping[str, np.ndarray] | None = None
) -> Model:
    """Put a node between a value and everything that reads it. Where the value is an output, the node's is one instead.

    Given, with ``n = Tanh(a)`` and ``after="a"``::

        graph 'n' (x) -> (a, b)
          a = Relu(x)
          b = Sigmoid(a)

    Result::

        graph 'n' (x) -> (n, b)
          a = Relu(x)
          n = Tanh(a)
          b = Sigmoid(n)

    Args:
        model: the old one.
        node: the new node; its first output takes the place of the value.
        after: the value, not an alias of it.
        params: new parameters, by ``"owner/slot"``.

    Raises:
        GraphError: the node reads what is computed from its own outputs.
    """
    graph, result = model.graph, node.outputs[0]
    nodes = [
        replace(other, inputs=tuple(result if value == after else value for value in other.inputs))
        for other in graph.nodes
    ]
    outputs = dict.fromkeys(result if graph.resolve(name) == after else name for name in graph.outputs)
    changed = replace(model, graph=replace(graph, outputs=tuple(outputs)))
    return rebuild(changed, _in_order(graph, [*nodes, node], node), params=params)


def remove_node(model: Model, node: Node) -> Model:
    """Take out a node that maps one value to one value: its input takes the place of its output.

    Given, without ``b``::

        graph 'n' (x) -> (c)
          a = Relu(x)
          b = Tanh(a)
          c = Relu(b)

    Result, in which the name ``b`` is an alias of ``a``::

        graph 'n' (x) -> (c)
          a = Relu(x)
          c = Relu(a)

    Raises:
        InputError: the node has more than one input or output.
    """
    if len(node.inputs) != 1 or len(node.outputs) != 1:
        raise InputError(
            f"layer {node.name!r} ({type(node.layer).__name__}) has {len(node.inputs)} inputs and "
            f"{len(node.outputs)} outputs: only a layer with one of each can be taken out"
        )
    nodes = [other for other in model.graph.nodes if other is not node]
    return rebuild(model, nodes, same={node.outputs[0]: node.inputs[0]})


def _in_order(graph: Graph, nodes: Iterable[Node], changed: Node) -> list[Node]:
    """Return nodes in topological order; those that are in order already stay in theirs.

    Raises:
        GraphError: there is a cycle, which only the changed node can have closed.
    """
    waiting = list(nodes)
    known = {value.name for value in graph.inputs}
    ordered: list[Node] = []
    while waiting:
        later = []
        for node in waiting:
            if known.issuperset(node.inputs):
                known.update(node.outputs)
                ordered.append(node)
            else:
                later.append(node)
        if len(later) == len(waiting):
            unmet = next(value for value in changed.inputs if value not in known)
            raise GraphError(f"layer {changed.name!r} reads {unmet!r}, which is computed from its own output")
        waiting = later
    return ordered
