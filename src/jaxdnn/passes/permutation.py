"""Orders of axes, as :class:`~jaxdnn.layers.shape.Permute` states them, without the rank."""

from __future__ import annotations

from jaxdnn.layers.shape import Permute

Order = tuple[int, ...]
"""Axis i of the output is axis ``order[i]`` of the input. Axes behind the last one listed stay where they are, and the
last one listed does not: () changes nothing."""


def order_of(layer: Permute) -> Order:
    """Return the order of a layer, whose axes that are not listed follow in their own order."""
    stated = layer.order
    rest = (axis for axis in range(max(stated, default=0)) if axis not in stated)
    return _shortest((*stated, *rest))


def compose(first: Order, second: Order) -> Order:
    """Return the order that reorders by the first one and then by the second one."""
    size = max(len(first), len(second))
    early, late = extended(first, size), extended(second, size)
    return _shortest(tuple(early[axis] for axis in late))


def inverse(order: Order) -> Order:
    """Return the order that undoes another one."""
    return tuple(sorted(range(len(order)), key=order.__getitem__))


def origin(order: Order, axis: int) -> int:
    """Return the axis of the input that becomes an axis of the output."""
    return order[axis] if axis < len(order) else axis


def extended(order: Order, size: int) -> Order:
    """Return an order that lists this number of axes."""
    return (*order, *range(len(order), size))


def _shortest(order: Order) -> Order:
    size = len(order)
    while size and order[size - 1] == size - 1:
        size -= 1
    return order[:size]
