"""Store the weights of convolutions and dense layers as 8-bit integers."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping
from dataclasses import replace

import numpy as np

from jaxdnn.errors import WeightsError
from jaxdnn.ir import Model, Node, split_reference
from jaxdnn.layers.filters import by_filter, filter_count
from jaxdnn.layers.quantized import (
    MAX_TERMS,
    Quantized,
    QuantizedWeight,
    nearest_integers,
    per_unit,
    product_terms,
)
from jaxdnn.passes.rewrite import fresh, rebuild, reference_counts, stored_param

_SMALLEST = 2.0**-100
"""A smaller range counts as 0: its reciprocal would not be finite."""


def quantizable(model: Model, *, skip: Collection[str] = (), integers: bool = True) -> tuple[str, ...]:
    """Return the names of the nodes whose weights can be stored as 8-bit integers.

    Those are convolutions, their transposes and dense layers whose weight is a parameter. One whose weight another node
    reads too is among them if that is one of them and reads it in the same way.

    Args:
        model: with its weights.
        skip: names of nodes that are left as they are.
        integers: whether products are to be of integers: sums that int32 might not hold are left out then.
    """
    ways: dict[str, list[Hashable]] = {}
    for node in model.graph.nodes:
        if node.name not in skip and _fits(model, node, integers):
            ways.setdefault(node.params["weight"], []).append(_way(node))
    counts = reference_counts(model.graph)
    whole = {r for r, found in ways.items() if len(found) == counts[r] and len(set(found)) == 1}
    return tuple(
        node.name
        for node in model.graph.nodes
        if node.params.get("weight") in whole and node.name not in skip
    )


def _fits(model: Model, node: Node, integers: bool) -> bool:
    count, weight = filter_count(node.layer), None
    if count is not None and len(node.inputs) == 1:
        weight = stored_param(model, node.params["weight"])
    if count is None or weight is None or by_filter(node.layer, weight, count) is None:
        return False
    return not integers or product_terms(node.layer, weight.shape) <= MAX_TERMS


def _way(node: Node) -> Hashable:
    """Return what it depends on which of a weight's elements belong to which output channel."""
    layer = node.layer
    return type(layer), filter_count(layer), getattr(layer, "groups", 1), getattr(layer, "transpose", False)


def quantize_products(
    model: Model,
    names: Collection[str],
    ranges: Mapping[str, float] | None = None,
    *,
    per_channel: bool = True,
) -> Model:
    """Store weights as 8-bit integers, and multiply integers where the range of what is multiplied is given.

    Given::

        graph 'n' (x) -> (y)
          y = Conv(x, weight=y/weight)

    Result::

        graph 'n' (x) -> (y)
          y = Quantized(x, weight=y/weight, weight_range=y/weight_range, input_range=y/input_range)

    Without ranges the layer is :class:`~jaxdnn.layers.quantized.QuantizedWeight` and has no ``input_range``. A weight's
    range is its largest absolute value, rounded up to 8 significant bits, so that no half type rounds it.

    Args:
        model: any model.
        names: of nodes that :func:`quantizable` returns. Nodes that share a weight must be named together.
        ranges: for each value that one of these nodes reads its largest absolute value.
        per_channel: whether each output channel has a range of its own.
    """
    graph = model.graph
    taken = {
        *reference_counts(graph),
        *(f"{o}/{slot}" for o, slots in model.params.items() for slot in slots),
    }
    params: dict[str, np.ndarray] = {}
    limits: dict[str, str] = {}

    def add(node: Node, slot: str, array: np.ndarray) -> str:
        reference = fresh(f"{split_reference(node.params['weight'])[0]}/{slot}", taken)
        taken.add(reference)
        params[reference] = array
        return reference

    def quantized(node: Node) -> Node:
        weight = node.params["weight"]
        if weight not in limits:
            params[weight], limit = _quantized_weight(model, node, per_channel)
            limits[weight] = add(node, "weight_range", limit)
        slots = {**node.params, "weight_range": limits[weight]}
        kind: type[Quantized | QuantizedWeight] = QuantizedWeight
        if ranges is not None:
            kind = Quantized
            slots["input_range"] = add(node, "input_range", _rounded_up(np.float32(ranges[node.inputs[0]])))
        return replace(node, layer=kind(layer=node.layer, per_channel=per_channel), params=slots)  # type: ignore[arg-type]

    return rebuild(model, [quantized(n) if n.name in names else n for n in graph.nodes], params=params)


def _quantized_weight(model: Model, node: Node, per_channel: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return a node's weight as integers, and its range.

    Raises:
        WeightsError: a weight is not finite.
    """
    weight, count = stored_param(model, node.params["weight"]), filter_count(node.layer)
    assert weight is not None
    assert count is not None
    blocks = by_filter(node.layer, weight.astype(np.float32), count)
    assert blocks is not None
    limit = _rounded_up(np.abs(blocks).max(axis=(1, 3) if per_channel else None))
    if not np.isfinite(limit).all():
        raise WeightsError(
            f"weight {node.params['weight']!r} of {node.name!r} has numbers that are not finite"
        )
    spread = limit.reshape(limit.shape[0], 1, -1, 1) if per_channel else limit
    integers = nearest_integers(blocks * per_unit(spread))
    return integers.reshape(weight.shape), limit.reshape(-1) if per_channel else limit


def _rounded_up(largest: np.ndarray | np.float32) -> np.ndarray:
    """Return the next numbers of at most 8 significant bits, 0 for those below :data:`_SMALLEST`."""
    mantissa, exponent = np.frexp(largest)
    # Beyond the largest such number lies infinity, which is refused as what is infinite itself.
    with np.errstate(over="ignore"):
        rounded = np.ldexp(np.ceil(mantissa * np.float32(256)) / np.float32(256), exponent)
    return np.asarray(np.where(largest < _SMALLEST, np.float32(0), rounded))
