"""Single-shot detectors of the Object Detection API: SSD, SSDLite, RetinaNet."""

from __future__ import annotations

from jaxdnn.importers.tensorflow.textgraphs.anchors import Anchors, read_anchors
from jaxdnn.importers.tensorflow.textgraphs.config import Section
from jaxdnn.importers.tensorflow.textgraphs.draft import Draft
from jaxdnn.importers.tensorflow.textgraphs.fuse import fuse_batch_norms, fuse_upsampling
from jaxdnn.importers.tensorflow.textgraphs.heads import Head, Suppression, add_detections
from jaxdnn.importers.tensorflow.textgraphs.image import Size, connect_image

_PREPARING = ("Preprocessor/", "ToFloat", "Cast")
_ACTIVATIONS = {"IDENTITY": "", "SIGMOID": "Sigmoid", "SOFTMAX": "Softmax"}


def generate(draft: Draft, config: Section, size: Size | None) -> tuple[str, ...]:
    """Make a text graph of the draft and return the names of its outputs.

    Args:
        draft: the frozen graph.
        config: the message ``ssd``.
        size: width and height of the pictures; by default what ``image_resizer`` makes.

    Raises:
        JaxdnnError: configuration and graph do not fit each other.
    """
    size = size or _picture_size(config)
    anchors = read_anchors(config, *size)
    suppression = _suppression(config)
    fuse_batch_norms(draft)
    fuse_upsampling(draft)
    label, heads = _heads(config, anchors)
    ends = [name for head in heads for name in (head.boxes, head.scores)]
    image = connect_image(draft, ends, lambda name: name.startswith(_PREPARING), size)
    return (add_detections(draft, image, heads, (label, "ClassPredictor"), suppression),)


def _picture_size(config: Section) -> Size:
    """Return width and height of what the resizer makes."""
    resizer = config.section("image_resizer")
    kind = resizer.choice("fixed_shape_resizer", "keep_aspect_ratio_resizer")
    stated = resizer.section(kind)
    if kind == "fixed_shape_resizer":
        size = stated.integer("width", 300), stated.integer("height", 300)
    else:
        low, high = stated.integer("min_dimension", 600), stated.integer("max_dimension", 1024)
        if not stated.boolean("pad_to_max_dimension", False) and low != high:
            raise stated.error(
                f"leaves the size of pictures open (sides from {low} to {high}), a text graph has one: give it"
            )
        size = high, high
    if min(size) < 1:
        raise stated.error(f"must make pictures of at least 1x1, not {size[0]}x{size[1]}")
    return size


def _heads(config: Section, anchors: tuple[Anchors, ...]) -> tuple[str, tuple[Head, ...]]:
    """Return what joined boxes are called, and the predictions by the names that the API gives them."""
    kind = config.section("box_predictor").choice(
        "convolutional_box_predictor", "weight_shared_convolutional_box_predictor"
    )
    plain = kind == "convolutional_box_predictor"
    label = "BoxEncodingPredictor" if plain else "BoxPredictor"
    heads = []
    for index, stated in enumerate(anchors):
        shared = f"WeightSharedConvolutionalBoxPredictor_{index}".removesuffix("_0")
        scope = f"BoxPredictor_{index}" if plain else shared
        heads.append(Head(f"{scope}/{label}/BiasAdd", f"{scope}/ClassPredictor/BiasAdd", stated))
    return label, tuple(heads)


def _suppression(config: Section) -> Suppression:
    """Return what ``post_processing`` states; what it does not is as in OpenCV's text graphs."""
    if not config.boolean("add_background_class", True):
        raise config.error(
            "'add_background_class' must be true: detections count classes from the background on"
        )
    post = config.optional("post_processing")
    stated = post.optional("batch_non_max_suppression")
    scale = post.number("logit_scale", 1.0)
    if scale <= 0:
        raise post.error(f"'logit_scale' must be positive, got {scale:g}")
    converter = post.word("score_converter", tuple(_ACTIVATIONS), "IDENTITY")
    return Suppression(
        classes=config.integer("num_classes") + 1,
        background=0,
        variance=_variance(config),
        score=stated.number("score_threshold", 0.01),
        overlap=stated.number("iou_threshold", 0.6),
        per_class=stated.integer("max_detections_per_class", 100),
        total=stated.integer("max_total_detections", 100),
        activation=_ACTIVATIONS[converter],
        temperature=scale,
    )


def _variance(config: Section) -> tuple[float, float, float, float]:
    """Return the reciprocal scales of the box coder."""
    coder = config.section("box_coder")
    stated = coder.section(coder.choice("faster_rcnn_box_coder"))
    scales = {
        name: stated.number(name, default)
        for name, default in (
            ("x_scale", 10.0),
            ("y_scale", 10.0),
            ("width_scale", 5.0),
            ("height_scale", 5.0),
        )
    }
    for name, scale in scales.items():
        if scale <= 0:
            raise stated.error(f"{name!r} must be positive, got {scale:g}")
    x, y, width, height = scales.values()
    return 1 / x, 1 / y, 1 / width, 1 / height
