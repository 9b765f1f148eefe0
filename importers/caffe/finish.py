"""The last steps of an import: user-facing names, and which inputs a call may leave out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from jaxdnn.ir import Graph, Node
from jaxdnn.layers.loss import Loss


def finish_graph(graph: Graph, blobs: Mapping[str, str]) -> Graph:
    """Name values after blobs, and mark labels as optional inputs.

    A blob that layers change in place has several values. The last one, which is what Caffe shows after a
    run, gets the blob's name; earlier ones keep ``blob@layer``.

    Args:
        graph: whose values are called ``blob@layer``, and whose outputs are blob names.
        blobs: the last value of each blob.
    """
    inputs = {value.name for value in graph.inputs}
    names: dict[str, str] = {}
    aliases: dict[str, str] = {}
    for blob, value in blobs.items():
        if blob == value or value in names or value in inputs or blob in inputs:
            aliases[blob] = value
        else:
            names[value] = blob
    aliases = {blob: names.get(value, value) for blob, value in aliases.items()}
    aliases = {blob: value for blob, value in aliases.items() if blob != value}
    nodes = tuple(_rename(node, names) for node in graph.nodes)
    return _mark_labels(replace(graph, nodes=nodes, aliases=aliases))


def _rename(node: Node, names: Mapping[str, str]) -> Node:
    return replace(
        node,
        inputs=tuple(names.get(name, name) for name in node.inputs),
        outputs=tuple(names.get(name, name) for name in node.outputs),
    )


def _mark_labels(graph: Graph) -> Graph:
    """Make those inputs optional on which no computed output and no loss's first input depends."""
    read = {name for node in graph.nodes for name in node.inputs}
    needed = set(graph.producers).intersection(map(graph.resolve, graph.outputs))
    for node in reversed(graph.nodes):
        if isinstance(node.layer, Loss):
            needed.update(node.inputs[:1])
        elif not needed.isdisjoint(node.outputs) or read.isdisjoint(node.outputs):
            needed.update(node.inputs)
    inputs = tuple(replace(value, optional=value.name not in needed) for value in graph.inputs)
    return replace(graph, inputs=inputs)
