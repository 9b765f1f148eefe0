"""The nodes of OpenCV's text graphs that TensorFlow itself does not have: detectors' prior boxes and outputs."""

from __future__ import annotations

import math

from jaxdnn.errors import LayerError
from jaxdnn.importers.tensorflow.builder import TensorFlowBuilder
from jaxdnn.importers.tensorflow.registry import NodeSource, rules
from jaxdnn.importers.tensorflow.rules.convolution import channels_last
from jaxdnn.importers.tensorflow.rules.resize import crop_layer
from jaxdnn.importers.tensorflow.textgraph import CROP, PROPOSALS, PROPOSED, SWAP
from jaxdnn.layers.detection import Box, DetectionOutput, Pair, PriorBox
from jaxdnn.layers.normalization import Normalize
from jaxdnn.layers.shape import Flatten, Reshape, Reverse
from jaxdnn.layers.stages import DetectedBoxes, ProposalRows, ProposalScores

Values = tuple[str, ...]

_CODES = {"CORNER": "corner", "CENTER_SIZE": "center_size", "CORNER_SIZE": "corner_size"}


@rules("PriorBox", inputs=2)
def prior_box(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Sizes are stated as they are, or by a smallest side, a largest one and aspect ratios."""
    if any(scale != 1 for scale in node.attributes.numbers("scales", ())):
        raise LayerError("scales must be 1: state width and height")
    layer = PriorBox(
        sizes=_explicit_sizes(node) if node.attributes.has("width") else _sizes(node),
        variance=_variance(node.attributes.numbers("variance", (0.1,))),
        step=_step(node),
        offset=node.attributes.number("offset", 0.5),
        clip=node.attributes.boolean("clip", True),
        channels_last=channels_last(node),
    )
    return b.emit(node, layer, inputs)


def _explicit_sizes(node: NodeSource) -> tuple[Pair, ...]:
    widths, heights = node.attributes.numbers("width"), node.attributes.numbers("height")
    node.attributes.ignore("flip")
    for name in ("min_size", "max_size"):
        if node.attributes.has(name):
            raise LayerError(f"has width and height, so that it cannot have {name!r} too")
    if any(ratio != 1 for ratio in node.attributes.numbers("aspect_ratio", ())):
        raise LayerError("has width and height, so that aspect_ratio must be 1")
    if len(widths) != len(heights):
        raise LayerError(f"{len(widths)} widths and {len(heights)} heights are given")
    return tuple(zip(widths, heights, strict=True))


def _sizes(node: NodeSource) -> tuple[Pair, ...]:
    """For each min_size: its square, the square of the mean with its max_size, its aspect ratios."""
    smallest, largest = _numbers(node, "min_size"), _numbers(node, "max_size")
    if not smallest or len(largest) not in (0, len(smallest)):
        raise LayerError(f"{len(smallest)} min_size and {len(largest)} max_size are given")
    flip = node.attributes.boolean("flip", True)
    ratios: list[float] = []
    for ratio in node.attributes.numbers("aspect_ratio", ()):
        for candidate in (ratio, 1 / ratio) if flip and ratio else (ratio,):
            if candidate <= 0:
                raise LayerError(f"aspect_ratio must be positive, got {candidate:g}")
            if all(abs(candidate - known) >= 1e-6 for known in (1.0, *ratios)):
                ratios.append(candidate)
    sizes: list[Pair] = []
    for index, low in enumerate(smallest):
        sides = [low, *(math.sqrt(low * high) for high in largest[index : index + 1])]
        sizes += [(side, side) for side in sides]
        sizes += [(low * math.sqrt(ratio), low / math.sqrt(ratio)) for ratio in ratios]
    return tuple(sizes)


def _numbers(node: NodeSource, name: str) -> tuple[float, ...]:
    """Return a list, which may be stated as a single number."""
    if not node.attributes.has(name):
        return ()
    if node.attributes.is_list(name):
        return node.attributes.numbers(name)
    return (node.attributes.number(name),)


def _variance(values: tuple[float, ...]) -> Box:
    if len(values) not in (1, 4):
        raise LayerError(f"variance must have 1 or 4 values, got {len(values)}")
    first, second, third, fourth = values * (4 // len(values))
    return first, second, third, fourth


def _step(node: NodeSource) -> Pair | None:
    step = node.attributes.number("step", 0.0)
    width, height = (node.attributes.number(name, step) for name in ("step_w", "step_h"))
    return (width, height) if width and height else None


@rules("DetectionOutput", inputs=(3, 4))
def detection_output(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """A background that is none of the classes means that there is none."""
    p = node.attributes
    classes, background = p.integer("num_classes"), p.integer("background_label_id", 0)
    layer = DetectionOutput(
        classes=classes,
        background=background if 0 <= background < classes else None,
        share_location=p.boolean("share_location", True),
        code=_CODES[p.one_of("code_type", tuple(_CODES), "CORNER")],
        variance_in_target=p.boolean("variance_encoded_in_target", False),
        clip=p.boolean("clip", False),
        confidence_threshold=p.number("confidence_threshold", float("-inf")),
        nms_threshold=p.number("nms_threshold", 0.3),
        top_k=_limit(p.integer("top_k", -1)),
        keep_top_k=_limit(p.integer("keep_top_k", -1)),
        group_classes=p.boolean("group_by_classes", False),
    )
    if not p.boolean("normalized_bbox", True):
        raise LayerError("normalized_bbox must be true")
    return b.emit(node, layer, inputs[:3])


def _limit(value: int) -> int | None:
    return None if value < 0 else value


@rules("Flatten")
def flatten(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """All axes but the batch become one."""
    return b.emit(node, Flatten(axis=1), inputs)


@rules("L2Normalize", inputs=2)
def l2_normalize(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Divide by the norm along the last axis."""
    axes = b.constant(inputs[1])
    if axes is None or axes.size != 1 or axes.item() not in (-1, 3):
        raise LayerError("the axis must be the last one")
    return b.emit(node, Normalize(scale="none", axis=-1), inputs[:1])


@rules(SWAP)
def swap_box_axes(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Exchange the channels of each pair."""
    pairs = b.emit(node, Reshape(shape=(-1, 2), axis=-2, num_axes=1), inputs, part="pairs")
    swapped = b.emit(node, Reverse(axes=(-1,)), pairs, part="swapped")
    return b.emit(node, Reshape(shape=(-1,), axis=-3, num_axes=2), swapped)


@rules(PROPOSALS)
def proposals(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """All rows, in the form that detections have."""
    rows = b.emit(node, ProposalRows(), inputs, part="rows")
    return b.emit(node, Reshape(shape=(1, 1, -1, 7)), rows)


@rules(PROPOSED, inputs=2)
def proposed_scores(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Scores of what was proposed."""
    return b.emit(node, ProposalScores(classes=node.attributes.integer("num_classes")), inputs)


@rules(CROP, inputs=3)
def crop_detections(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Boxes end with the feature map, whose last elements go on behind it."""
    features, detections, size = inputs
    counted = node.attributes.boolean("counted")
    node.attributes.ignore("extrapolation_value")
    boxes = b.emit(node, DetectedBoxes(counted=counted), (detections, features), outputs=2, part="boxes")
    return b.late(node, crop_layer(node, extrapolation=None), (features, *boxes), size=size)
