"""How sequences compute: as tuples of arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdnn.errors import ShapeError
from jaxdnn.layers.base import dims, normalize_axis
from jaxdnn.layers.sequences import (
    SequenceAt,
    SequenceErase,
    SequenceInsert,
    SequenceJoin,
    SequenceLength,
    SequenceOf,
    SequenceSplit,
)
from jaxdnn.lowering.namespace import namespace
from jaxdnn.lowering.padded import depends_on_data
from jaxdnn.lowering.ragged import Ragged
from jaxdnn.lowering.registry import lowers

Weights = Mapping[str, jax.Array]


@lowers(SequenceOf, numpy=True, moves=True)
def sequence(layer: SequenceOf, weights: Weights, *arrays: Any) -> Ragged:
    """See :class:`~jaxdnn.layers.sequences.SequenceOf`."""
    del layer, weights
    return Ragged(arrays)


@lowers(SequenceInsert, numpy=True, moves=True, known=lambda layer, count: range(2, count))
def insert(layer: SequenceInsert, weights: Weights, x: Ragged, value: Any, place: Any = None) -> Ragged:
    """See :class:`~jaxdnn.layers.sequences.SequenceInsert`."""
    del layer, weights
    elements = list(_elements(x))
    count = len(elements)
    index = count if place is None else _place(place, count, count + 1)
    return Ragged((*elements[:index], value, *elements[index:]))


@lowers(SequenceErase, numpy=True, moves=True, known=lambda layer, count: range(1, count))
def erase(layer: SequenceErase, weights: Weights, x: Ragged, place: Any = None) -> Ragged:
    """See :class:`~jaxdnn.layers.sequences.SequenceErase`."""
    del layer, weights
    elements = _elements(x)
    index = _place(np.asarray(-1) if place is None else place, len(elements), len(elements))
    return Ragged((*elements[:index], *elements[index + 1 :]))


@lowers(SequenceAt, numpy=True, moves=True)
def at(layer: SequenceAt, weights: Weights, x: Ragged, place: Any) -> Any:
    """See :class:`~jaxdnn.layers.sequences.SequenceAt`."""
    del layer, weights
    elements = _elements(x)
    if isinstance(place, np.ndarray):
        return elements[_place(place, len(elements), len(elements))]
    if len({element.shape for element in elements}) != 1:
        raise depends_on_data("which element is taken")
    place = place.reshape(())
    index = jnp.where(place < 0, place + len(elements), place)
    index = jnp.clip(index, 0, len(elements) - 1)
    return jax.lax.dynamic_index_in_dim(jnp.stack(elements), index, keepdims=False)


@lowers(SequenceLength, numpy=True)
def length(layer: SequenceLength, weights: Weights, x: Ragged) -> np.ndarray:
    """See :class:`~jaxdnn.layers.sequences.SequenceLength`."""
    del layer, weights
    return np.asarray(len(_elements(x)), np.int32)


@lowers(SequenceSplit, numpy=True, moves=True, known=lambda layer, count: range(1, count))
def split(layer: SequenceSplit, weights: Weights, x: Any, sizes: Any = None) -> Ragged:
    """See :class:`~jaxdnn.layers.sequences.SequenceSplit`."""
    del weights
    axis = normalize_axis(layer.axis, x.ndim)
    ends = _ends(np.asarray(1) if sizes is None else sizes, x.shape[axis], axis)
    xp = namespace(x)
    parts = xp.split(x, ends, axis)
    keep = layer.keep_axis or sizes is not None
    return Ragged(tuple(parts if keep else [xp.squeeze(part, axis) for part in parts]))


def _ends(sizes: Any, whole: int, axis: int) -> list[int]:
    """Return where each part but the last one ends."""
    if not isinstance(sizes, np.ndarray):
        raise depends_on_data("the size of a part")
    if sizes.ndim > 1 or (sizes < (0 if sizes.ndim else 1)).any():
        raise ShapeError(f"parts of the sizes {sizes.tolist()} are wanted")
    if not sizes.ndim:
        return list(range(int(sizes), whole, int(sizes)))
    if sizes.sum() != whole:
        raise ShapeError(f"parts of {sizes.sum()} in all are wanted of {whole} along axis {axis}")
    ends: list[int] = np.cumsum(sizes)[:-1].tolist()
    return ends


@lowers(SequenceJoin, numpy=True, moves=True)
def join(layer: SequenceJoin, weights: Weights, x: Any) -> Any:
    """See :class:`~jaxdnn.layers.sequences.SequenceJoin`."""
    del weights
    if isinstance(x, Ragged) and not x.elements:
        raise ShapeError("a sequence without elements cannot be joined")
    if not isinstance(x, Ragged) and layer.new_axis:
        return namespace(x).moveaxis(x, 0, normalize_axis(layer.axis, x.ndim))
    elements = tuple(x.elements if isinstance(x, Ragged) else x)
    shapes = {element.shape for element in elements}
    if layer.new_axis and len(shapes) > 1:
        raise ShapeError(f"elements of different shapes cannot be stacked: {', '.join(map(dims, shapes))}")
    rank = elements[0].ndim + layer.new_axis
    axis = normalize_axis(layer.axis, rank)
    xp = namespace(*elements)
    return xp.stack(elements, axis) if layer.new_axis else xp.concatenate(elements, axis)


def _elements(x: Any) -> tuple[Any, ...]:
    if not isinstance(x, Ragged):
        raise ShapeError(f"a sequence is expected, got an array of {dims(x.shape)}")
    return x.elements


def _place(place: Any, count: int, places: int) -> int:
    """Return a place in a sequence of so many elements, counted from the front."""
    if not isinstance(place, np.ndarray):
        raise depends_on_data("the place in a sequence")
    if place.size != 1:
        raise ShapeError(f"a place is {dims(place.shape)}, one number expected")
    index = int(place.reshape(()))
    if not -count <= index < places:
        raise ShapeError(f"place {index} lies outside of a sequence of {count} elements")
    return index + count if index < 0 else index
