"""What the text graphs of detectors of two stages share: the first proposes regions, the second says what they hold.

Names of added nodes are those of OpenCV's script, which users may know.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from jaxdnn.errors import GraphError
from jaxdnn.importers.tensorflow.graphdef import NodeDef
from jaxdnn.importers.tensorflow.order import Reference
from jaxdnn.importers.tensorflow.textgraphs.config import Section
from jaxdnn.importers.tensorflow.textgraphs.draft import Draft, stored
from jaxdnn.importers.tensorflow.textgraphs.image import Size, connect_image

FIRST = "FirstStageBoxPredictor"
SECOND = "SecondStageBoxPredictor"
CLASSES = f"{SECOND}/Reshape_1"
FINAL = "detection_out_final"

_NETWORK = ("FirstStageFeatureExtractor/", "Conv/", f"{FIRST}/")
_VARIANCE = np.array([0.1, 0.1, 0.2, 0.2], np.float32)
"""The API's box coder divides by 10, 10, 5 and 5, which no configuration changes."""


def first_stage(draft: Draft, config: Section, size: Size | None, *, clip: bool) -> str:
    """Add what finds proposals, and return the name of the node that yields them.

    Args:
        draft: the frozen graph, changed in place.
        config: the message ``faster_rcnn``.
        size: width and height of the pictures; by default what ``image_resizer`` makes, if that is one size.
        clip: whether boxes are cut off at the picture's border before overlaps are measured.
    """
    scores, boxes = f"{FIRST}/ClassPredictor", f"{FIRST}/BoxEncodingPredictor"
    ends = (f"{scores}/BiasAdd", f"{boxes}/BiasAdd")
    image = connect_image(draft, ends, lambda name: not name.startswith(_NETWORK), size or _size(config))
    _fix_paddings(draft)
    draft.change(draft.node(f"{boxes}/Conv2D").name, loc_pred_transposed=True)
    reshape(draft, ends[0], f"{scores}/reshape_1", 0, -1, 2)
    draft.add(f"{scores}/softmax", "Softmax", f"{scores}/reshape_1", axis=-1)
    draft.add(f"{scores}/softmax/flatten", "Flatten", f"{scores}/softmax")
    draft.add(f"{boxes}/flatten", "Flatten", ends[1])
    draft.add("proposals", "PriorBox", ends[1], image, **_anchors(config))
    threshold = config.number("first_stage_nms_score_threshold", 0.0)
    return draft.add(
        "detection_out",
        "DetectionOutput",
        f"{boxes}/flatten",
        f"{scores}/softmax/flatten",
        "proposals",
        num_classes=2,
        share_location=True,
        background_label_id=0,
        nms_threshold=config.number("first_stage_nms_iou_threshold", 0.7),
        top_k=6000,
        code_type=b"CENTER_SIZE",
        keep_top_k=config.integer("first_stage_max_proposals", 300),
        clip=clip,
        **_confidence(threshold),
    )


def second_stage(
    draft: Draft, config: Section, proposals: str, *, confidence: float, **attributes: Any
) -> str:
    """Add what makes detections of the second stage's predictions, and return its name.

    Args:
        draft, config: see :func:`first_stage`.
        proposals: the node of the first stage's detections.
        confidence: the threshold of scores where the configuration states none, or 0.
        attributes: further attributes of the last node.
    """
    boxes, scores = f"{SECOND}/Reshape", CLASSES
    _flatten(draft)
    draft.change(draft.node(f"{SECOND}/BoxEncodingPredictor/MatMul").name, loc_pred_transposed=True)
    draft.add_constant(f"{boxes}/shape2", np.array([1, -1, 4], np.int32))
    draft.change(boxes, inputs=(draft.node(boxes).inputs[0], f"{boxes}/shape2"))
    post = config.optional("second_stage_post_processing")
    if post.word("score_converter", ("SOFTMAX", "SIGMOID", "IDENTITY"), "SOFTMAX") == "SIGMOID":
        probability = draft.add(f"{scores}/sigmoid", "Sigmoid", draft.node(scores).name)
    else:
        probability = draft.add(f"{scores}/softmax", "Softmax", draft.node(scores).name, axis=-1)
    _slice(draft, probability, f"{scores}/slice", (0, 0, 1), (-1, -1, -1))
    reshape(draft, f"{scores}/slice", f"{scores}/Reshape", 1, -1)
    _slice(draft, proposals, "detection_out/slice", (0, 0, 0, 3), (-1, -1, -1, 4))
    reshape(draft, "detection_out/slice", "detection_out/slice/reshape", 1, 1, -1)
    draft.add_constant("proposals/variance", _VARIANCE)
    draft.add("variance_encoded", "Mul", boxes, "proposals/variance", axis=2)
    draft.add("variance_encoded/flatten", "Flatten", "variance_encoded")
    suppression = post.optional("batch_non_max_suppression")
    classes = config.integer("num_classes")
    shared = config.optional("second_stage_box_predictor").optional("mask_rcnn_box_predictor")
    return draft.add(
        FINAL,
        "DetectionOutput",
        "variance_encoded/flatten",
        f"{scores}/Reshape",
        "detection_out/slice/reshape",
        num_classes=classes,
        share_location=shared.boolean("share_box_across_classes", False),
        background_label_id=classes + 1,
        nms_threshold=suppression.number("iou_threshold", 0.6),
        code_type=b"CENTER_SIZE",
        keep_top_k=suppression.integer("max_total_detections", 100),
        clip=True,
        variance_encoded_in_target=True,
        **_confidence(suppression.number("score_threshold", 0.0) or confidence),
        **attributes,
    )


