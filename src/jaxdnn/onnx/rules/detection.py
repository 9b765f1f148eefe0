"""Heads of box detectors: what they decode is their lowering's, suppression and order are operators."""

from __future__ import annotations

from functools import partial

import numpy as np

from jaxdnn.layers.detection import BestClassOutput, DetectionOutput, Proposal
from jaxdnn.lowering.detection import candidates, decode, limits, objects
from jaxdnn.onnx.exporter import Exporter
from jaxdnn.onnx.fallback import lowered
from jaxdnn.onnx.registry import NotExpressible, exports
from jaxdnn.onnx.rules.suppression import along, best, suppressed, upright
from jaxdnn.onnx.sizes import Size, static_product

_LOWEST = float("-inf")


@exports(DetectionOutput)
def detection_output(e: Exporter, layer: DetectionOutput, *inputs: str) -> str:
    """Suppress the best boxes of each class of each image, then take the best of each image."""
    del inputs
    if layer.eta < 1:
        raise NotExpressible("a threshold that adapts has no operator")
    boxes, scores = lowered(e, partial(decode, layer), *e.inputs)
    labels, batch = objects(layer), e.inputs[0].sizes[0]
    priors = static_product(e.inputs[2].sizes[-1:]) // 4
    count = priors if layer.top_k is None else min(layer.top_k, priors)
    number = len(labels)
    boxes = boxes if not layer.share_location else e.op("Expand", boxes, [1, number, 1, 1])
    boxes = e.op("Reshape", boxes, [-1, priors, 4])
    score, order = best(e, e.op("Reshape", scores, [-1, priors]), count)
    boxes = along(e, boxes, order, 4)
    kept = suppressed(
        e,
        _corners(e, boxes),
        score,
        count,
        threshold=layer.nms_threshold,
        above=layer.confidence_threshold,
    )
    total = number * count
    kept, boxes = e.reshape(kept, [batch, total]), e.reshape(boxes, [batch, total, 4])
    label = np.repeat(labels, count).astype(e.type).reshape(1, -1, 1)
    limit = total if layer.keep_top_k is None else min(layer.keep_top_k, total)
    rows = e.concat([_labels(e, label, kept), e.unsqueeze(kept, [2]), boxes], 2)
    if layer.group_classes and limit == total:
        return _joined(e, rows, batch)
    score, places = best(e, kept, limit)
    if layer.group_classes:
        # Places in their own order bring back the order of classes; those that hold nothing go to the end.
        beyond = np.array(total - 1, np.int64)
        valid = e.op("Greater", score, _LOWEST)
        last = e.op("Where", valid, places, np.array(total, np.int64))
        places = e.ops("TopK", 2, last, [limit], axis=1, largest=0, sorted=1)[0]
        missing = e.unsqueeze(e.op("Greater", places, beyond), [2])
        rows = along(e, rows, e.op("Min", places, beyond), 6)
        return _joined(e, e.op("Where", missing, _LOWEST, rows), batch)
    return _joined(e, along(e, rows, places, 6), batch)


@exports(BestClassOutput)
def best_class_output(e: Exporter, layer: BestClassOutput, boxes: str) -> str:
    """Suppress each image's boxes, whatever their classes, and put them in the order of their scores."""
    batch, number, width = e.inputs[0].sizes
    corner, size, _, scores = e.ops("Split", 4, boxes, [2, 2, 1, static_product((width,)) - 5], axis=2)
    half = e.op("Div", size, 2.0)
    boxes = e.concat([e.op("Sub", corner, half), e.op("Add", corner, half)], 2)
    score = e.reduce("Max", scores, [2], keepdims=False)
    label = e.cast(e.op("ArgMax", scores, axis=2, keepdims=0), e.type)
    kept = suppressed(
        e,
        _corners(e, boxes),
        score,
        number,
        threshold=layer.nms_threshold,
        above=layer.confidence_threshold,
    )
    found, order = best(e, kept, number)
    label = e.op("Add", e.op("GatherElements", label, order, axis=1), float(layer.first_label))
    rows = e.concat([e.unsqueeze(label, [2]), e.unsqueeze(found, [2]), along(e, boxes, order, 4)], 2)
    return _joined(e, rows, batch)


@exports(Proposal)
def proposal(e: Exporter, layer: Proposal, *inputs: str) -> str | tuple[str, str]:
    """Suppress the best boxes of each image, whose size counts both ends."""
    del inputs
    boxes, large, scores = lowered(e, partial(candidates, layer), *e.inputs)
    number = static_product(e.inputs[0].sizes[2:]) * len(layer.anchors)
    first, limit = limits(layer, number)
    score, order = best(e, e.op("Where", large, scores, _LOWEST), first)
    boxes = along(e, boxes, order, 4)
    low, high = e.split(boxes, [2, 2], 2)
    kept = suppressed(e, upright(e, low, e.op("Add", high, 1.0)), score, limit, threshold=layer.nms_threshold)
    places = _places(e, e.op("Greater", kept, _LOWEST))
    image = e.cast(e.op("Slice", places, [0], [1], [1]), e.type)
    regions = e.concat([image, e.op("GatherND", boxes, places)], 1)
    return (regions, e.unsqueeze(e.op("GatherND", score, places), [1])) if layer.scores else regions


def _corners(e: Exporter, boxes: str) -> str:
    """Return boxes (batch, n, 4) as the operator takes them."""
    return upright(e, *e.split(boxes, [2, 2], 2))


def _labels(e: Exporter, label: np.ndarray, kept: str) -> str:
    """Return labels (1, n, 1) once for each image of scores (batch, n)."""
    return e.op("Expand", label, e.op("Shape", e.unsqueeze(kept, [2])))


def _places(e: Exporter, mask: str) -> str:
    """Return where a mask is true, row by row, (n, axes)."""
    return e.transpose(e.op("NonZero", mask), (1, 0))


def _joined(e: Exporter, rows: str, batch: Size) -> str:
    """String together those rows ``label, score, box`` (batch, n, 6) whose score is not minus infinity.

    Without any there is a row for each image that says so.
    """
    score = e.squeeze(e.slice(rows, [1], [2], [2]), [2])
    images = e.squeeze(e.sizes([batch]), [0])
    numbers = e.cast(e.op("Range", np.array(0, np.int64), images, np.array(1, np.int64)), e.type)
    image = e.op("Expand", e.unsqueeze(numbers, [1, 2]), e.op("Shape", e.unsqueeze(score, [2])))
    found = e.op("Reshape", e.concat([image, rows], 2), [-1, 7])
    none = e.pad(e.unsqueeze(numbers, [1]), [0, 0], [0, 6], value=e.number(-1))
    valid = e.op("Reshape", e.cast(e.op("Greater", score, _LOWEST), "int32"), [-1])
    lacking = e.op("Sub", np.array(1, np.int32), e.reduce("Max", valid, [0]))
    # One of them is true: what is selected is never empty, which OpenCV 5 would crash of.
    shown = e.concat([valid, e.op("Expand", lacking, e.op("Shape", numbers))], 0)
    places = e.squeeze(e.op("NonZero", shown), [0])
    return e.unsqueeze(e.op("Gather", e.concat([found, none], 0), places, axis=0), [0, 1])
