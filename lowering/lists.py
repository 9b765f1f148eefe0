"""How lists compute: as arrays that are updated by functions."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdnn.errors import ShapeError
from jaxdnn.layers.base import dims
from jaxdnn.layers.lists import (
    ListGet,
    ListJoin,
    ListPop,
    ListPush,
    ListReserve,
    ListResize,
    ListScatter,
    ListSet,
    ListShape,
    ListSplit,
)
from jaxdnn.lowering.namespace import namespace
from jaxdnn.lowering.ragged import Ragged
from jaxdnn.lowering.registry import lowers

Weights = Mapping[str, jax.Array]


@lowers(ListReserve, numpy=True)
def reserve(layer: ListReserve, weights: Weights) -> np.ndarray:
    """Zeros of which all know; XLA gets them once they are set."""
    del weights
    unknown = any(size < 0 for size in layer.shape)
    return np.zeros((layer.count, 0) if unknown else (layer.count, *layer.shape), layer.dtype)


@lowers(ListSet, float32=True, numpy=True)
def set_(layer: ListSet, weights: Weights, x: Any, index: Any, value: Any) -> Any:
    """See :class:`~jaxdnn.layers.lists.ListSet`."""
    del layer, weights
    index = _number(index)
    if isinstance(index, np.ndarray) and int(index) >= x.shape[0]:
        x = _resized(_dense(x), int(index) + 1)
    if isinstance(index, np.ndarray):
        _require_inside(int(index), x)
    ragged = isinstance(x, Ragged) or (x.size and x.shape[1:] != value.shape)
    if ragged and isinstance(index, np.ndarray):
        elements = list(x.elements if isinstance(x, Ragged) else x)
        elements[int(index)] = value
        return Ragged(tuple(elements))
    return _replaced(_of_elements(_dense(x), value.shape, value.dtype), index, value)


@lowers(ListGet, numpy=True, moves=True)
def get(layer: ListGet, weights: Weights, x: Any, index: Any) -> Any:
    """See :class:`~jaxdnn.layers.lists.ListGet`."""
    del layer, weights
    index = _number(index)
    if isinstance(index, np.ndarray):
        _require_inside(int(index), x)
        return (x.elements if isinstance(x, Ragged) else x)[int(index)]
    if not x.shape[0]:
        raise ShapeError("the list has no elements")
    return jax.lax.dynamic_index_in_dim(jnp.asarray(_dense(x)), index, keepdims=False)


@lowers(ListScatter, float32=True, numpy=True)
def scatter(layer: ListScatter, weights: Weights, x: Any, indices: Any, values: Any) -> Any:
    """See :class:`~jaxdnn.layers.lists.ListScatter`."""
    del layer, weights
    if indices.ndim != 1 or indices.shape[0] != values.shape[0]:
        raise ShapeError(f"{dims(indices.shape)} numbers are given for {values.shape[0]} elements")
    x = _dense(x)
    if isinstance(indices, np.ndarray):
        x = _resized(x, max(int(indices.max(initial=-1)) + 1, x.shape[0]))
        if indices.size:
            _require_inside(int(indices.min()), x)
        if np.array_equal(indices, np.arange(x.shape[0])):
            return values
    return _replaced(_of_elements(x, values.shape[1:], values.dtype), indices, values)


@lowers(ListResize, numpy=True, moves=True)
def resize(layer: ListResize, weights: Weights, x: Any) -> Any:
    """See :class:`~jaxdnn.layers.lists.ListResize`."""
    del weights
    return _resized(_dense(x), layer.count)


@lowers(ListJoin, numpy=True, moves=True)
def join(layer: ListJoin, weights: Weights, x: Any) -> tuple[Any, np.ndarray]:
    """See :class:`~jaxdnn.layers.lists.ListJoin`."""
    del layer, weights
    if isinstance(x, Ragged):
        if not all(element.ndim for element in x.elements):
            raise ShapeError("scalars cannot be joined along an axis")
        lengths = np.asarray([element.shape[0] for element in x.elements], np.int32)
        return namespace(*x.elements).concatenate(x.elements), lengths
    if x.ndim < 2:
        raise ShapeError("scalars cannot be joined along an axis")
    count, size, *rest = x.shape
    return x.reshape((count * size, *rest)), np.full(count, size, np.int32)


@lowers(ListSplit, numpy=True, moves=True)
def split(layer: ListSplit, weights: Weights, x: Any) -> Any:
    """See :class:`~jaxdnn.layers.lists.ListSplit`."""
    del weights
    lengths = layer.lengths
    if not x.ndim or sum(lengths) != x.shape[0]:
        raise ShapeError(f"parts of {sum(lengths)} in all are wanted of {dims(x.shape)}")
    if len(set(lengths)) > 1:
        ends = np.cumsum(lengths).tolist()
        return Ragged(tuple(x[end - size : end] for end, size in zip(ends, lengths, strict=True)))
    return x.reshape((len(lengths), lengths[0] if lengths else 0, *x.shape[1:]))


@lowers(ListPush, float32=True, numpy=True)
def push(layer: ListPush, weights: Weights, x: Any, value: Any) -> Any:
    """See :class:`~jaxdnn.layers.lists.ListPush`."""
    del layer, weights
    x = _of_elements(_dense(x), value.shape, value.dtype)
    return namespace(x, value).concatenate([x, value[None].astype(x.dtype)])


@lowers(ListPop, numpy=True, moves=True)
def pop(layer: ListPop, weights: Weights, x: Any) -> tuple[Any, Any]:
    """See :class:`~jaxdnn.layers.lists.ListPop`."""
    del layer, weights
    x = _dense(x)
    _require_inside(0, x)
    return x[:-1], x[-1]


@lowers(ListShape, numpy=True)
def shape_of(layer: ListShape, weights: Weights, x: Any) -> np.ndarray:
    """See :class:`~jaxdnn.layers.lists.ListShape`."""
    del weights
    if layer.what == "element":
        x = _dense(x)
    return np.asarray(x.shape[0] if layer.what == "count" else x.shape[1:], np.int32)


def _number(index: Any) -> Any:
    """Return an element's number as a scalar."""
    if index.size != 1:
        raise ShapeError(f"an element's number is {dims(index.shape)}, a scalar expected")
    return index.reshape(())


def _dense(x: Any) -> Any:
    if isinstance(x, Ragged):
        shapes = ", ".join(dims(element.shape) for element in x.elements)
        raise ShapeError(f"the list has elements of different shapes: {shapes}")
    return x


def _of_elements(x: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    """Return the list with elements of this shape and type, which it takes on if it has none yet."""
    if x.shape[1:] == shape and (x.size or x.dtype == dtype):
        return x
    if math.prod(x.shape[1:]) and x.shape[0]:
        raise ShapeError(f"the list has elements of {dims(x.shape[1:])}, not of {dims(shape)}")
    return np.zeros((x.shape[0], *shape), dtype)


def _resized(x: Any, count: int) -> Any:
    if count <= x.shape[0]:
        return x[:count]
    xp = namespace(x)
    return xp.concatenate([x, xp.zeros((count - x.shape[0], *x.shape[1:]), x.dtype)])


def _replaced(x: Any, index: Any, value: Any) -> Any:
    if namespace(x, index, value) is np:
        result = x.copy()
        result[index] = value
        return result
    if not x.shape[0]:  # in a loop without rounds
        return jnp.asarray(x)
    return jnp.asarray(x).at[index].set(value.astype(x.dtype))


def _require_inside(index: int, x: Any) -> None:
    if not 0 <= index < x.shape[0]:
        raise ShapeError(f"element {index} of a list of {x.shape[0]} is wanted")
