"""The heads of detectors: yolo, Gaussian_yolo, region, detection.

Each head yields rows of boxes under OpenCV's name for it, and what Darknet keeps of it, the activated but not
yet decoded predictions, under ``…/raw``.
"""

from __future__ import annotations

import math

from jaxdnn.errors import ShapeError
from jaxdnn.importers.darknet.cfg import Section
from jaxdnn.importers.darknet.registry import DarknetBuilder, Output, rules
from jaxdnn.importers.darknet.rules.dense import softmax_of_parts
from jaxdnn.importers.darknet.training import DETECTION
from jaxdnn.importers.darknet.tree import group_sizes, read_tree
from jaxdnn.layers.base import require
from jaxdnn.layers.elementwise import Identity
from jaxdnn.layers.shape import Concat, Pad, Permute, Reshape
from jaxdnn.layers.yolo import GridDecode, Pair, YoloDecode, YoloMap

_OPENCV_YOLO_THRESHOLD = 0.2
_OPENCV_REGION_THRESHOLD = 0.001
_MAX_ANCHORS = 10_000


@rules("yolo")
def yolo(b: DarknetBuilder, section: Section, x: Output) -> Output:
    """YOLOv3's head and its successors'."""
    b.distance_power = _distance_power(section)
    new_coords = section.flag("new_coords")
    function = "none" if new_coords else "sigmoid"
    anchors, classes = _anchors(section), section.integer("classes", 20)
    activated = YoloMap(
        boxes=len(anchors),
        classes=classes,
        centre=function,
        objectness=function,
        scores=function,
        scale_xy=section.number("scale_x_y", 1.0),
    )
    decode = YoloDecode(
        anchors=anchors,
        classes=classes,
        size="square" if new_coords else "exp",
        threshold=_threshold(b, section, _OPENCV_YOLO_THRESHOLD),
    )
    return _head(b, x, activated, decode, b.name("yolo"))


@rules("Gaussian_yolo")
def gaussian_yolo(b: DarknetBuilder, section: Section, x: Output) -> Output:
    """YOLOv3's head with the uncertainty of each coordinate."""
    b.distance_power = _distance_power(section)
    anchors, classes = _anchors(section), section.integer("classes", 20)
    scale_xy = section.number("scale_x_y", 1.0)
    activated = YoloMap(boxes=len(anchors), classes=classes, scale_xy=scale_xy, uncertainty=True)
    decode = YoloDecode(
        anchors=anchors,
        classes=classes,
        point=section.choice("yolo_point", "center", ("center", "left_top", "right_bottom")),
        uncertainty=True,
    )
    return _head(b, x, activated, decode, b.name("Gaussian_yolo"))


def _distance_power(section: Section) -> float | None:
    """Return how much the distance of two boxes' centres lessens their overlap; None: not at all."""
    beta = section.number("beta_nms", 0.6)
    powers = {"default": None, "cornersnms": None, "greedynms": 0.6, "diounms": beta}
    return powers[section.choice("nms_kind", "default", tuple(powers))]


def _head(b: DarknetBuilder, x: Output, activated: YoloMap, decode: YoloDecode, name: str) -> Output:
    """Add both layers; the anchors are in pixels of the network's input."""
    x = b.image(x)
    _require_channels(decode, x)
    raw = b.emit(activated, x, shape=x.shape, name=f"{name}/raw")
    _, height, width = raw.shape
    shape = (height * width * len(decode.anchors), 5 + decode.classes, 1)
    b.show(raw, b.emit(decode, raw, b.picture, shape=shape, name=name))
    return raw


def _require_channels(decode: YoloDecode, x: Output) -> None:
    entries = (9 if decode.uncertainty else 5) + decode.classes
    count = len(decode.anchors)
    if x.shape[0] != count * entries:
        raise ShapeError(
            f"{count} anchors of {entries} values need {count * entries} channels, "
            f"the layer before has {x.shape[0]}"
        )


def _anchors(section: Section) -> tuple[Pair, ...]:
    """Return the anchors of this head, those that its mask chooses."""
    section.ignore(*DETECTION)
    count, mask = section.integer("num", 1), section.integers("mask")
    pairs = _pairs(section, count)
    if not mask:
        return pairs[:count]
    for index in mask:
        # Some cfgs choose from more anchors than they say they have.
        require(0 <= index < len(pairs), f"mask {index} is not one of {len(pairs)} anchors")
    return tuple(pairs[index] for index in mask)


