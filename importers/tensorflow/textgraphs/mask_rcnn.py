"""Detectors of two stages of the Object Detection API: Mask R-CNN, which predicts masks of what it detected."""

from __future__ import annotations

import numpy as np

from jaxdnn.errors import GraphError, some
from jaxdnn.importers.tensorflow.graphdef import NodeDef
from jaxdnn.importers.tensorflow.order import Reference
from jaxdnn.importers.tensorflow.textgraphs.config import Section
from jaxdnn.importers.tensorflow.textgraphs.draft import Draft
from jaxdnn.importers.tensorflow.textgraphs.image import Size
from jaxdnn.importers.tensorflow.textgraphs.two_stages import (
    CLASSES,
    FINAL,
    SECOND,
    crop,
    crops,
    first_stage,
    second_stage,
)

MASKS = "detection_masks"

_CONFIDENCE = 0.3
"""OpenCV's threshold: masks are computed of detections that are worth it."""


def predicts_masks(config: Section) -> bool:
    """Whether the message ``faster_rcnn`` describes a Mask R-CNN."""
    predictor = config.optional("second_stage_box_predictor").optional("mask_rcnn_box_predictor")
    return predictor.boolean("predict_instance_masks", False)


def generate(draft: Draft, config: Section, size: Size | None) -> tuple[str, ...]:
    """Make a text graph of the draft and return the names of its outputs.

    The second one, ``detection_masks``, is (detections, classes, height, width).

    Args:
        draft, config, size: see :func:`~jaxdnn.importers.tensorflow.textgraphs.faster_rcnn.generate`.

    Raises:
        JaxdnnError: configuration and graph do not fit each other.
    """
    proposals = first_stage(draft, config, size, clip=True)
    boxes = crop(draft, CLASSES, proposals)
    detections = second_stage(draft, config, proposals, confidence=_CONFIDENCE, group_by_classes=False)
    logits = _logits(draft, boxes)
    crop(draft, logits.name, FINAL)
    if logits.op != "Transpose":
        order = draft.add_constant(f"{MASKS}/perm", np.array([0, 3, 1, 2], np.int32))
        logits = draft.node(draft.add(f"{MASKS}/transpose", "Transpose", logits.name, order))
    draft.nodes.pop(MASKS, None)
    return detections, draft.add(MASKS, "Sigmoid", logits.name)


def _logits(draft: Draft, boxes: str) -> NodeDef:
    """Return the node of the masks' logits: the last one that a box predictor computes of other boxes.

    Args:
        draft: the graph.
        boxes: the CropAndResize whose boxes are not meant.

    Raises:
        GraphError: there is no such node, or there are several.
    """
    own = set()
    for name in draft.nodes:
        found = crops(draft, name) if name.startswith(SECOND) else None
        if found is not None and found.name != boxes:
            own.add(name)
    read = {Reference.parse(text).node for name in own for text in draft.nodes[name].inputs}
    ends = own - read
    if len(ends) != 1:
        raise GraphError(
            f"one node below {SECOND!r} must yield the masks, the graph has {some(sorted(ends)) or 'none'}"
        )
    end = draft.node(ends.pop())
    while end.op in ("ExpandDims", "Squeeze"):
        end = draft.node(end.inputs[0])
    return end
