"""What passes that rewrite graphs have in common: who reads a value, and putting a changed graph together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Mapping
from dataclasses import replace
from itertools import count

import numpy as np

from jaxdnn.ir import Graph, Model, Node, split_reference
from jaxdnn.layers.base import Layer
from jaxdnn.layers.constant import Const, Parameter


def readers(graph: Graph) -> dict[str, list[Node]]:
    """Return the nodes that read each value, in order; one that reads it twice is there once."""
    found: dict[str, list[Node]] = {value: [] for value in graph.values}
    for node in graph.nodes:
        for value in dict.fromkeys(node.inputs):
            found[value].append(node)
    return found


def output_values(graph: Graph) -> set[str]:
    """Return the values that the graph's outputs stand for."""
    return {graph.resolve(name) for name in graph.outputs}


def reference_counts(graph: Graph) -> Counter[str]:
    """Return how many slots of nodes refer to each parameter, as ``owner/slot``."""
    return Counter(reference for node in graph.nodes for reference in node.params.values())


def stored_param(model: Model, reference: str) -> np.ndarray | None:
    """Return the array that the model holds for ``owner/slot``, None where it holds none."""
    owner, slot = split_reference(reference)
    array = model.params.get(owner, {}).get(slot)
    return None if array is None else np.asarray(array)


def stored_params(model: Model, node: Node) -> dict[str, np.ndarray] | None:
    """Return a node's parameters by slot, None where the model lacks one of them."""
    arrays = {slot: stored_param(model, reference) for slot, reference in node.params.items()}
    found = {slot: array for slot, array in arrays.items() if array is not None}
    return found if len(found) == len(arrays) else None


def fixed_array(model: Model, value: str) -> np.ndarray | None:
    """Return the array of a value that is a constant or a stored parameter by itself, None of another one."""
    node = model.graph.producers.get(value)
    if node is None or not isinstance(node.layer, Const | Parameter):
        return None
    return node.layer.value if isinstance(node.layer, Const) else stored_param(model, node.params["value"])


def names(graph: Graph) -> set[str]:
    """Return every name that a value, a node or an alias has."""
    return {*graph.values, *graph.aliases, *(node.name for node in graph.nodes)}


def fresh(name: str, taken: Container[str]) -> str:
    """Return the name, or the name with the first number behind it that makes it a new one."""
    numbered = (f"{name}@{number}" for number in count(2))
    return name if name not in taken else next(other for other in numbered if other not in taken)


def rebuild(
    model: Model,
    nodes: Iterable[Node],
    *,
    same: Mapping[str, str] | None = None,
    params: Mapping[str, np.ndarray] | None = None,
    unread: tuple[type[Layer], ...] = (Const, Parameter),
) -> Model:
    """Return the model with other nodes.

    What the old nodes referred to and the new ones do not is dropped: parameters and their initializers, constants that
    nobody reads any more. So are aliases of values that no longer exist.

    Args:
        model: the old one.
        nodes: the new ones, in topological order once ``same`` is applied.
        same: for removed values the value that equals them. Whoever read one reads that, and its name becomes
            an alias of it.
        params: new parameters, by ``"owner/slot"``.
        unread: the layers of which a node is dropped when its last reader goes.
    """
    graph, same = model.graph, _settled(same or {})
    nodes = [replace(node, inputs=tuple(same.get(value, value) for value in node.inputs)) for node in nodes]
    aliases = {**same, **{alias: same.get(value, value) for alias, value in graph.aliases.items()}}
    kept = _without_unread(graph, nodes, {aliases.get(name, name) for name in graph.outputs}, unread)
    known = {value.name for value in graph.inputs}.union(*(node.outputs for node in kept))
    aliases = {alias: value for alias, value in aliases.items() if value in known}
    changed = replace(graph, nodes=tuple(kept), aliases=aliases)
    gone = reference_counts(graph).keys() - reference_counts(changed).keys()
    return replace(
        model,
        graph=changed,
        params=_with_params(model.params, params or {}, gone),
        initializers={ref: value for ref, value in model.initializers.items() if ref not in gone},
    )


def _settled(same: Mapping[str, str]) -> dict[str, str]:
    """Follow replacements of replacements to their ends."""
    ends: dict[str, str] = {}
    for value in same:
        path = []
        end = value
        while end in same and end not in ends:
            path.append(end)
            end = same[end]
        ends.update(dict.fromkeys(path, ends.get(end, end)))
    return ends


def _without_unread(
    graph: Graph, nodes: list[Node], outputs: set[str], layers: tuple[type[Layer], ...]
) -> list[Node]:
    before = {value for node in graph.nodes for value in node.inputs}
    read, kept = set(outputs), []
    for node in reversed(nodes):
        if not isinstance(node.layer, layers) or any(v in read or v not in before for v in node.outputs):
            read.update(node.inputs)
            kept.append(node)
    return kept[::-1]


def _with_params(
    old: Mapping[str, Mapping[str, np.ndarray]], new: Mapping[str, np.ndarray], gone: Container[str]
) -> dict[str, dict[str, np.ndarray]]:
    kept = {
        owner: {slot: array for slot, array in slots.items() if f"{owner}/{slot}" not in gone}
        for owner, slots in old.items()
    }
    for reference, array in new.items():
        owner, slot = split_reference(reference)
        kept.setdefault(owner, {})[slot] = array
    return {owner: slots for owner, slots in kept.items() if slots or not old.get(owner)}
