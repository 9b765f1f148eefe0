"""How non-maximum suppression computes: one step per kept box, all classes and images at once."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import jax
import jax.numpy as jnp
from jax import lax

from jaxdnn.errors import ShapeError
from jaxdnn.layers.base import dims
from jaxdnn.layers.suppression import BatchedSuppression, ClassSuppression, NonMaxSuppression
from jaxdnn.lowering.nms import first_true, iou
from jaxdnn.lowering.padded import Padded
from jaxdnn.lowering.registry import lowers

Weights = Mapping[str, jax.Array]
Kept = tuple[jax.Array, jax.Array, jax.Array]


def _upright(boxes: jax.Array) -> jax.Array:
    """Order the corners of boxes (…, 4)."""
    first, second = boxes[..., :2], boxes[..., 2:]
    return jnp.concatenate([jnp.minimum(first, second), jnp.maximum(first, second)], axis=-1)


def _keep(boxes: jax.Array, scores: jax.Array, layer: NonMaxSuppression) -> Kept:
    """Return indices, scores (zeros behind those that are valid) and their number."""
    boxes = _upright(lax.stop_gradient(boxes))
    none = jnp.asarray(-jnp.inf, scores.dtype)
    State = tuple[jax.Array, jax.Array, jax.Array, jax.Array]

    def going(state: State) -> jax.Array:
        left, _, _, count = state
        return (count < layer.count) & (jnp.max(left, initial=-jnp.inf) > none)

    def step(state: State) -> State:
        left, indices, kept, count = state
        best = jnp.argmax(left)
        indices = indices.at[count].set(best.astype(jnp.int32))
        kept = kept.at[count].set(left[best])
        overlap = iou(boxes[best], boxes)
        if layer.sigma > 0:
            left = left * jnp.exp(-(overlap**2) / (2 * layer.sigma))
            left = jnp.where(left > layer.score_threshold, left, none)
        else:
            left = jnp.where(overlap > layer.overlap_threshold, none, left)
        return left.at[best].set(none), indices, kept, count + 1

    if len(scores) == 0 or layer.count == 0:
        return jnp.zeros(layer.count, jnp.int32), jnp.zeros(layer.count, scores.dtype), jnp.int32(0)
    left = jnp.where(scores > layer.score_threshold, lax.stop_gradient(scores), none)
    empty = (jnp.zeros(layer.count, jnp.int32), jnp.zeros(layer.count, scores.dtype), jnp.int32(0))
    _, indices, kept, count = lax.while_loop(going, step, (left, *empty))
    if layer.sigma == 0:  # the loop has no gradient, the scores themselves have
        kept = jnp.where(
            jnp.arange(layer.count, dtype=jnp.int32) < count, scores[indices], jnp.zeros_like(kept)
        )
    return indices, kept, count


@lowers(NonMaxSuppression, float32=True)
def non_max_suppression(
    layer: NonMaxSuppression, weights: Weights, boxes: jax.Array, scores: jax.Array
) -> tuple[jax.Array | Padded, jax.Array | Padded, jax.Array]:
    """See :class:`~jaxdnn.layers.suppression.NonMaxSuppression`."""
    del weights
    if boxes.ndim != 2 or boxes.shape[1] != 4 or scores.shape != boxes.shape[:1]:
        raise ShapeError(f"boxes {dims(boxes.shape)} and scores {dims(scores.shape)} do not fit")
    indices, kept, count = _keep(boxes, scores, layer)
    if layer.pad:
        return indices, kept, count
    return Padded(indices, count, axis=0), Padded(kept, count, axis=0), count


@lowers(ClassSuppression, float32=True)
def class_suppression(
    layer: ClassSuppression, weights: Weights, boxes: jax.Array, scores: jax.Array
) -> Padded:
    """See :class:`~jaxdnn.layers.suppression.ClassSuppression`."""
    del weights
    fits = boxes.ndim == scores.ndim == 3 and boxes.shape[:2] == (scores.shape[0], scores.shape[2])
    if not fits or boxes.shape[2] != 4:
        raise ShapeError(f"boxes {dims(boxes.shape)} and scores {dims(scores.shape)} do not fit")
    if layer.centers:
        centre, half = boxes[..., :2], boxes[..., 2:] / 2
        boxes = jnp.concatenate([centre - half, centre + half], axis=-1)
    images, classes, number = scores.shape
    one = NonMaxSuppression(
        count=min(layer.count, number),
        overlap_threshold=layer.overlap_threshold,
        score_threshold=layer.score_threshold,
    )
    of_class = jax.vmap(partial(_keep, layer=one), in_axes=(None, 0))
    kept, _, counts = jax.vmap(of_class)(boxes, scores)
    places = jnp.indices((images, classes, one.count), dtype=jnp.int32)
    rows = jnp.stack([places[0], places[1], kept], axis=-1).reshape(-1, 3)
    order, count = first_true((places[2] < counts[..., None]).ravel(), len(rows))
    valid = jnp.arange(len(rows), dtype=jnp.int32) < count
    return Padded(jnp.where(valid.reshape(-1, 1), rows[order], 0), count, axis=0)


@lowers(BatchedSuppression, float32=True)
def batched_suppression(
    layer: BatchedSuppression, weights: Weights, boxes: jax.Array, scores: jax.Array
) -> tuple[jax.Array, ...]:
    """See :class:`~jaxdnn.layers.suppression.BatchedSuppression`."""
    del weights
    if boxes.ndim == 3:
        boxes = boxes[:, :, None]
    fits = boxes.ndim == 4 and scores.ndim == 3 and boxes.shape[:2] == scores.shape[:2]
    if not fits or boxes.shape[3] != 4 or boxes.shape[2] not in (1, scores.shape[2]):
        raise ShapeError(f"boxes {dims(boxes.shape)} and scores {dims(scores.shape)} do not fit")
    return jax.vmap(partial(_best_of_classes, layer))(boxes, scores)


def _best_of_classes(
    layer: BatchedSuppression, boxes: jax.Array, scores: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array]:
    """Detect in one image: boxes (n, q, 4), scores (n, classes)."""
    number, classes = scores.shape
    one = NonMaxSuppression(
        count=min(layer.class_count, number),
        overlap_threshold=layer.overlap_threshold,
        score_threshold=layer.score_threshold,
    )
    boxes = boxes.transpose(1, 0, 2)
    boxes = jnp.broadcast_to(boxes, (classes, *boxes.shape[1:]))
    indices, kept, counts = jax.vmap(partial(_keep, layer=one))(boxes, scores.T)
    valid = jnp.arange(one.count).reshape(1, -1) < counts.reshape(-1, 1)
    found = jnp.take_along_axis(boxes, indices[..., None], axis=1).reshape(-1, 4)
    size = min(layer.count, layer.class_count * classes) if layer.pad_per_class else layer.count
    taken = min(size, len(found))
    # A stable order: of equal scores the first class' comes first.
    order = jnp.argsort(jnp.where(valid, -kept, jnp.inf).ravel(), stable=True)[:taken]
    count = jnp.minimum(jnp.sum(counts), taken).astype(jnp.int32)
    label = (order // max(one.count, 1)).astype(kept.dtype)
    parts = (found[order], kept.ravel()[order], label)
    shown = jnp.arange(size) < count
    box, score, label = (
        jnp.where(
            shown.reshape((-1,) + (1,) * (part.ndim - 1)),
            jnp.pad(part, [(0, size - taken)] + [(0, 0)] * (part.ndim - 1)),
            jnp.zeros((), part.dtype),
        )
        for part in parts
    )
    return (jnp.clip(box, 0, 1) if layer.clip else box), score, label, count
