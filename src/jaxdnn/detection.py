"""From the rows of YOLO heads to the objects in a picture."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdnn.errors import InputError
from jaxdnn.ir import Graph
from jaxdnn.layers.base import dims
from jaxdnn.layers.yolo import GridDecode, YoloDecode
from jaxdnn.lowering.nms import best, first_true, iou, suppress


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Detections:
    """Objects found in a batch of pictures, in arrays of a fixed size, the most certain objects first.

    Only the first ``count`` entries of a picture are valid; the others have the class -1 and are 0.

    Attributes:
        boxes: (batch, size, 4), left, top, right, bottom relative to the network's input.
        scores: (batch, size).
        classes: (batch, size), int32.
        count: (batch,), int32.
    """

    boxes: jax.Array
    scores: jax.Array
    classes: jax.Array
    count: jax.Array

    def of(self, index: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the valid boxes, scores and classes of one picture. Waits for the device."""
        count = int(self.count[index])
        boxes, scores, classes = (
            np.asarray(array[index])[:count] for array in (self.boxes, self.scores, self.classes)
        )
        return boxes, scores, classes


def detections(
    rows: Any,
    *,
    score_threshold: float = 0.25,
    iou_threshold: float = 0.45,
    max_detections: int = 100,
    classes: Collection[int] | None = None,
    per_class: bool = True,
    distance_power: float | None = None,
    candidates: int = 4096,
) -> Detections:
    """Return the objects that a YOLO network's outputs mean: greedy non-maximum suppression of its boxes.

    A pure function, also inside ``jax.jit``, of any batch size. Candidates are all pairs of a box and a class whose
    score is above ``score_threshold``. From the highest score on (of equal ones the earlier row first), a candidate
    is an object unless it overlaps an earlier object of its class by more than ``iou_threshold``.

    Args:
        rows: an output (batch, boxes, 5 + classes) as :class:`~jaxdnn.layers.yolo.YoloDecode` gives it, or what
            a net of such outputs returns, ``net(x)``: a dict of them, whose boxes are taken together.
        score_threshold, iou_threshold: see above.
        max_detections: the size of the result; the loop ends with so many objects.
        classes: those that count; None: all.
        per_class: if false, a box is a candidate for its best class alone, and suppresses those of any class.
        distance_power: what is subtracted from the intersection over union of two boxes is the squared distance
            of their centres, relative to the squared diagonal of the smallest box around them, to this power.
            Darknet's ``greedynms`` is 0.6 and its ``diounms`` the cfg's ``beta_nms``; None: subtract nothing.
        candidates: how many of the best are looked at. A threshold that leaves more of them makes the result
            an approximation.

    Raises:
        InputError: the rows are none, or an argument is out of its range.
    """
    joined = _joined(rows)
    if max_detections < 1 or candidates < 1:
        raise InputError(
            f"max_detections and candidates must be at least 1, got {max_detections} and {candidates}"
        )
    number = joined.shape[2] - 5
    wanted = tuple(range(number)) if classes is None else tuple(sorted(set(classes)))
    if not wanted or not 0 <= wanted[0] <= wanted[-1] < number:
        raise InputError(f"classes must be some of 0 to {number - 1}, got {list(wanted)}")
    found: Detections = _detect(
        joined,
        score_threshold,
        iou_threshold,
        distance_power,
        size=max_detections,
        wanted=wanted,
        per_class=per_class,
        limit=min(candidates, joined.shape[1] * (len(wanted) if per_class else 1)),
    )
    return found


def is_head(graph: Graph, name: str) -> bool:
    """Whether a value is rows of boxes with a score for each class, as :func:`detections` takes them."""
    node = graph.producers.get(graph.resolve(name))
    return node is not None and isinstance(node.layer, YoloDecode | GridDecode)


def _joined(rows: Any) -> jax.Array:
    """Return the rows of all heads as (batch, boxes, 5 + classes), float32."""
    named = dict(rows) if isinstance(rows, Mapping) else {"rows": rows}
    if not named:
        raise InputError("there are no rows to detect objects in")
    arrays = {name: jnp.asarray(array) for name, array in named.items()}
    shapes = {name: array.shape for name, array in arrays.items()}
    first = next(iter(shapes.values()))
    for name, shape in shapes.items():
        if len(shape) != 3 or shape[1] < 1 or shape[2] < 6:
            raise InputError(f"rows are batch x boxes x (5 + classes), {name!r} is {dims(shape)}")
        if (shape[0], shape[2]) != (first[0], first[2]):
            raise InputError(f"the heads do not fit together: {dims(first)} and {dims(shape)}")
    return jnp.concatenate([array.astype(jnp.float32) for array in arrays.values()], axis=1)


@partial(jax.jit, static_argnames=("size", "wanted", "per_class", "limit"))
def _detect(
    rows: jax.Array,
    score_threshold: float,
    iou_threshold: float,
    distance_power: float | None,
    *,
    size: int,
    wanted: tuple[int, ...],
    per_class: bool,
    limit: int,
) -> Detections:
    """Detect in each picture. Candidates stand in one list, best first, whatever their class."""

    def one(rows: jax.Array) -> Detections:
        centre, half = rows[:, :2], rows[:, 2:4] / 2
        boxes = jnp.concatenate([centre - half, centre + half], axis=1)
        scores = rows[:, 5:][:, np.array(wanted, int)]
        labels = jnp.broadcast_to(jnp.array(wanted, jnp.int32).reshape(1, -1), scores.shape)
        if not per_class:
            favourite = jnp.argmax(scores, axis=1, keepdims=True)
            scores, labels = (jnp.take_along_axis(a, favourite, axis=1) for a in (scores, labels))
        per_box = scores.shape[1]
        scores, labels = scores.ravel(), labels.ravel()
        order, count = best(scores, scores > score_threshold, limit)
        boxes, scores, labels = boxes[order // per_box], scores[order], labels[order]
        groups = labels if per_class else jnp.zeros_like(labels)
        table = jnp.concatenate([boxes, groups.astype(boxes.dtype).reshape(-1, 1)], axis=1)
        overlap = partial(_overlap, distance_power=distance_power)
        kept = suppress(table, count, threshold=iou_threshold, limit=size, overlap=overlap)
        chosen, number = first_true(kept, size)
        valid = jnp.arange(size) < number
        return Detections(
            jnp.where(valid.reshape(-1, 1), boxes[chosen], 0),
            jnp.where(valid, scores[chosen], 0),
            jnp.where(valid, labels[chosen], -1),
            number,
        )

    return jax.vmap(one)(rows)


def _overlap(box: jax.Array, boxes: jax.Array, distance_power: float | None) -> jax.Array:
    """Return how much one row (corners, group) overlaps others; different groups do not at all."""
    corners, others = box[:4], boxes[:, :4]
    overlap = iou(corners, others)
    if distance_power is not None:
        overlap = overlap - _distance(corners.reshape(1, 4), others) ** distance_power
    return jnp.where(boxes[:, 4] == box[4], overlap, -jnp.inf)


def _distance(box: jax.Array, boxes: jax.Array) -> jax.Array:
    """Return the squared distance of centres relative to the squared diagonal of what encloses both boxes."""
    low, high = jnp.minimum(box[:, :2], boxes[:, :2]), jnp.maximum(box[:, 2:], boxes[:, 2:])
    between = (box[:, :2] + box[:, 2:] - boxes[:, :2] - boxes[:, 2:]) / 2
    diagonal = jnp.sum(jnp.square(high - low), axis=1)
    return jnp.where(diagonal > 0, jnp.sum(jnp.square(between), axis=1) / diagonal, 0)
