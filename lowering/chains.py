"""Convolutions together with the sum and the activation behind them.

A kernel applies both while its sums are in registers; by themselves they would be one more pass over memory each.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass

from jaxdnn.ir import Node
from jaxdnn.layers.base import Layer
from jaxdnn.layers.convolution import Conv
from jaxdnn.layers.elementwise import Eltwise
from jaxdnn.lowering.recipes import UNFINISHED, Finish


@dataclass(frozen=True)
class Chain:
    """Nodes that nobody else reads from before the last one.

    Attributes:
        nodes: a convolution; then, as far as they are there, a sum of two and an activation.
        added: the name of the sum's other value; None if there is no sum.
        finish: the activation.
    """

    nodes: tuple[Node, ...]
    added: str | None = None
    finish: Finish = UNFINISHED


def chains(nodes: Iterable[Node], wanted: Container[str], may_join: Callable[[Node], bool]) -> list[Chain]:
    """Split nodes, which are in order, into chains, in the order of their last nodes; most have one node.

    Args:
        nodes: a graph's.
        wanted: the values that somebody else reads, too.
        may_join: whether a node may be computed together with others.
    """
    nodes = list(nodes)
    readers: dict[str, Node] = {name: node for node in nodes for name in node.inputs}
    counts = Counter(name for node in nodes for name in node.inputs)
    taken: dict[str, Chain] = {}

    def reader(node: Node) -> Node | None:
        """Return the only one that reads what a node computes."""
        (name,) = node.outputs
        alone = counts[name] == 1 and name not in wanted
        return (
            readers[name] if alone and readers[name].name not in taken and may_join(readers[name]) else None
        )

    for node in nodes:
        if type(node.layer) is not Conv or not may_join(node):
            continue
        found, added, finish = [node], None, UNFINISHED
        behind = reader(node)
        if behind is not None and _is_sum(behind.layer) and len(behind.inputs) == 2:
            added = next(name for name in behind.inputs if name != node.outputs[0])
            found.append(behind)
            behind = reader(behind)
        activation = None if behind is None else Finish.of(behind.layer)
        if behind is not None and activation is not None:
            finish = activation
            found.append(behind)
        if len(found) > 1:
            chain = Chain(tuple(found), added, finish)
            taken.update((each.name, chain) for each in found)
    result = []
    for node in nodes:
        chain = taken.get(node.name) or Chain((node,))
        if node is chain.nodes[-1]:
            result.append(chain)
    return result


def _is_sum(layer: Layer) -> bool:
    return type(layer) is Eltwise and layer.operation == "sum" and {*layer.coefficients} <= {1}
