"""What turns the predictions of single-shot detectors into detections."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jaxdnn.errors import GraphError
from jaxdnn.importers.tensorflow.textgraphs.anchors import Anchors
from jaxdnn.importers.tensorflow.textgraphs.draft import Draft, stored


@dataclass(frozen=True)
class Head:
    """The predictions on one feature map.

    Attributes:
        boxes: name of the node that predicts (y, x, height, width) of each anchor.
        scores: name of the node that predicts each anchor's classes.
        anchors: what the boxes are relative to.
    """

    boxes: str
    scores: str
    anchors: Anchors


@dataclass(frozen=True)
class Suppression:
    """How the final detections are chosen.

    Attributes:
        classes: how many there are, the background included.
        background: index of the background, or a number that no class has.
        variance: of x, y, width and height.
        score: least score of a detection.
        overlap: largest intersection over union of two detections of one class.
        per_class: how many boxes of a class take part.
        total: how many detections there are at most.
        activation: op that makes scores of predictions, or "" if they are scores.
        temperature: what predictions are divided by before.
    """

    classes: int
    background: int
    variance: tuple[float, float, float, float]
    score: float
    overlap: float
    per_class: int
    total: int
    activation: str
    temperature: float = 1.0


def add_detections(
    draft: Draft,
    image: str,
    heads: tuple[Head, ...],
    labels: tuple[str, str],
    suppression: Suppression,
) -> str:
    """Add what makes detections of predictions, and return the name of the node that yields them.

    ::

        Given   boxes_i, scores_i, image
        Result  boxes_i -> Flatten -> ConcatV2 ────────────────────────────────────────────┐
                scores_i -> Flatten -> ConcatV2 -> Reshape (0, -1, classes) -> Sigmoid -> Flatten ┼-> DetectionOutput
                boxes_i, image -> PriorBox_i -> ConcatV2 ──────────────────────────────────┘

    Args:
        draft: the graph, changed in place.
        image: name of the picture's placeholder.
        heads: the predictions on each feature map.
        labels: what the joined boxes and scores are called.
        suppression: how detections are chosen.

    Raises:
        GraphError: predictions and anchors do not fit each other.
    """
    for head in heads:
        _check(draft, head, suppression.classes)
        _mark(draft, head.boxes)
    axis = draft.add_constant("concat/axis_flatten", np.array([-1], np.int32))
    flat = {
        label: [draft.add(f"{name}/Flatten", "Flatten", name) for name in names]
        for label, names in zip(
            labels, ([head.boxes for head in heads], [head.scores for head in heads]), strict=True
        )
    }
    boxes, scores = (draft.add(f"{label}/concat", "ConcatV2", *flat[label], axis) for label in labels)
    priors = [
        _prior_box(draft, f"PriorBox_{index}", head, image, suppression.variance)
        for index, head in enumerate(heads)
    ]
    return draft.add(
        "detection_out",
        "DetectionOutput",
        boxes,
        _activated(draft, scores, suppression),
        draft.add("PriorBox/concat", "ConcatV2", *priors, axis),
        num_classes=suppression.classes,
        share_location=True,
        background_label_id=suppression.background,
        nms_threshold=suppression.overlap,
        confidence_threshold=suppression.score,
        top_k=suppression.per_class,
        keep_top_k=suppression.total,
        code_type=b"CENTER_SIZE",
    )


def _activated(draft: Draft, scores: str, suppression: Suppression) -> str:
    if suppression.temperature != 1:
        factor = draft.add_constant(f"{scores}/factor", np.array([1 / suppression.temperature], np.float32))
        scores = draft.add(f"{scores}/scaled", "Mul", scores, factor)
    if not suppression.activation:
        return scores
    rows = draft.add_constant(f"{scores}3d/shape", np.array([0, -1, suppression.classes], np.int32))
    shaped = draft.add(f"{scores}3d", "Reshape", scores, rows)
    name = f"{scores}/{suppression.activation.lower()}"
    axis = {"axis": -1} if suppression.activation == "Softmax" else {}
    activated = draft.add(name, suppression.activation, shaped, **axis)
    return draft.add(f"{name}/Flatten", "Flatten", activated)


def _prior_box(
    draft: Draft, name: str, head: Head, image: str, variance: tuple[float, float, float, float]
) -> str:
    anchors = head.anchors
    widths, heights = (stored(np.array(values, np.float32)) for values in zip(*anchors.sizes, strict=True))
    grid = {} if anchors.step is None else {"step": float(anchors.step), "offset": float(anchors.offset)}
    return draft.add(
        name,
        "PriorBox",
        head.boxes,
        image,
        width=widths,
        height=heights,
        variance=stored(np.array(variance, np.float32)),
        flip=False,
        clip=False,
        **grid,
    )


def _check(draft: Draft, head: Head, classes: int) -> None:
    """Compare the numbers of predictions with that of anchors, as far as biases tell them."""
    count = len(head.anchors.sizes)
    for name, each in ((head.boxes, 4), (head.scores, classes)):
        node = draft.node(name)
        bias = draft.constant(node.inputs[1]) if node.op == "BiasAdd" and len(node.inputs) == 2 else None
        if bias is not None and bias.size != count * each:
            raise GraphError(
                f"it predicts {bias.size} values for each cell, {count * each} are needed "
                f"for {count} anchors with {each} {'coordinates' if each == 4 and name == head.boxes else 'classes'}",
                layer=node.place,
            )


def _mark(draft: Draft, name: str) -> None:
    """State that a layer predicts y before x, at the convolution or product that does."""
    node = draft.node(name)
    layer = draft.source(node) if node.op == "BiasAdd" else node
    if layer is None or layer.op not in ("Conv2D", "MatMul"):
        found = "nothing" if layer is None else layer.place
        raise GraphError(f"boxes must be predicted by a Conv2D or MatMul, not by {found}", layer=node.place)
    draft.change(layer.name, loc_pred_transposed=True)
