"""Remove what no output needs."""

from __future__ import annotations

from dataclasses import replace

from jaxdnn.ir import Model, split_reference


def prune(model: Model) -> Model:
    """Remove the nodes that no output needs, and the parameters that no node refers to.

    Given::

        graph 'n' (x) -> (b)
          a = Relu(x)
          b = Sigmoid(x)

    Result::

        graph 'n' (x) -> (b)
          b = Sigmoid(x)
    """
    graph = model.graph
    alive = {graph.resolve(name) for name in graph.outputs}
    nodes = []
    for node in reversed(graph.nodes):
        if alive.intersection(node.outputs):
            alive.update(node.inputs)
            nodes.append(node)
    if len(nodes) == len(graph.nodes):
        return model
    used: dict[str, set[str]] = {}
    for node in nodes:
        for reference in node.params.values():
            owner, slot = split_reference(reference)
            used.setdefault(owner, set()).add(slot)
    params = {
        owner: {slot: array for slot, array in slots.items() if slot in used[owner]}
        for owner, slots in model.params.items()
        if owner in used
    }
    values = {value.name for value in graph.inputs}.union(*(node.outputs for node in nodes))
    aliases = {alias: name for alias, name in graph.aliases.items() if name in values}
    return replace(model, graph=replace(graph, nodes=tuple(nodes[::-1]), aliases=aliases), params=params)
