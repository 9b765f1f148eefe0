"""Non-maximum suppression in all its versions."""

from __future__ import annotations

from typing import Any

from jaxdnn.importers.tensorflow.builder import TensorFlowBuilder
from jaxdnn.importers.tensorflow.registry import NodeSource, rules
from jaxdnn.layers.suppression import BatchedSuppression, NonMaxSuppression

Values = tuple[str, ...]

_LATER = ("count", "overlap_threshold", "score_threshold", "sigma")


@rules("NonMaxSuppression", inputs=3)
def suppression_v1(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """The threshold is an attribute."""
    layer = NonMaxSuppression(count=1, overlap_threshold=node.attributes.number("iou_threshold", 0.5))
    return b.late(node, layer, inputs[:2], outputs=3, count=inputs[2])[:1]


@rules("NonMaxSuppressionV2", "NonMaxSuppressionV3", inputs=(4, 5))
def suppression(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """The thresholds are inputs."""
    given: dict[str, Any] = dict(zip(_LATER, inputs[2:], strict=False))
    return b.late(node, NonMaxSuppression(count=1), inputs[:2], outputs=3, **given)[:1]


@rules("NonMaxSuppressionV4", inputs=5, outputs=("selected_indices", "valid_outputs"))
def suppression_v4(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """The number of boxes is an output too."""
    indices, _, count = _padded(b, node, inputs)
    return indices, count


@rules("NonMaxSuppressionV5", inputs=6, outputs=("selected_indices", "selected_scores", "valid_outputs"))
def suppression_v5(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Suppression may be soft."""
    return _padded(b, node, inputs)


def _padded(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    layer = NonMaxSuppression(count=1, pad=node.attributes.boolean("pad_to_max_output_size", False))
    given: dict[str, Any] = dict(zip(_LATER, inputs[2:], strict=False))
    return b.late(node, layer, inputs[:2], outputs=3, **given)


_DETECTIONS = ("nmsed_boxes", "nmsed_scores", "nmsed_classes", "valid_detections")


@rules("CombinedNonMaxSuppression", inputs=6, outputs=_DETECTIONS)
def combined_suppression(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """All classes of all images."""
    layer = BatchedSuppression(
        class_count=1,
        count=1,
        pad_per_class=node.attributes.boolean("pad_per_class", False),
        clip=node.attributes.boolean("clip_boxes", True),
    )
    later = ("class_count", "count", "overlap_threshold", "score_threshold")
    given: dict[str, Any] = dict(zip(later, inputs[2:], strict=True))
    return b.late(node, layer, inputs[:2], outputs=4, **given)