def crop(draft: Draft, end: str, detections: str) -> str:
    """Let the CropAndResize that a node depends on cut detections, and return its name.

    Its readers in the API's graphs read it through nodes that only restore its shape.
    """
    node = crops(draft, end)
    if node is None:
        raise GraphError("must depend on a CropAndResize", layer=draft.node(end).place)
    draft.change(node.name, inputs=(node.inputs[0], detections, node.inputs[-1]))
    between = {
        name
        for name, found in draft.nodes.items()
        if name.startswith(f"{node.name}/")
        and found.op in ("Squeeze", "Reshape")
        and crops(draft, name) is not None
    }
    draft.redirect(lambda text: node.name if Reference.parse(text).node in between else text)
    return node.name


def crops(draft: Draft, end: str) -> NodeDef | None:
    """Return the CropAndResize that first inputs lead to from a node."""
    node: NodeDef | None = draft.node(end)
    seen: set[str] = set()
    while node is not None and node.op != "CropAndResize" and node.name not in seen:
        seen.add(node.name)
        node = draft.source(node)
    return node if node is not None and node.op == "CropAndResize" else None


def reshape(draft: Draft, x: str, name: str, *sizes: int) -> str:
    """Add a Reshape and return its name."""
    return draft.add(name, "Reshape", x, draft.add_constant(f"{name}/shape", np.array(sizes, np.int32)))


def _slice(draft: Draft, x: str, name: str, begin: tuple[int, ...], size: tuple[int, ...]) -> str:
    begins = draft.add_constant(f"{name}/begins", np.array(begin, np.int32))
    return draft.add(name, "Slice", x, begins, draft.add_constant(f"{name}/sizes", np.array(size, np.int32)))


def _confidence(threshold: float) -> dict[str, Any]:
    return {"confidence_threshold": threshold} if threshold > 0 else {}


def _size(config: Section) -> Size | None:
    """Return the size of pictures where all are of one."""
    resizer = config.optional("image_resizer")
    if not resizer.has("fixed_shape_resizer"):
        return None
    fixed = resizer.section("fixed_shape_resizer")
    return fixed.integer("width", 300), fixed.integer("height", 300)


def _anchors(config: Section) -> dict[str, Any]:
    """Return the attributes of the node that makes anchors: for each ratio a, each scale s,
    ``width * s * sqrt(a)`` and ``height * s / sqrt(a)`` pixels.
    """
    grid = config.section("first_stage_anchor_generator").section("grid_anchor_generator")
    shapes = [(scale, ratio) for ratio in grid.numbers("aspect_ratios") for scale in grid.numbers("scales")]
    if not shapes:
        raise grid.error("must have scales and aspect_ratios")
    if min(map(min, shapes)) <= 0:
        raise grid.error("scales and aspect_ratios must be positive")
    base = [grid.number(name, 256.0) for name in ("width", "height")]
    step = [grid.number(name, 16.0) for name in ("width_stride", "height_stride")]
    start = [grid.number(name, 0.0) for name in ("width_offset", "height_offset")]
    if min(step) <= 0 or start[0] * step[1] != start[1] * step[0]:
        raise grid.error("offsets must be the same share of the strides, which must be positive")
    return {
        "flip": False,
        "clip": True,
        **({"step": step[0]} if step[0] == step[1] else {"step_w": step[0], "step_h": step[1]}),
        "offset": start[0] / step[0],
        "variance": stored(_VARIANCE),
        "width": stored(
            np.array([base[0] * scale * math.sqrt(ratio) for scale, ratio in shapes], np.float32)
        ),
        "height": stored(
            np.array([base[1] * scale / math.sqrt(ratio) for scale, ratio in shapes], np.float32)
        ),
    }


def _fix_paddings(draft: Draft) -> None:
    """State the paddings of dilated convolutions, which the graph computes so that the size does not change."""
    for gather in [node for node in draft.nodes.values() if node.op == "BatchToSpaceND"]:
        node: NodeDef | None = gather
        while node is not None and node.op != "Conv2D":
            node = draft.source(node)
        deal = draft.source(node) if node is not None else None
        if node is None or deal is None or deal.op != "SpaceToBatchND":
            raise GraphError("must follow a Conv2D behind a SpaceToBatchND", layer=gather.place)
        weights, block = draft.constant(node.inputs[1]), draft.constant(deal.inputs[1])
        if weights is None or block is None:
            raise GraphError("must have constant weights, and a constant block before it", layer=node.place)
        if draft.constant(deal.inputs[2]) is None:
            total = (np.array(weights.shape[:2], np.int32) - 1) * block
            paddings = np.stack([total // 2, total - total // 2], axis=1).astype(np.int32).ravel()
            draft.change(
                deal.name, inputs=(*deal.inputs[:2], draft.add_constant(f"{node.name}/paddings", paddings))
            )
        draft.change(gather.name, inputs=gather.inputs[:2])


def _flatten(draft: Draft) -> None:
    """Make one node of each Reshape in the second stage whose shape is computed."""
    for node in list(draft.nodes.values()):
        if (
            node.op == "Reshape"
            and node.name.startswith(f"{SECOND}/")
            and draft.constant(node.inputs[1]) is None
        ):
            draft.change(node.name, op="Flatten", inputs=node.inputs[:1])
