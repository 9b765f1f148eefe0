"""How box detectors compute: every image and class at once, all sizes fixed."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from jaxdnn.errors import ShapeError
from jaxdnn.layers.base import dims
from jaxdnn.layers.detection import BestClassOutput, DetectionOutput, PriorBox, Proposal
from jaxdnn.lowering.nms import best, first_true, suppress
from jaxdnn.lowering.padded import Padded
from jaxdnn.lowering.registry import lowers


@lowers(PriorBox)
def prior_box(
    layer: PriorBox, weights: Mapping[str, jax.Array], features: jax.Array, image: jax.Array
) -> np.ndarray:
    """Compute on the host, so that the boxes are constants of the program."""
    del weights
    _require_planes(features, image)
    first = 1 if layer.channels_last else 2
    rows, columns = features.shape[first : first + 2]
    width, height = layer.image or image.shape[first : first + 2][::-1]
    step_x, step_y = layer.step or (width / columns, height / rows)
    x = (np.arange(columns) + layer.offset) * step_x
    y = (np.arange(rows) + layer.offset) * step_y
    centre = np.stack(np.broadcast_arrays(x.reshape(1, -1, 1), y.reshape(-1, 1, 1)), axis=-1)
    half = np.reshape(layer.sizes, (1, 1, -1, 2)) / 2
    boxes = np.concatenate([centre - half, centre + half], axis=-1) / (width, height, width, height)
    if layer.clip:
        boxes = np.clip(boxes, 0, 1)
    variance = np.broadcast_to(layer.variance, boxes.shape)
    return np.stack([boxes.ravel(), variance.ravel()]).reshape(1, 2, -1).astype(np.float32)


@lowers(DetectionOutput, float32=True)
def detection_output(
    layer: DetectionOutput,
    weights: Mapping[str, jax.Array],
    location: jax.Array,
    confidence: jax.Array,
    prior: jax.Array,
    *first_step: jax.Array,
) -> Padded:
    """Detect in each image, then string the images' detections together."""
    del weights
    boxes, scores = decode(layer, location, confidence, prior, *first_step)
    return _joined(*jax.vmap(partial(_detect, layer))(boxes, scores))


@lowers(BestClassOutput, float32=True)
def best_class_output(layer: BestClassOutput, weights: Mapping[str, jax.Array], boxes: jax.Array) -> Padded:
    """Detect in each image, then string the images' detections together."""
    del weights
    if boxes.ndim != 3 or boxes.shape[2] < 6:
        raise ShapeError(f"input must be batch x boxes x (5 + classes), got {dims(boxes.shape)}")
    return _joined(*jax.vmap(partial(_best_classes, layer))(boxes))


