"""PriorBox, DetectionOutput, Proposal and its relatives, Region."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from jaxdnn.errors import LayerError
from jaxdnn.importers.caffe.fields import Fields
from jaxdnn.importers.caffe.registry import RULES, CaffeBuilder, LayerSource, rules
from jaxdnn.importers.caffe.rules.custom import custom
from jaxdnn.layers.base import require
from jaxdnn.layers.detection import BestClassOutput, Box, DetectionOutput, Pair, PriorBox, Proposal
from jaxdnn.layers.elementwise import Identity
from jaxdnn.layers.shape import Concat
from jaxdnn.layers.yolo import YoloDecode, YoloMap

_RATIOS = (0.5, 1.0, 2.0)
_SCALES = (8.0, 16.0, 32.0)
_KEY = re.compile(r"""["']?([A-Za-z_]\w*)["']?\s*:""")
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")


@rules("PriorBox", bottoms=2)
def prior_box(b: CaffeBuilder, source: LayerSource, inputs: tuple[str, ...]) -> tuple[str, ...]:
    """Expand sizes and aspect ratios to the boxes of a cell."""
    p = source.param("prior_box_param")
    layer = PriorBox(
        sizes=_prior_sizes(p),
        variance=_variance(p.numbers("variance")),
        step=_pair(p, "step", "step"),
        image=_pair(p, "img", "img_size"),
        offset=p.number("offset", 0.5),
        clip=p.boolean("clip", False),
    )
    return b.emit(source, layer, inputs)


def _prior_sizes(p: Fields) -> tuple[Pair, ...]:
    """Return width and height of each box of a cell, in Caffe's order.

    For each min_size: its square, the square of the mean with its max_size, its other aspect ratios. Caffe
    cuts fractions of a pixel off both sizes before it uses them.
    """
    smallest, largest = p.numbers("min_size"), p.numbers("max_size")
    require(bool(smallest), "no min_size is given")
    for size in smallest:
        require(0 < size < math.inf, f"min_size must be positive, got {size:g}")
    require(
        len(largest) in (0, len(smallest)), f"{len(largest)} max_size are given for {len(smallest)} min_size"
    )
    for low, high in zip(smallest, largest, strict=False):
        require(low < high < math.inf, f"max_size must be greater than min_size, got {high:g} for {low:g}")
    ratios = [ratio for ratio in _aspect_ratios(p) if abs(ratio - 1) >= 1e-6]
    sizes: list[Pair] = []
    for index, low in enumerate(map(math.trunc, smallest)):
        sides = [low, *(math.sqrt(low * math.trunc(high)) for high in largest[index : index + 1])]
        sizes += [(side, side) for side in sides]
        sizes += [(low * math.sqrt(ratio), low / math.sqrt(ratio)) for ratio in ratios]
    return tuple(sizes)


def _aspect_ratios(p: Fields) -> list[float]:
    """Return 1, and each ratio that is new, with its inverse if boxes are flipped."""
    ratios, flip = [1.0], p.boolean("flip", True)
    for ratio in p.numbers("aspect_ratio"):
        require(0 < ratio < math.inf, f"aspect_ratio must be positive, got {ratio:g}")
        if all(abs(ratio - other) >= 1e-6 for other in ratios):
            ratios += [ratio, 1 / ratio] if flip else [ratio]
    return ratios


def _variance(values: tuple[float, ...]) -> Box:
    require(len(values) in (0, 1, 4), f"variance must have 1 or 4 values, got {len(values)}")
    for value in values:
        require(value > 0, f"variance must be positive, got {value:g}")
    x1, y1, x2, y2 = values if len(values) == 4 else (values or (0.1,)) * 4
    return x1, y1, x2, y2


def _pair(p: Fields, name: str, both: str) -> Pair | None:
    """Return width and height, stated as one number or as two, or None."""
    value, width, height = p.number(both), p.number(f"{name}_w"), p.number(f"{name}_h")
    if width is None and height is None:
        return None if value is None else (value, value)
    require(value is None, f"{both} or {name}_h and {name}_w must be given, not both")
    if width is None or height is None:
        raise LayerError(f"{name}_h and {name}_w must be given together")
    return width, height


@rules("DetectionOutput", bottoms=(3, 5))
def detection_output(b: CaffeBuilder, source: LayerSource, inputs: tuple[str, ...]) -> tuple[str, ...]:
    """Decoding and suppression; a negative number means no limit, and a background that is no class none.

    RefineDet's has two more bottoms. A single one more is what detections are drawn on, unless the file says
    what objectness is wanted.
    """
    p = source.param("detection_output_param")
    p.ignore("save_output_param", "visualize", "visualize_threshold", "save_file")
    if len(inputs) == 4 and not p.has("objectness_score"):
        inputs = inputs[:3]
    nms = p.message("nms_param")
    classes = p.required_uint("num_classes")
    background = p.integer("background_label_id", 0)
    codes = {"CORNER": 1, "CENTER_SIZE": 2, "CORNER_SIZE": 3}
    layer = DetectionOutput(
        classes=classes,
        background=background if 0 <= background < classes else None,
        share_location=p.boolean("share_location", True),
        code=p.enum("code_type", codes, "CORNER").lower(),
        variance_in_target=p.boolean("variance_encoded_in_target", False),
        clip=p.boolean("clip", False),
        objectness_threshold=p.number("objectness_score", 0.01),
        confidence_threshold=p.number("confidence_threshold", -math.inf),
        nms_threshold=nms.number("nms_threshold", 0.3),
        eta=nms.number("eta", 1.0),
        top_k=_limit(nms.integer("top_k", -1)),
        keep_top_k=_limit(p.integer("keep_top_k", -1)),
    )
    return b.emit(source, layer, inputs)


def _limit(number: int) -> int | None:
    return None if number < 0 else number


@rules("YoloDetectionOutput", "Yolov3DetectionOutput", bottoms=(1, None))
def yolo_detection_output(b: CaffeBuilder, source: LayerSource, inputs: tuple[str, ...]) -> tuple[str, ...]:
    """MobileNet-YOLO's heads, one per bottom, decoded and suppressed together.

    Those of the second version share all anchors, in cells; those of the third have a few each, in pixels.
    """
    third = source.type == "Yolov3DetectionOutput"
    p = source.param("yolov3_detection_output_param" if third else "yolo_detection_output_param")
    p.ignore("side", "label_map_file", "mask_group_num")
    classes = p.required_uint("num_classes")
    coords = p.uint("coords", 4)
    require(coords == 4, f"coords must be 4, got {coords}")
    uncertainty = p.boolean("gaussian_box", False)
    heads: tuple[str, ...] = ()
    for index, (bottom, anchors) in enumerate(zip(inputs, _yolo_anchors(p, len(inputs)), strict=True)):
        scores = "sigmoid" if third else "softmax"
        activate = YoloMap(boxes=len(anchors), classes=classes, scores=scores, uncertainty=uncertainty)
        decode = YoloDecode(anchors=anchors, classes=classes, uncertainty=uncertainty)
        head = b.emit(source, activate, (bottom,), name=f"{source.name}/raw{index}")
        heads += b.emit(source, decode, head, name=f"{source.name}/boxes{index}")
    boxes = b.emit(source, Concat(axis=1), heads, name=f"{source.name}/boxes")
    layer = BestClassOutput(
        confidence_threshold=p.number("confidence_threshold", 0.01),
        nms_threshold=p.number("nms_threshold", 0.45),
        first_label=1,
    )
    return b.emit(source, layer, boxes)


def _yolo_anchors(p: Fields, heads: int) -> list[tuple[Pair, ...]]:
    """Return each head's anchors in cells."""
    biases, mask, scales = p.numbers("biases"), p.uints("mask"), p.uints("anchors_scale")
    require(len(biases) % 2 == 0, f"biases must be pairs of width and height, got {len(biases)} values")
    count = p.uint("num_box", 3 if mask else 5)
    pairs = list(zip(biases[::2], biases[1::2], strict=True))
    if not mask:
        require(count == len(pairs), f"{count} boxes per cell are given, and {len(pairs)} anchors")
        return [tuple(pairs)] * heads
    require(len(scales) == heads, f"{len(scales)} anchors_scale are given for {heads} bottoms")
    require(len(mask) == count * heads, f"{len(mask)} mask are given for {heads} bottoms of {count} boxes")
    require(min(scales) > 0, "anchors_scale must be positive, got 0")
    require(max(mask) < len(pairs), f"mask {max(mask)} is not one of {len(pairs)} anchors")
    return [
        tuple((pairs[i][0] / scale, pairs[i][1] / scale) for i in mask[count * head : count * (head + 1)])
        for head, scale in enumerate(scales)
    ]


@rules("Proposal", bottoms=3, tops=(1, 2))
def proposal(b: CaffeBuilder, source: LayerSource, inputs: tuple[str, ...]) -> tuple[str, ...]:
    """The C++ layer of several forks."""
    p = source.param("proposal_param")
    layer = Proposal(
        anchors=anchor_boxes(
            p.number("base_size", 16.0), p.numbers("ratio") or _RATIOS, p.numbers("scale") or _SCALES
        ),
        stride=p.number("feat_stride", 16.0),
        min_size=p.number("min_size", 16.0),
        pre_nms_top_n=p.uint("pre_nms_topn", 6000),
        post_nms_top_n=p.uint("post_nms_topn", 300),
        nms_threshold=p.number("nms_thresh", 0.7),
        scores=len(source.tops) == 2,
    )
    return b.emit(source, layer, inputs)


@rules("SimplerNMS", bottoms=3)
def simpler_nms(b: CaffeBuilder, source: LayerSource, inputs: tuple[str, ...]) -> tuple[str, ...]:
    """A proposal layer under Intel's names; its ratios are fixed, and its class threshold was never used."""
    p = source.param("simpler_nms_param")
    p.ignore("cls_threshold")
    layer = Proposal(
        anchors=anchor_boxes(16.0, _RATIOS, p.numbers("scale") or _SCALES),
        stride=p.number("feat_stride", 16.0),
        min_size=p.number("min_bbox_size", 16.0),
        pre_nms_top_n=p.uint("pre_nms_topn", 6000),
        post_nms_top_n=min(p.uint("post_nms_topn", 300), p.uint("max_num_proposals", 300)),
        nms_threshold=p.number("iou_threshold", 0.7),
    )
    return b.emit(source, layer, inputs)


@rules("Python", bottoms=(0, None), tops=(0, None))
def python(b: CaffeBuilder, source: LayerSource, inputs: tuple[str, ...]) -> tuple[str, ...]:
    """The proposal layer of py-faster-rcnn and ENet's dropout; any other layer is the user's to compute.

    One without bottoms reads data: it becomes inputs, whose sizes the file does not tell.
    """
    p = source.param("python_param")
    module, layer_name = p.string("module", ""), p.string("layer", "")
    if not inputs:
        p.ignore_all()
        return tuple(b.input(top, None) for top in source.tops)
    if layer_name == "SpatialDropoutLayer":
        p.ignore_all()
        return b.emit(source, Identity(), inputs)
    if (module.split(".")[-1], layer_name) != ("proposal_layer", "ProposalLayer"):
        return _leave_to_user(b, source, inputs, p)
    RULES["Proposal"].check(source)
    p.ignore("share_in_parallel")
    options = _options(p.string("param_str", ""))
    unknown = options.keys() - {"feat_stride", "scales", "ratios"}
    require(not unknown, f"param_str has the unknown key {min(unknown, default='')!r}")
    stride = options.get("feat_stride", (16.0,))
    require(len(stride) == 1, f"feat_stride in param_str must be one number, got {len(stride)}")
    anchors = anchor_boxes(16.0, options.get("ratios", _RATIOS), options.get("scales", _SCALES))
    layer = Proposal(anchors=anchors, stride=stride[0], scores=len(source.tops) == 2)
    return b.emit(source, layer, inputs)


def _options(text: str) -> dict[str, tuple[float, ...]]:
    """Read a YAML mapping of numbers: each key, quoted or not, and the numbers up to the next key."""
    keys = list(_KEY.finditer(text))
    ends = [key.start() for key in keys[1:]] + [len(text)]
    return {
        key[1]: tuple(map(float, _NUMBER.findall(text[key.end() : end])))
        for key, end in zip(keys, ends, strict=True)
    }


def anchor_boxes(base_size: float, ratios: Sequence[float], scales: Sequence[float]) -> tuple[Box, ...]:
    """Return py-faster-rcnn's anchors: for each ratio, for each scale, a box around the first cell's centre.

    A ratio is height over width. Width and height are rounded to whole pixels before they are scaled.
    """
    centre = (base_size - 1) / 2
    anchors: list[Box] = []
    for ratio in ratios:
        require(0 < ratio < math.inf, f"ratio must be positive, got {ratio:g}")
        width = round(math.sqrt(base_size * base_size / ratio))
        height = round(width * ratio)
        for scale in scales:
            x, y = (width * scale - 1) / 2, (height * scale - 1) / 2
            anchors.append((centre - x, centre - y, centre + x, centre + y))
    return tuple(anchors)


@rules("Region")
def region(b: CaffeBuilder, source: LayerSource, inputs: tuple[str, ...]) -> tuple[str, ...]:
    """YOLOv2's head, with anchors in cells; a fork's layer without anchors is the user's to compute."""
    p = source.param("region_param")
    texts = p.strings("anchors") + p.strings("biases")
    if not texts:
        return _leave_to_user(b, source, inputs, p)
    values = _numbers("anchors", texts)
    require(len(values) % 2 == 0, f"anchors must be pairs of width and height, got {len(values)} values")
    count = p.uint("num", p.uint("boxes_of_each_grid", len(values) // 2))
    require(count == len(values) // 2, f"{count} boxes per cell are given, and {len(values) // 2} anchors")
    coords = p.uint("coords", 4)
    require(coords == 4, f"coords must be 4, got {coords}")
    classes = p.uint("classes", 20)
    scores = "softmax" if p.boolean("softmax", True) else "sigmoid"
    activate = YoloMap(boxes=count, classes=classes, scores=scores)
    activated = b.emit(source, activate, inputs, name=f"{source.name}/raw")
    anchors = tuple(zip(values[::2], values[1::2], strict=True))
    return b.emit(source, YoloDecode(anchors=anchors, classes=classes), activated)


def _leave_to_user(
    b: CaffeBuilder, source: LayerSource, inputs: tuple[str, ...], p: Fields
) -> tuple[str, ...]:
    source.fields.ignore_all()
    p.ignore_all()
    return custom(b, source, inputs)


def _numbers(name: str, texts: Sequence[str]) -> list[float]:
    """Return numbers that are stated one by one, or several in a string."""
    try:
        return [float(part) for text in texts for part in re.split(r"[,\s]+", text.strip(", \n\t"))]
    except ValueError:
        raise LayerError(f"{name} must be numbers, got {', '.join(map(repr, texts))}") from None
