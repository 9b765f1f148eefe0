"""How the heads of YOLO detectors compute. Exponentials keep to float32."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.export import is_symbolic_dim
from jax.typing import DTypeLike

from jaxdnn.errors import ShapeError
from jaxdnn.layers.activation import GroupedSoftmax
from jaxdnn.layers.base import dims
from jaxdnn.layers.yolo import GridDecode, YoloDecode, YoloMap
from jaxdnn.lowering.activation import grouped_softmax
from jaxdnn.lowering.registry import lowers

_FUNCTIONS: dict[str, Callable[[jax.Array], jax.Array]] = {"sigmoid": jax.nn.sigmoid, "none": lambda x: x}
_TO_CENTRE = {"center": 0.0, "left_top": 0.5, "right_bottom": -0.5}


@lowers(YoloMap, float32=True)
def yolo_map(layer: YoloMap, weights: Mapping[str, jax.Array], x: jax.Array) -> jax.Array:
    """Cut the entries apart, apply each one's function, and join them."""
    del weights
    boxes = _boxes(x, layer.boxes, layer.classes, layer.uncertainty)
    coordinates, objectness, scores = _split(boxes, layer.uncertainty)
    centre = _FUNCTIONS[layer.centre](coordinates[:, :, :2, :1])
    centre = centre * layer.scale_xy - (layer.scale_xy - 1) / 2
    values = jnp.concatenate([centre, coordinates[:, :, 2:, :1]], axis=2)
    uncertainty = jax.nn.sigmoid(coordinates[:, :, :, 1:])
    coordinates = jnp.concatenate([values, uncertainty], axis=3)
    coordinates = coordinates.reshape(*x.shape[:1], layer.boxes, -1, *x.shape[2:])
    objectness = _FUNCTIONS[layer.objectness](objectness)
    if layer.scores == "softmax":
        scores = grouped_softmax(GroupedSoftmax(groups=layer.groups or (layer.classes,), axis=2), {}, scores)
    else:
        scores = _FUNCTIONS[layer.scores](scores)
    return jnp.concatenate([coordinates, objectness, scores], axis=2).reshape(x.shape)


@lowers(YoloDecode, float32=True)
def yolo_decode(
    layer: YoloDecode, weights: Mapping[str, jax.Array], x: jax.Array, *image: jax.Array
) -> jax.Array:
    """See :class:`~jaxdnn.layers.yolo.YoloDecode`."""
    del weights
    boxes = _boxes(x, len(layer.anchors), layer.classes, layer.uncertainty)
    coordinates, objectness, scores = _split(boxes, layer.uncertainty)
    batch, _, rows, columns = x.shape
    corners = jnp.stack([lax.broadcasted_iota(x.dtype, (rows, columns), axis) for axis in (1, 0)])
    grid = corners.reshape(1, 1, 2, rows, columns)
    cells = _pair((columns, rows), x.dtype).reshape(1, 1, 2, 1, 1)
    unit = image[0].shape[:1:-1] if image else (columns, rows)
    anchors = _relative(layer.anchors, unit, x.dtype).reshape(1, -1, 2, 1, 1)
    point = (_FUNCTIONS[layer.centre](coordinates[:, :, :2, 0]) + grid) / cells
    size = coordinates[:, :, 2:, 0]
    size = (jnp.exp(size) if layer.size == "exp" else jnp.square(2 * size)) * anchors
    centre = point + _TO_CENTRE[layer.point] * size
    scores = _times_ancestors(scores, layer.parents) * objectness
    if layer.uncertainty:
        scores = scores * (1 - jnp.mean(coordinates[:, :, :, 1:], axis=(2, 3))[:, :, None])
    scores = jnp.where(scores > layer.threshold, scores, 0)
    out = jnp.concatenate([centre, size, objectness, scores], axis=2)
    return out.transpose(0, 3, 4, 1, 2).reshape(batch, -1, 5 + layer.classes)


@lowers(GridDecode, float32=True)
def grid_decode(layer: GridDecode, weights: Mapping[str, jax.Array], x: jax.Array) -> jax.Array:
    """See :class:`~jaxdnn.layers.yolo.GridDecode`."""
    del weights
    batch, cells, boxes = x.shape[0], layer.side**2, layer.boxes
    needed = cells * (layer.classes + 5 * boxes)
    if x.shape[1:] != (needed,):
        raise ShapeError(f"{cells} cells need vectors of {needed} numbers, got {dims(x.shape[1:])}")
    scores, objectness, coordinates = jnp.split(
        x, [cells * layer.classes, needed - 4 * cells * boxes], axis=1
    )
    scores = scores.reshape(batch, cells, 1, layer.classes)
    objectness = objectness.reshape(batch, cells, boxes, 1)
    coordinates = coordinates.reshape(batch, cells, boxes, 4)
    grid = np.stack(np.meshgrid(np.arange(layer.side), np.arange(layer.side)), axis=-1)
    centre = (coordinates[..., :2] + jnp.asarray(grid, x.dtype).reshape(1, cells, 1, 2)) / layer.side
    size = jnp.square(coordinates[..., 2:]) if layer.squared else coordinates[..., 2:]
    out = jnp.concatenate([centre, size, objectness, scores * objectness], axis=3)
    return out.reshape(batch, cells * boxes, 5 + layer.classes)


def _pair(sizes: Sequence[int], dtype: DTypeLike) -> jax.Array:
    """Return sizes as an array, those too for which names stand while a program is exported."""
    return jnp.stack([jnp.asarray(size, dtype) for size in sizes])


def _relative(anchors: Sequence[Sequence[float]], sizes: Sequence[int], dtype: DTypeLike) -> jax.Array:
    """Return anchors relative to sizes, rounded once where these are known."""
    if any(is_symbolic_dim(size) for size in sizes):
        return jnp.asarray(anchors, dtype) / _pair(sizes, dtype).reshape(1, 2)
    return jnp.asarray(np.divide(anchors, sizes), dtype)


def _boxes(x: jax.Array, boxes: int, classes: int, uncertainty: bool) -> jax.Array:
    """Return predictions as (batch, boxes, entries, rows, columns)."""
    entries = (9 if uncertainty else 5) + classes
    if x.ndim != 4 or x.shape[1] != boxes * entries:
        raise ShapeError(
            f"{boxes} boxes of {entries} values need batch x {boxes * entries} x height x width, "
            f"got {dims(x.shape)}"
        )
    return x.reshape(x.shape[0], boxes, entries, *x.shape[2:])


def _split(boxes: jax.Array, uncertainty: bool) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Return coordinates (batch, boxes, 4, value and uncertainty, rows, columns), objectness and scores."""
    end = 8 if uncertainty else 4
    coordinates = boxes[:, :, :end].reshape(*boxes.shape[:2], 4, end // 4, *boxes.shape[3:])
    return coordinates, boxes[:, :, end : end + 1], boxes[:, :, end + 1 :]


def _times_ancestors(scores: jax.Array, parents: tuple[int, ...]) -> jax.Array:
    """Multiply each class's score by those of its ancestors, twice as far up in each step."""
    if not parents:
        return scores
    root = len(parents)
    up = np.array([*(root if parent < 0 else parent for parent in parents), root])
    one = jnp.ones_like(scores[:, :, :1])
    scores = jnp.concatenate([scores, one], axis=2)
    while (up != root).any():
        scores = scores * scores[:, :, up]
        up = up[up]
    return scores[:, :, :root]
