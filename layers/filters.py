"""The weights of convolutions and dense layers, ordered by the output channel that they belong to."""

from __future__ import annotations

from typing import Any

from jaxdnn.layers.base import Layer
from jaxdnn.layers.convolution import Conv, ConvTranspose
from jaxdnn.layers.dense import Dense


def filter_count(layer: Layer) -> int | None:
    """Return the number of output channels of a layer with a weight of its own, None of any other layer.

    A subclass may compute something else with its weight, and is another layer.
    """
    if type(layer) is Dense:
        return layer.units
    return layer.filters if type(layer) in (Conv, ConvTranspose) else None  # type: ignore[attr-defined]


def by_filter(layer: Layer, weight: Any, count: int) -> Any | None:
    """Return a weight as (groups, inputs, filters of a group, taps), None if its size does not fit the layer.

    Where the order of its elements does not need it, groups, inputs and taps are taken together as one.

    Args:
        layer: one that :func:`filter_count` counts.
        weight: a numpy or jax array; its shape may differ from the layer's by axes of size 1.
        count: number of output channels.
    """
    groups, filters = 1, count
    if isinstance(layer, ConvTranspose):
        groups = layer.groups or 1
        filters = count // groups
        fits = weight.ndim > 1 and weight.shape[1] == filters and weight.shape[0] % groups == 0
        inputs = weight.shape[0] // groups if fits else 0
    else:
        fits = weight.size % count == 0
        inputs = weight.size // count if isinstance(layer, Dense) and layer.transpose else 1
    return weight.reshape(groups, inputs, filters, -1) if fits and weight.size else None