def _best_classes(layer: BestClassOutput, boxes: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return one image's candidates (n, 6), best first, and which of them are detections."""
    score = jnp.max(boxes[:, 5:], axis=1)
    label = jnp.argmax(boxes[:, 5:], axis=1).astype(boxes.dtype) + layer.first_label
    order, count = best(score, score > layer.confidence_threshold, len(boxes))
    low, high = boxes[:, :2] - boxes[:, 2:4] / 2, boxes[:, :2] + boxes[:, 2:4] / 2
    rows = jnp.concatenate([jnp.stack([label, score], axis=1), low, high], axis=1)[order]
    return rows, suppress(rows[:, 2:], count, threshold=layer.nms_threshold)


def _joined(rows: jax.Array, kept: jax.Array) -> Padded:
    """String together those rows (batch, n, 6) that are kept, or say of each image that it has none."""
    batch, number, _ = rows.shape
    none = jnp.full((batch, 1, 6), -1, rows.dtype)
    rows = _with_image(jnp.concatenate([rows, none], axis=1))
    # Each image's last row says that there is nothing; it counts if there is nothing in any image.
    nothing = jnp.broadcast_to(~jnp.any(kept), (batch, 1))
    kept = jnp.concatenate([kept, nothing], axis=1).ravel()
    size = batch * max(number, 1)
    order, count = first_true(kept, size)
    valid = (jnp.arange(size) < count).reshape(-1, 1)
    return Padded(jnp.where(valid, rows[order], -1).reshape(1, 1, size, 7), count, axis=2)


def decode(
    layer: DetectionOutput,
    location: jax.Array,
    confidence: jax.Array,
    prior: jax.Array,
    objectness: jax.Array | None = None,
    first_location: jax.Array | None = None,
) -> tuple[jax.Array, jax.Array]:
    """Return what is suppressed: boxes (batch, objects or 1, priors, 4) and scores (batch, objects, priors)."""
    batch = location.shape[0]
    if prior.shape[-1] % 4:
        raise ShapeError(f"priors must have 4 values each, got {dims(prior.shape)}")
    prior = prior.reshape(-1, prior.shape[-1] // 4, 4)
    priors = prior.shape[1]
    boxes_per_prior = 1 if layer.share_location else layer.classes
    for name, array, width in (
        ("location", location, 4 * boxes_per_prior),
        ("confidence", confidence, layer.classes),
        ("objectness", objectness, 2),
        ("the first step's location", first_location, 4 * boxes_per_prior),
    ):
        if array is not None and array.size != batch * priors * width:
            raise ShapeError(
                f"{name} predictions of {dims(array.shape)} do not match {priors} priors of {width} values "
                f"in {batch} images"
            )
    if not layer.variance_in_target and len(prior) < 2:
        raise ShapeError(f"priors must be boxes and variances, 2 rows, got {len(prior)}")
    corners, variance = prior[0].reshape(1, priors, 1, 4), prior[-1].reshape(1, priors, 1, 4)
    if first_location is not None:
        first_location = first_location.reshape(batch, priors, boxes_per_prior, 4)
        corners = _decode_boxes(layer, first_location, corners, variance)
    boxes = _decode_boxes(layer, location.reshape(batch, priors, boxes_per_prior, 4), corners, variance)
    boxes = (jnp.clip(boxes, 0, 1) if layer.clip else boxes).transpose(0, 2, 1, 3)
    scores = confidence.reshape(batch, priors, layer.classes).transpose(0, 2, 1)
    if objectness is not None:
        certain = objectness.reshape(batch, 1, priors, 2)[..., 1] >= layer.objectness_threshold
        empty = np.arange(layer.classes).reshape(1, -1, 1) == layer.background
        scores = jnp.where(certain, scores, jnp.asarray(empty, scores.dtype))
    chosen = objects(layer)
    return boxes if layer.share_location else boxes[:, chosen], scores[:, chosen]


def objects(layer: DetectionOutput) -> np.ndarray:
    """Return the classes that are not the background."""
    return np.array([label for label in range(layer.classes) if label != layer.background], int)


def _decode_boxes(
    layer: DetectionOutput, delta: jax.Array, corners: jax.Array, variance: jax.Array
) -> jax.Array:
    """Turn predictions (batch, priors, L, 4) into boxes."""
    low, high = corners[..., :2], corners[..., 2:]
    size = high - low
    if not layer.variance_in_target:
        delta = delta * variance
    if layer.code == "center_size":
        centre = delta[..., :2] * size + (low + high) / 2
        half = jnp.exp(delta[..., 2:]) * size / 2
        return jnp.concatenate([centre - half, centre + half], axis=-1)
    if layer.code == "corner_size":
        return corners + delta * jnp.concatenate([size, size], axis=-1)
    return corners + delta


def _detect(layer: DetectionOutput, boxes: jax.Array, scores: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return one image's candidates (n, 6), in the order of the output, and which of them are detections."""
    priors = scores.shape[1]
    candidates = priors if layer.top_k is None else min(layer.top_k, priors)

    def one_class(boxes: jax.Array, scores: jax.Array) -> tuple[jax.Array, jax.Array]:
        indices, count = best(scores, scores > layer.confidence_threshold, candidates)
        boxes = boxes[indices]
        kept = suppress(boxes, count, threshold=layer.nms_threshold, eta=layer.eta)
        return jnp.concatenate([scores[indices].reshape(-1, 1), boxes], axis=1), kept

    boxes, in_axes = (boxes[0], (None, 0)) if layer.share_location else (boxes, (0, 0))
    found, kept = jax.vmap(one_class, in_axes)(boxes, scores)
    label = np.repeat(objects(layer), candidates).reshape(-1, 1)
    rows = jnp.concatenate([jnp.asarray(label, found.dtype), found.reshape(-1, 5)], axis=1)
    kept = kept.ravel()
    limit = len(rows) if layer.keep_top_k is None else min(layer.keep_top_k, len(rows))
    if layer.group_classes and limit == len(rows):
        return rows, kept
    chosen, count = best(rows[:, 1], kept, limit)
    valid = jnp.arange(limit) < count
    if not layer.group_classes:
        return rows[chosen], valid
    # Sorted positions bring back the order of classes; those that are not valid go to the end.
    order = jnp.sort(jnp.where(valid, chosen, len(rows)))
    return jnp.take(rows, order, axis=0, mode="clip"), valid


@lowers(Proposal, float32=True)
def proposal(
    layer: Proposal, weights: Mapping[str, jax.Array], scores: jax.Array, delta: jax.Array, image: jax.Array
) -> Padded | tuple[Padded, Padded]:
    """Propose in each image, then string the images' regions together."""
    del weights
    batch = scores.shape[0]
    propose = partial(_propose, layer)
    boxes, found, counts = jax.vmap(propose)(*candidates(layer, scores, delta, image))
    size = boxes.shape[1]
    order, count = first_true((jnp.arange(size).reshape(1, -1) < counts.reshape(-1, 1)).ravel(), batch * size)
    regions = _with_image(boxes)[order]
    if not layer.scores:
        return Padded(regions, count, axis=0)
    return Padded(regions, count, axis=0), Padded(found.reshape(-1, 1)[order], count, axis=0)


def candidates(
    layer: Proposal, scores: jax.Array, delta: jax.Array, image: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Return boxes (batch, n, 4), which of them are large enough (batch, n), and their scores (batch, n)."""
    _require_planes(scores, delta)
    batch, _, rows, columns = scores.shape
    number = len(layer.anchors)
    for name, array, width in (("scores", scores, 2 * number), ("deltas", delta, 4 * number)):
        if array.shape != (batch, width, rows, columns):
            expected = dims((batch, width, rows, columns))
            raise ShapeError(f"{name} must be {expected} for {number} anchors, got {dims(array.shape)}")
    image = image.reshape(-1, image.shape[-1])
    if len(image) not in (1, batch) or image.shape[1] < 3:
        raise ShapeError(f"height, width and scale of {batch} images expected, got {dims(image.shape)}")
    image = jnp.broadcast_to(image[:, :3], (batch, 3))
    objectness = scores[:, number:].transpose(0, 2, 3, 1).reshape(batch, -1)
    delta = delta.reshape(batch, number, 4, rows, columns).transpose(0, 3, 4, 1, 2).reshape(batch, -1, 4)
    return *jax.vmap(partial(_candidate_boxes, layer, _anchor_grid(layer, rows, columns)))(
        delta, image
    ), objectness


def _anchor_grid(layer: Proposal, rows: int, columns: int) -> np.ndarray:
    """Return the anchors of all cells (rows * columns * anchors, 4)."""
    y, x = np.mgrid[:rows, :columns] * layer.stride
    shift = np.stack([x, y, x, y], axis=-1).reshape(-1, 1, 4)
    return np.reshape(shift + np.array(layer.anchors).reshape(1, -1, 4), (-1, 4)).astype(np.float32)


def _candidate_boxes(
    layer: Proposal, anchors: np.ndarray, delta: jax.Array, image: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Return one image's boxes (n, 4), and which of them are large enough."""
    size = anchors[:, 2:] - anchors[:, :2] + 1
    centre = delta[:, :2] * size + (anchors[:, :2] + size / 2)
    half = jnp.exp(delta[:, 2:]) * size / 2
    last = image[1::-1].reshape(1, 2) - 1
    low, high = (jnp.clip(corner, 0, last) for corner in (centre - half, centre + half))
    valid = jnp.all(high - low + 1 >= layer.min_size * image[2], axis=1)
    return jnp.concatenate([low, high], axis=1), valid


def limits(layer: Proposal, number: int) -> tuple[int, int]:
    """Return how many of so many candidates go through suppression, and how many regions may remain."""
    first = min(layer.pre_nms_top_n or number, number)
    return first, min(layer.post_nms_top_n or first, first)


def _propose(
    layer: Proposal, boxes: jax.Array, valid: jax.Array, scores: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Return one image's regions, their scores, and how many are valid."""
    first, limit = limits(layer, len(boxes))
    indices, count = best(scores, valid, first)
    boxes = boxes[indices]
    kept = suppress(boxes, count, threshold=layer.nms_threshold, limit=limit, extent=1.0)
    chosen, count = first_true(kept, limit)
    return boxes[chosen], scores[indices][chosen], count


def _with_image(rows: jax.Array) -> jax.Array:
    """Put each image's index before its rows (batch, n, m), and join the images (batch * n, 1 + m)."""
    batch, number, width = rows.shape
    image = jnp.arange(batch, dtype=rows.dtype).reshape(-1, 1, 1)
    image = jnp.broadcast_to(image, (batch, number, 1))
    return jnp.concatenate([image, rows], axis=2).reshape(-1, 1 + width)


def _require_planes(*arrays: jax.Array) -> None:
    for array in arrays:
        if array.ndim != 4:
            raise ShapeError(f"inputs must be batch x channels x height x width, got {dims(array.shape)}")