def _pairs(section: Section, count: int) -> tuple[Pair, ...]:
    """Return the anchors that are given, and 0.5 for others up to a count, as Darknet has it."""
    require(1 <= count <= _MAX_ANCHORS, f"num must be from 1 to {_MAX_ANCHORS}, got {count}")
    numbers = section.numbers("anchors") or ()
    numbers += (0.5,) * (2 * count - len(numbers))
    return tuple(zip(numbers[::2], numbers[1::2], strict=False))


def _threshold(b: DarknetBuilder, section: Section, default: float) -> float:
    """Return up to where OpenCV sets class scores to 0."""
    return section.number("thresh", default) if b.opencv else -math.inf


@rules("region")
def region(b: DarknetBuilder, section: Section, x: Output) -> Output:
    """YOLOv2's head, perhaps with a tree of classes; anchors are in cells."""
    section.ignore(*DETECTION)
    x = b.image(x)
    classes, count = section.integer("classes", 20), section.integer("num", 1)
    coords, tree = section.integer("coords", 4), section.text("tree", "")
    require(coords == 4, f"coords must be 4, got {coords}")
    parents = read_tree(tree, b.folder) if tree else ()
    softmax = section.flag("softmax") or bool(parents)
    activated = YoloMap(
        boxes=count,
        classes=classes,
        centre="none",
        scores="softmax" if softmax else "none",
        groups=group_sizes(parents),
    )
    decode = YoloDecode(
        anchors=_pairs(section, count)[:count],
        classes=classes,
        centre="sigmoid",
        parents=parents,
        threshold=_threshold(b, section, _OPENCV_REGION_THRESHOLD),
    )
    _require_channels(decode, x)
    name = b.name("region")
    planes = b.emit(activated, x, shape=x.shape, name=f"{name}/planes")
    channels, height, width = x.shape
    cells = b.emit(Permute(order=(0, 2, 3, 1)), planes, shape=(height, width, channels), name=f"{name}/cells")
    boxes = Reshape(shape=(count, 5 + classes), axis=3, num_axes=1)
    raw = b.emit(boxes, cells, shape=cells.shape, name=f"{name}/raw")
    rows = b.emit(decode, planes, shape=(channels, height, width), name=name, value="detection_out")
    b.show(raw, rows)
    return raw


@rules("detection")
def detection(b: DarknetBuilder, section: Section, x: Output) -> Output:
    """The first YOLO's head."""
    section.ignore(*DETECTION)
    x = b.vector(x)
    side, count = section.integer("side", 7), section.integer("num", 1)
    coords, classes = section.integer("coords", 1), section.integer("classes", 1)
    decode = GridDecode(side=side, boxes=count, classes=classes, squared=section.flag("sqrt"))
    require(coords == 4, f"coords must be 4, got {coords}")
    cells = side * side
    needed = cells * (classes + 5 * count)
    if x.size != needed:
        raise ShapeError(f"{cells} cells need {needed} inputs, the layer before has {x.size}")
    name = b.name("detection")
    if section.flag("softmax"):
        x = _with_softmax(b, x, cells, classes, name)
    raw = b.emit(Identity(), x, shape=x.shape, name=f"{name}/raw", flat=True)
    rows = b.emit(decode, raw, shape=(cells * count, 5 + classes, 1), name=name)
    b.show(raw, rows)
    return raw


def _with_softmax(b: DarknetBuilder, x: Output, cells: int, classes: int, name: str) -> Output:
    """Apply a softmax to the scores of each cell, and to nothing else."""
    count = cells * classes
    head = Pad(before=(0,), after=(count - x.size,), axis=1)
    scores = b.emit(head, x, shape=(count, 1, 1), name=f"{name}/logits", flat=True)
    scores = softmax_of_parts(b, scores, cells, f"{name}/scores")
    tail = Pad(before=(-count,), after=(0,), axis=1)
    rest = b.emit(tail, x, shape=(x.size - count, 1, 1), name=f"{name}/rest", flat=True)
    return b.emit(Concat(), scores, rest, shape=x.shape, name=f"{name}/joined", flat=True)
