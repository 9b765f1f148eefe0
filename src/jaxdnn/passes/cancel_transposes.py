"""Remove transposes that only layers which know no order of axes keep apart."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from jaxdnn.ir import Model, Node
from jaxdnn.layers.arithmetic import Select
from jaxdnn.layers.base import Layer
from jaxdnn.layers.constant import Const
from jaxdnn.layers.families import ALONG_AXIS, ELEMENTWISE, JOINING
from jaxdnn.layers.shape import Concat, Permute
from jaxdnn.passes.permutation import Order, compose, extended, inverse, order_of, origin
from jaxdnn.passes.ranks import ranks
from jaxdnn.passes.rewrite import fresh, names, output_values, readers, rebuild


def cancel_transposes(model: Model) -> Model:
    """Remove each transpose for which all that it depends on can be computed in the order that it brings about.

    Given::

        graph 'n' (x, z) -> (y)
          a = Permute(x) {order=(0, 2, 3, 1)}
          b = Permute(z) {order=(0, 2, 3, 1)}
          c = Softmax(a) {axis=-1}
          d = Binary(c, b) {function='add'}
          y = Permute(d) {order=(0, 3, 1, 2)}

    Result::

        graph 'n' (x, z) -> (y)
          c@reordered = Softmax(x)
          y = Binary(c@reordered, z) {function='add'}

    See :func:`~jaxdnn.passes.merge_transposes.merge_transposes` for the conditions.
    """
    search = _Search(model)
    claimed: set[str] = set()
    regions = []
    for node in model.graph.nodes:
        region = search.region(node) if isinstance(node.layer, Permute) else None
        if region is not None and claimed.isdisjoint(region.nodes):
            claimed.update(region.nodes)
            regions.append(region)
    if not regions:
        return model
    taken = names(model.graph)
    new: dict[str, tuple[Node, ...]] = dict.fromkeys((region.end.name for region in regions), ())
    for region in regions:
        new.update(_reordered(region, taken))
    nodes = [result for node in model.graph.nodes for result in new.get(node.name, (node,))]
    return rebuild(model, nodes, unread=(Const, Permute))


@dataclass
class _Region:
    """The nodes between a transpose and those that it undoes.

    Attributes:
        end: the transpose that goes.
        order: its order.
        nodes: those between, by name.
        sources: for the output of each transpose that it undoes, what that one reads.
        layers: for each node between, its layer in the new order.
        constants: for each node between, the constants that it reads, in the new order.
    """

    end: Node
    order: Order
    nodes: dict[str, Node] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)
    layers: dict[str, Layer] = field(default_factory=dict)
    constants: dict[str, dict[str, np.ndarray]] = field(default_factory=dict)


class _Search:
    """What has to be known of a whole graph to find a region in it."""

    def __init__(self, model: Model) -> None:
        self._producers = model.graph.producers
        self._readers = readers(model.graph)
        self._outputs = output_values(model.graph)
        self._ranks = ranks(model.graph)

    def region(self, end: Node) -> _Region | None:
        """Return the region that a transpose ends, None if there is none that it can be taken out of."""
        assert isinstance(end.layer, Permute)
        region = _Region(end, order_of(end.layer))
        waiting = list(end.inputs)
        while waiting:
            value = waiting.pop()
            node = self._producers.get(value)
            if node is None:
                return None
            if isinstance(node.layer, Permute):
                if compose(order_of(node.layer), region.order):
                    return None
                region.sources[value] = node.inputs[0]
            elif node.name not in region.nodes:
                inputs = self._enter(node, region)
                if inputs is None:
                    return None
                waiting += inputs
        inside = {end.name, *region.nodes}
        alone = all(
            value not in self._outputs and all(reader.name in inside for reader in self._readers[value])
            for node in region.nodes.values()
            for value in node.outputs
        )
        return region if region.nodes and alone else None

    def _enter(self, node: Node, region: _Region) -> list[str] | None:
        """Add a node to a region and return the values that must be there in the new order; None if it cannot be."""
        constants = {v: a for v in node.inputs if (a := self._constant(v)) is not None}
        values = [value for value in node.inputs if value not in constants]
        rank = self._rank(node, values)
        layer = _reordered_layer(node.layer, region.order, rank)
        joins = isinstance(node.layer, JOINING)
        if layer is None or not values or (constants and not joins):
            return None
        # Broadcasting lines up last axes, an order counts from the first one.
        if joins and rank is None and len(values) > 1:
            return None
        if any(array.ndim > (rank or 0) for array in constants.values()):
            return None
        if rank is not None and len(region.order) > rank:
            return None
        region.nodes[node.name] = node
        region.layers[node.name] = layer
        region.constants[node.name] = {
            value: _reordered_array(array, region.order, rank or 0) for value, array in constants.items()
        }
        return values

    def _constant(self, value: str) -> np.ndarray | None:
        node = self._producers.get(value)
        return node.layer.value if node is not None and isinstance(node.layer, Const) else None

    def _rank(self, node: Node, values: list[str]) -> int | None:
        """Return the rank that all of a node's values have, None if it is not known or there are several."""
        found = {self._ranks.get(value) for value in values}
        return found.pop() if len(found) == 1 else None


def _reordered_layer(layer: Layer, order: Order, rank: int | None) -> Layer | None:
    """Return the layer that computes, of inputs in another order, the output in that order; None if there is none."""
    if isinstance(layer, ELEMENTWISE) or (isinstance(layer, JOINING) and not _takes_rows(layer)):
        return layer
    if not isinstance(layer, (*ALONG_AXIS, Concat)) or getattr(layer, "later_axes", False):
        return None
    axis: int = layer.axis  # type: ignore[attr-defined]
    if axis < 0:
        if rank is None:
            return None
        axis += rank
    return replace(layer, axis=origin(inverse(order), axis))  # type: ignore[call-arg]


def _takes_rows(layer: Layer) -> bool:
    return isinstance(layer, Select) and layer.rows


def _reordered_array(array: np.ndarray, order: Order, rank: int) -> np.ndarray:
    """Return a constant in another order, as it is broadcast against values of a rank."""
    if array.size == 1:
        return array
    return array.reshape((1,) * (rank - array.ndim) + array.shape).transpose(extended(order, rank))


def _reordered(region: _Region, taken: set[str]) -> dict[str, tuple[Node, ...]]:
    """Return what each node of a region becomes; names that are new are added to those taken."""

    def new(old: str) -> str:
        name = fresh(f"{old}@reordered", taken)
        taken.add(name)
        return name

    (last,) = region.end.inputs
    values = dict(region.sources)
    for node in region.nodes.values():
        values.update(
            {value: region.end.outputs[0] if value == last else new(value) for value in node.outputs}
        )
    result = {}
    for node in region.nodes.values():
        constants = {value: new(value) for value in region.constants[node.name]}
        arrays = tuple(
            Node(name, Const(value=region.constants[node.name][value]), (), (name,))
            for value, name in constants.items()
        )
        moved = replace(
            node,
            name=region.end.name if last in node.outputs else values[node.outputs[0]],
            layer=region.layers[node.name],
            inputs=tuple((constants | values)[value] for value in node.inputs),
            outputs=tuple(values[value] for value in node.outputs),
        )
        result[node.name] = (*arrays, moved)
    return result
