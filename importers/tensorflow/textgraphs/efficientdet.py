"""EfficientDet as AutoML trains it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from jaxdnn.errors import GraphError, InputError
from jaxdnn.importers.tensorflow.graphdef import TensorShape
from jaxdnn.importers.tensorflow.textgraphs.anchors import Anchors
from jaxdnn.importers.tensorflow.textgraphs.draft import Draft
from jaxdnn.importers.tensorflow.textgraphs.fold import fold_constants
from jaxdnn.importers.tensorflow.textgraphs.fuse import fuse_batch_norms, fuse_upsampling
from jaxdnn.importers.tensorflow.textgraphs.heads import Head, Suppression, add_detections
from jaxdnn.importers.tensorflow.textgraphs.image import Size, connect_image

_NETWORK = ("efficientnet", "resample_p", "fpn_cells", "class_net", "box_net")


@dataclass(frozen=True)
class AutomlAnchors:
    """Anchors in the terms of AutoML's configuration.

    On level ``l`` they are ``anchor_scale 2^(l + k / num_scales)`` times (a, b) pixels wide and high, for each k from 0
    to ``num_scales - 1`` and each of the ``aspect_ratios`` (a, b), ratios innermost.

    Attributes:
        min_level: of the finest feature map.
        num_scales: sizes on each level.
        anchor_scale: side of the smallest one in cells.
        aspect_ratios: factors of width and height.
    """

    min_level: int = 3
    num_scales: int = 3
    anchor_scale: float = 4.0
    aspect_ratios: tuple[tuple[float, float], ...] = ((1.0, 1.0), (1.4, 0.7), (0.7, 1.4))

    def __post_init__(self) -> None:
        for name, least in (("min_level", 0), ("num_scales", 1)):
            if getattr(self, name) < least:
                raise InputError(f"{name} must be at least {least}, got {getattr(self, name)}")
        if self.anchor_scale <= 0:
            raise InputError(f"anchor_scale must be positive, got {self.anchor_scale:g}")
        if not self.aspect_ratios or min(map(min, self.aspect_ratios)) <= 0:
            raise InputError(f"aspect_ratios must be pairs of positive numbers, got {self.aspect_ratios}")

    def on_map(self, index: int) -> Anchors:
        """Return the anchors of a feature map, the finest one being 0."""
        level = self.min_level + index
        sides = [self.anchor_scale * 2 ** (level + k / self.num_scales) for k in range(self.num_scales)]
        return Anchors(tuple((side * a, side * b) for side in sides for a, b in self.aspect_ratios))


def generate(draft: Draft, anchors: AutomlAnchors, size: Size | None) -> tuple[str, ...]:
    """Make a text graph of the draft and return the names of its outputs.

    The graph itself tells the number of feature maps and of classes; suppression is as in OpenCV's text graphs. There
    is no background among the classes.

    Args:
        draft: the frozen graph.
        anchors: at each cell of the feature maps.
        size: width and height of the pictures; by default the placeholder's.

    Raises:
        GraphError: the graph is no such EfficientDet, or does not state the size of its pictures.
    """
    boxes, scores = _predictions(draft, "box"), _predictions(draft, "class")
    if not boxes or len(boxes) != len(scores):
        raise GraphError(
            f"the graph has {len(boxes)} nodes like 'box_net/box-predict/BiasAdd' and {len(scores)} like "
            "'class_net/class-predict/BiasAdd', an EfficientDet has one of each per feature map; "
            "other detectors need their pipeline.config"
        )
    heads = tuple(
        Head(box, score, anchors.on_map(index))
        for index, (box, score) in enumerate(zip(boxes, scores, strict=True))
    )
    fuse_batch_norms(draft)
    fuse_upsampling(draft)
    fold_constants(draft, (*boxes, *scores))
    image = connect_image(draft, (*boxes, *scores), lambda name: not name.startswith(_NETWORK), size)
    shape = draft.node(image).attributes.get("shape")
    if not isinstance(shape, TensorShape) or shape.sizes is None or None in shape.sizes[1:3]:
        raise GraphError(
            f"the placeholder {image!r} leaves the size of pictures open, a text graph has one: give it"
        )
    classes = _classes(draft, heads[0])
    suppression = Suppression(
        classes=classes,
        background=classes + 1,
        variance=(1.0, 1.0, 1.0, 1.0),
        score=0.2,
        overlap=0.6,
        per_class=100,
        total=100,
        activation="Sigmoid",
    )
    return (add_detections(draft, image, heads, ("box", "class"), suppression),)


def _predictions(draft: Draft, kind: str) -> list[str]:
    """Return the names of the predictions on each feature map, in order: shared layers count up their scopes."""
    pattern = re.compile(rf"{kind}_net(?:_(\d+))?/{kind}-predict(?:_(\d+))?/BiasAdd")
    found = [match for match in map(pattern.fullmatch, draft.nodes) if match]
    return [
        match[0] for match in sorted(found, key=lambda match: [int(part or 0) for part in match.groups()])
    ]


def _classes(draft: Draft, head: Head) -> int:
    node = draft.node(head.scores)
    bias = draft.constant(node.inputs[1]) if len(node.inputs) == 2 else None
    count = len(head.anchors.sizes)
    if bias is None or bias.size % count:
        found = "no constant bias" if bias is None else f"{bias.size} biases"
        raise GraphError(f"it has {found}, a multiple of {count} anchors is needed", layer=node.place)
    return bias.size // count
