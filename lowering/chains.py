"""Convolutions together with the sum and the activation behind them, and where their results are joined.

A kernel applies both while its sums are in registers, and writes them where the joined array has them; by themselves
they would be one more pass over memory each.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from jaxdnn.errors import JaxdnnError
from jaxdnn.ir import Node
from jaxdnn.layers.arithmetic import Binary
from jaxdnn.layers.base import Layer, normalize_axis
from jaxdnn.layers.convolution import Conv
from jaxdnn.layers.elementwise import Eltwise
from jaxdnn.layers.shape import Concat
from jaxdnn.lowering.layout import finished_image
from jaxdnn.lowering.recipes import UNFINISHED, Finish, Place, ShapeMismatch, may_call_kernels

Run = Callable[[Node, Mapping[str, Any], tuple[Any, ...], Mapping[str, Any]], tuple[Any, ...]]
"""``run(node, weights, arguments, after)`` computes a node, see :class:`~jaxdnn.lowering.program.Program`."""


@dataclass(frozen=True)
class Chain:
    """Nodes that nobody else reads from before the last one.

    Attributes:
        nodes: a convolution; then, as far as they are there, a sum of two and an activation.
        added: the name of the sum's other value; None if there is no sum.
        finish: the activation.
        parts: chains without sums, if the last node joins their results along the channels.
    """

    nodes: tuple[Node, ...]
    added: str | None = None
    finish: Finish = UNFINISHED
    parts: tuple[Chain, ...] = ()


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

    def may_begin(node: Node) -> bool:
        return type(node.layer) is Conv and may_join(node)

    def chain_of(node: Node) -> Chain:
        return taken.get(node.name) or Chain((node,))

    def is_read_once(name: str) -> bool:
        return counts[name] == 1 and name not in wanted

    def reader(node: Node) -> Node | None:
        """Return the only one that reads what a node computes."""
        (name,) = node.outputs
        behind = readers[name] if is_read_once(name) else None
        return behind if behind and behind.name not in taken and may_join(behind) else None

    for node in nodes:
        if not may_begin(node):
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
    parts: dict[str, Chain] = {}  # what may be a part of something, by its result
    for node in nodes:
        chain = chain_of(node)
        if node is chain.nodes[-1] and may_begin(chain.nodes[0]) and not chain.added:
            parts.update((name, chain) for name in node.outputs if is_read_once(name))
    for node in nodes:
        if (
            type(node.layer) is Concat
            and may_join(node)
            and len(node.inputs) > 1
            and parts.keys() >= {*node.inputs}
        ):
            joined = tuple(parts[name] for name in node.inputs)
            chain = Chain((*(each for part in joined for each in part.nodes), node), parts=joined)
            taken.update((each.name, chain) for each in chain.nodes)
    return [chain_of(node) for node in nodes if node is chain_of(node).nodes[-1]]


def _is_sum(layer: Layer) -> bool:
    if type(layer) is Binary:
        return layer.function == "add"
    return type(layer) is Eltwise and layer.operation == "sum" and {*layer.coefficients} <= {1}


def compute_together(
    chain: Chain, run: Run, weights_of: Callable[[Node], Mapping[str, Any]], known: dict[str, Any]
) -> bool:
    """Compute a chain of several nodes at once, and add its result to the known values; return whether it can be done.

    What cannot be computed is told by the nodes one by one.
    """
    result = None
    with contextlib.suppress(ShapeMismatch, JaxdnnError):
        result = (_joined if chain.parts else _finished)(chain, run, weights_of, known)
    if result is not None:
        known[chain.nodes[-1].outputs[0]] = result
    return result is not None


def _finished(
    chain: Chain, run: Run, weights_of: Callable[[Node], Mapping[str, Any]], known: Mapping[str, Any]
) -> Any:
    conv = chain.nodes[0]
    added = None if chain.added is None else known.get(chain.added, ())  # what is missing is no image
    if (relaid := finished_image(conv.layer, tuple(map(known.get, conv.inputs)), added)) is None:
        return None
    layer, arrays, added, wrap = relaid
    after = {"added": added, "finish": chain.finish}
    (y,) = run(replace(conv, layer=layer), weights_of(conv), arrays, after)
    return wrap(y)


def _joined(
    chain: Chain, run: Run, weights_of: Callable[[Node], Mapping[str, Any]], known: Mapping[str, Any]
) -> Any:
    """Let each convolution write its channels into one array."""
    if not may_call_kernels():
        return None
    concat, heads = chain.nodes[-1].layer, [part.nodes[0] for part in chain.parts]
    convs = [head.layer for head in heads if isinstance(head.layer, Conv)]
    relaid = [finished_image(head.layer, tuple(map(known.get, head.inputs)), None) for head in heads]
    found = [each for each in relaid if each is not None]
    filters = [conv.filters or 0 for conv in convs]  # 0 where the weight is an input
    assert isinstance(concat, Concat)
    if len(found) < len(heads) or not all(filters) or len({conv.channels_last for conv in convs}) > 1:
        return None
    ranks = {arrays[0].ndim for _, arrays, _, _ in found}
    if max(ranks) > 4:  # kernels slide along one or two axes
        return None
    if any(
        normalize_axis(concat.axis, rank) != (rank - 1 if convs[0].channels_last else 1) for rank in ranks
    ):
        return None
    y: Any = None
    for index, (part, head, (layer, arrays, _, _)) in enumerate(zip(chain.parts, heads, found, strict=True)):
        place = Place(sum(filters[:index]), sum(filters))
        after = {"added": y, "finish": replace(part.finish, place=place)}
        (y,) = run(replace(head, layer=layer), weights_of(head), arrays, after)
    wrap = found[-1][3]
    return wrap(y)
