"""Non-maximum suppression."""

from __future__ import annotations

from typing import Any

from jaxdnn.importers.onnx.builder import OnnxBuilder
from jaxdnn.importers.onnx.registry import NodeSource, Values, rules
from jaxdnn.layers.suppression import ClassSuppression

_LATER = ("count", "overlap_threshold", "score_threshold")


@rules("NonMaxSuppression", inputs=(2, 5))
def suppression(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """Number and thresholds are inputs; without a number nothing is kept."""
    centers = node.attributes.flag("center_point_box", False)
    layer = ClassSuppression(count=0, overlap_threshold=0.0, centers=centers)
    given: dict[str, Any] = {name: value for name, value in zip(_LATER, inputs[2:], strict=True) if value}
    return b.late(node, layer, inputs[:2], **given)
