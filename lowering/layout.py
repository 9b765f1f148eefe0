"""Images whose channels lie last in memory, though their layers know them first: what a CPU computes fastest.

A layer that convolves or pools (batch, channels, *spatial) is computed on (batch, *spatial, channels), and what it
yields stays in that order as long as layers read it that can be told where the axes are. The others get the order that
they know, and so do the outputs: there are transposes at the borders alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdnn.layers.base import Layer, normalize_axis
from jaxdnn.layers.convolution import Conv, ConvTranspose
from jaxdnn.layers.elementwise import WeightedSum
from jaxdnn.layers.families import ALONG_AXIS, ELEMENTWISE, JOINING
from jaxdnn.layers.normalization import Bias, LocalResponseNorm, Normalize, Scale
from jaxdnn.layers.pooling import Pool
from jaxdnn.layers.reduction import Reduce
from jaxdnn.layers.resize import Interp, Resize
from jaxdnn.layers.shape import Concat, DepthToSpace, Pad, ShuffleChannel, Slice, SpaceToDepth
from jaxdnn.lowering.namespace import namespace
from jaxdnn.lowering.recipes import moving

Windowed = Conv | ConvTranspose | Pool


@dataclass(frozen=True)
class ChannelsLast:
    """An image (batch, channels, *spatial) as (batch, *spatial, channels)."""

    array: jax.Array


def logical(value: Any) -> Any:
    """Return a value in the order of axes that the graph states."""
    return jnp.moveaxis(value.array, -1, 1) if isinstance(value, ChannelsLast) else value


def taken(value: Any, readers: Iterable[Layer]) -> Any:
    """Return an input of a graph with its channels last, if it is an image that a layer with windows reads.

    By itself XLA can join the transposes that layers ask for with others, which go, or with what is computed. Here is
    nothing to join them with, and a kernel is faster.
    """
    if not isinstance(value, jax.Array) or value.ndim != 4:
        return value
    windowed = (layer for layer in readers if type(layer) in (Conv, ConvTranspose, Pool))
    if not any(_windowed(layer, (value,)) for layer in windowed):  # type: ignore[arg-type]
        return value
    return ChannelsLast(moving.channels_last(value))


def given(value: Any) -> Any:
    """Return an output of a graph in the order of axes that the graph states."""
    return moving.channels_first(value.array) if isinstance(value, ChannelsLast) else value


def channels_last(
    layer: Layer, arguments: tuple[Any, ...]
) -> tuple[Layer, tuple[Any, ...], Callable[[Any], Any]] | None:
    """Return how a layer computes on images whose channels lie last.

    Args:
        layer: of the graph.
        arguments: the values of its inputs, some of them :class:`ChannelsLast`.

    Returns:
        another layer; the arrays of its inputs; and what its results are, arrays of images or others. None if the
        layer has to be computed as it is.
    """
    if type(layer) in (Conv, ConvTranspose, Pool):  # not layers that are derived from them
        assert isinstance(layer, Windowed)
        return _windowed(layer, arguments)
    ranks = {value.array.ndim for value in arguments if isinstance(value, ChannelsLast)}
    if len(ranks) != 1:
        return None
    (rank,) = ranks
    if isinstance(layer, Reduce):
        return _reduced(layer, arguments, rank)
    moved = _layer(layer, rank, len(arguments))
    others = {np.ndim(value) for value in arguments if not isinstance(value, ChannelsLast)} - {rank}
    if moved is None or (others and not (isinstance(layer, JOINING) and max(others) < rank)):
        return None
    return moved, tuple(_laid(value, rank) for value in arguments), ChannelsLast


def finished_image(
    layer: Layer, arguments: tuple[Any, ...], added: Any
) -> tuple[Layer, tuple[Any, ...], jax.Array | None, Callable[[Any], Any]] | None:
    """Return how a convolution computes with what follows it, on images whose channels lie last.

    Args:
        layer: a convolution.
        arguments: the values of its inputs.
        added: what is added to its result; None if nothing is.

    Returns:
        what :func:`channels_last` does, and the array to add; None if all has to be computed one by one.
    """
    assert isinstance(layer, Conv)
    if layer.channels_last:
        found: Any = layer, tuple(map(logical, arguments)), lambda result: result
        added = logical(added)
    else:
        found = channels_last(layer, arguments)
        if added is not None:
            added = added.array if isinstance(added, ChannelsLast) else ()  # another order of axes
    if found is None:
        return None
    moved, inputs, wrap = found
    arrays = inputs if added is None else (*inputs, added)
    if not all(isinstance(each, jax.Array) and each.dtype == jnp.float32 for each in arrays):
        return None
    return moved, inputs, added, wrap


def _windowed(
    layer: Windowed, arguments: tuple[Any, ...]
) -> tuple[Layer, tuple[Any, ...], Callable[[Any], Any]] | None:
    x, *weights = arguments
    rank = x.array.ndim if isinstance(x, ChannelsLast) else np.ndim(x)
    known = isinstance(layer, Pool) and layer.indices
    if (
        layer.channels_last
        or layer.axis != 1
        or rank < 3
        or known
        or not isinstance(x, ChannelsLast | jax.Array)
    ):
        return None
    return replace(layer, channels_last=True), (_laid(x, rank), *map(logical, weights)), ChannelsLast


def _reduced(
    layer: Reduce, arguments: tuple[Any, ...], rank: int
) -> tuple[Layer, tuple[Any, ...], Callable[[Any], Any]] | None:
    """Without the channels, or without all other axes but the batch's, what is left has the graph's order."""
    if not layer.axes or layer.later_axes:
        return None
    axes = {normalize_axis(axis, rank) for axis in layer.axes}
    if not (layer.keepdims or 1 in axes or axes.issuperset(range(2, rank))):
        return None
    moved = replace(layer, axes=tuple(_axis(axis, rank) for axis in sorted(axes)))
    return moved, (arguments[0].array,), ChannelsLast if layer.keepdims else lambda result: result


def _layer(layer: Layer, rank: int, inputs: int) -> Layer | None:
    """Return the layer for inputs whose channels lie last, None if there is none."""
    if isinstance(layer, (*ELEMENTWISE, *JOINING)):
        return None if getattr(layer, "rows", False) else layer
    if isinstance(layer, Scale | Bias) and (inputs > 1 or layer.num_axes != 1):
        return None
    if isinstance(layer, LocalResponseNorm) and layer.region != "across_channels":
        return None
    if isinstance(layer, Normalize) and (layer.across_spatial or layer.axis != 1):
        return None
    if isinstance(layer, SpaceToDepth | DepthToSpace) and layer.axis != 1:
        return None
    if isinstance(layer, _ALONG) and not getattr(layer, "later_axes", False):
        return replace(layer, axis=_axis(layer.axis, rank))  # type: ignore[call-arg, attr-defined]
    if isinstance(layer, Resize | Interp) and layer.axes is not None:
        return replace(layer, axes=tuple(_axis(axis, rank) for axis in layer.axes))
    if isinstance(layer, Pad):
        axes = layer.axes or range(layer.axis, layer.axis + len(layer.before))
        return replace(layer, axes=tuple(_axis(axis, rank) for axis in axes), axis=0)
    return None


_ALONG: tuple[type[Layer], ...] = (
    *(*ALONG_AXIS, Scale, Bias, LocalResponseNorm, Normalize, WeightedSum),
    *(Concat, Slice, ShuffleChannel, SpaceToDepth, DepthToSpace),
)
"""Layers with an ``axis`` that may be any."""


def _axis(axis: int, rank: int) -> int:
    """Return where an axis lies."""
    axis = normalize_axis(axis, rank)
    return rank - 1 if axis == 1 else max(0, axis - 1)


def _laid(value: Any, rank: int) -> Any:
    """Return an array with the channels last; what has fewer axes is broadcast as it was."""
    if isinstance(value, ChannelsLast):
        return value.array
    if np.ndim(value) == 0:
        return value
    return namespace(value).moveaxis(value.reshape((1,) * (rank - value.ndim) + value.shape), 1, -1)
