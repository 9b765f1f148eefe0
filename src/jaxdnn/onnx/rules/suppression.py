"""Non-maximum suppression, as a layer and as what the heads of detectors share.

Several suppressions run in one operator: each has its own boxes and scores, and those that are kept come back as an
array of the scores' shape. What orders and joins detections then works on arrays of fixed sizes.
"""

from __future__ import annotations

import numpy as np

from jaxdnn.layers.suppression import BatchedSuppression, ClassSuppression, NonMaxSuppression
from jaxdnn.onnx.exporter import Exporter
from jaxdnn.onnx.registry import NotExpressible, exports
from jaxdnn.onnx.sizes import Size, static

_LOWEST = float("-inf")


def best(e: Exporter, scores: str, limit: Size) -> tuple[str, str]:
    """Return the largest scores along the last axis, the earlier first among equals, and their places."""
    found, places = e.ops("TopK", 2, scores, e.sizes([limit]), axis=-1, largest=1, sorted=1)
    return found, places


def along(e: Exporter, rows: str, places: str, width: int) -> str:
    """Return rows (batch, n, width) in the order of places (batch, m)."""
    indices = e.op("Expand", e.unsqueeze(places, [2]), [1, 1, width])
    return e.op("GatherElements", rows, indices, axis=1)


def suppressed(
    e: Exporter, boxes: str, scores: str, limit: Size, *, threshold: float, above: float = _LOWEST
) -> str:
    """Return scores (batch, n), minus infinity where suppression does not keep a box.

    Args:
        e: of the layer.
        boxes: (batch, n, 4), two opposite corners of each.
        scores: (batch, n).
        limit: the most boxes to keep of each batch.
        threshold: the largest tolerated intersection over union.
        above: a score must be greater.

    Raises:
        NotExpressible: the threshold is negative; the operator takes 0 to 1.
    """
    if threshold < 0:
        raise NotExpressible(f"an overlap is at least 0, and {threshold} is the largest one tolerated")
    # A box that is always kept comes last: OpenCV 5 crashes where indices are empty.
    boxes = e.pad(boxes, [0, 0, 0], [0, 1, 0])
    scores = e.pad(scores, [0, 0], [0, 1], value=e.number(float(np.finfo(e.type).max)))
    most = [limit + 1] if isinstance(limit, int) else e.op("Add", e.sizes([limit]), [1])
    kept = e.op(
        "NonMaxSuppression", boxes, e.unsqueeze(scores, [1]), most, *_thresholds(min(threshold, 1.0), above)
    )
    places = e.op("Gather", kept, [0, 2], axis=1)
    nothing = e.op("Expand", _LOWEST, e.op("Shape", scores))
    found = e.op("ScatterND", nothing, places, e.op("GatherND", scores, places))
    return e.slice(found, [0], [-1], [1])


def upright(e: Exporter, low: str, high: str) -> str:
    """Return boxes of corners (…, 2) as the operator takes them: where low exceeds high they are empty.

    It would put the corners in order; no box overlaps one that has no area.
    """
    return e.concat([low, e.op("Max", low, high)], -1)


def _thresholds(overlap: float, above: float) -> tuple[np.ndarray, np.ndarray]:
    return np.array([overlap], np.float32), np.array([above], np.float32)


@exports(NonMaxSuppression)
def non_max_suppression(e: Exporter, layer: NonMaxSuppression, boxes: str, scores: str) -> tuple[str, ...]:
    """One suppression; its order is that of the operator, best first."""
    if layer.sigma > 0:
        raise NotExpressible("soft suppression has no operator")
    if layer.overlap_threshold < 0:
        raise NotExpressible("a negative overlap has no operator")
    kept = e.op(
        "NonMaxSuppression",
        e.unsqueeze(boxes, [0]),
        e.unsqueeze(scores, [0, 1]),
        [layer.count],
        *_thresholds(min(layer.overlap_threshold, 1.0), layer.score_threshold),
    )
    places = e.squeeze(e.op("Slice", kept, [2], [3], [1]), [1])
    count = e.op("Shape", places)
    found = e.op("Gather", scores, places)
    if layer.pad:
        places, found = (
            e.slice(e.concat([each, np.zeros(layer.count, dtype)], 0), [0], [layer.count], [0])
            for each, dtype in ((places, np.int64), (found, e.type))
        )
    return e.cast(places, "int32"), found, e.cast(e.squeeze(count, [0]), "int32")


@exports(ClassSuppression)
def class_suppression(e: Exporter, layer: ClassSuppression, boxes: str, scores: str) -> str:
    """The operator itself."""
    if layer.overlap_threshold < 0:
        raise NotExpressible("a negative overlap has no operator")
    thresholds = _thresholds(min(layer.overlap_threshold, 1.0), layer.score_threshold)
    centers = int(layer.centers)
    rows = e.op("NonMaxSuppression", boxes, scores, [layer.count], *thresholds, center_point_box=centers)
    return e.cast(rows, "int32")


@exports(BatchedSuppression)
def batched_suppression(e: Exporter, layer: BatchedSuppression, boxes: str, scores: str) -> tuple[str, ...]:
    """Suppress each class of each image, and take the best of an image's classes."""
    number, classes = static(e.inputs[1].sizes[1:])
    batch = e.inputs[1].sizes[0]
    if number == 0:
        raise NotExpressible("there are no boxes")
    own = e.inputs[0].rank == 4 and e.inputs[0].sizes[2] != 1
    boxes = boxes if e.inputs[0].rank == 4 else e.unsqueeze(boxes, [2])
    boxes = e.transpose(boxes, (0, 2, 1, 3))
    boxes = boxes if own else e.op("Expand", boxes, [1, classes, 1, 1])
    each = e.op("Reshape", boxes, [-1, number, 4])
    flat = e.op("Reshape", e.transpose(scores, (0, 2, 1)), [-1, number])
    kept = suppressed(
        e,
        each,
        flat,
        min(layer.class_count, number),
        threshold=layer.overlap_threshold,
        above=layer.score_threshold,
    )
    size = min(layer.count, layer.class_count * classes) if layer.pad_per_class else layer.count
    taken = min(size, classes * min(layer.class_count, number))
    score, places = best(e, e.reshape(kept, [batch, classes * number]), taken)
    valid = e.op("Greater", score, _LOWEST)
    box = along(e, e.reshape(each, [batch, classes * number, 4]), places, 4)
    box = e.op("Clip", box, 0.0, 1.0) if layer.clip else box
    label = e.cast(e.op("Div", places, np.array(number, np.int64)), e.type)
    box = e.op("Where", e.unsqueeze(valid, [2]), box, 0.0)
    score, label = (e.op("Where", valid, part, 0.0) for part in (score, label))
    rest = size - taken
    count = e.reduce("Sum", e.cast(valid, "int32"), [1], keepdims=False)
    return (
        e.pad(box, [0, 0, 0], [0, rest, 0]),
        e.pad(score, [0, 0], [0, rest]),
        e.pad(label, [0, 0], [0, rest]),
        count,
    )
