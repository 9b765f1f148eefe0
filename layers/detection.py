"""Box detectors: prior boxes, decoding of predictions, proposals."""

from __future__ import annotations

from jaxdnn.layers.base import Layer, require, require_at_least, require_one_of

Pair = tuple[float, float]
Box = tuple[float, float, float, float]


def _require_limits(**limits: int | None) -> None:
    require_at_least(1, **{name: limit for name, limit in limits.items() if limit is not None})


class PriorBox(Layer):
    """The boxes that a single-shot detector starts from: the same few around the centre of each cell.

    Inputs: a feature map (batch, channels, rows, columns), whose elements are the cells, and the image
    (batch, channels, height, width), or both with their channels last. Only their shapes matter, so that the
    result is a constant.

    The cell in row i and column j has its centre at ``x = (j + offset) * step[0]``,
    ``y = (i + offset) * step[1]``. Each of its boxes is the corners x1, y1, x2, y2, relative to the image.

    Output: (1, 2, rows * columns * len(sizes) * 4), cells row by row; ``[0, 0]`` are the boxes, ``[0, 1]`` is
    the variance of each of their coordinates.

    Attributes:
        sizes: width and height in pixels of each box of a cell.
        variance: what the four coordinates' predictions are multiplied by (see :class:`DetectionOutput`).
        step: width and height of a cell in pixels; None: the image's size over the feature map's.
        image: width and height of the image in pixels; None: those of the second input.
        offset: where in its cell the centre lies, 0 (left, top) to 1.
        clip: whether the boxes are cut off at the image's border.
        channels_last: where the inputs have their channels.
    """

    sizes: tuple[Pair, ...]
    variance: Box = (0.1, 0.1, 0.1, 0.1)
    step: Pair | None = None
    image: Pair | None = None
    offset: float = 0.5
    clip: bool = False
    channels_last: bool = False

    def __post_init__(self) -> None:
        require(bool(self.sizes), "sizes is empty: there must be at least one box per cell")
        for name, pair in (("step", self.step), ("image", self.image)):
            require(pair is None or min(pair) > 0, f"{name} must be positive, got {pair}")


class DetectionOutput(Layer):
    """The detections of a single-shot detector: boxes decoded, then suppressed where they overlap.

    Inputs: locations (batch, priors * L * 4) with L = 1 if ``share_location`` and L = ``classes`` otherwise;
    confidences (batch, priors * classes); prior boxes and variances (1, 2, priors * 4), as
    :class:`PriorBox` makes them (one row is enough if ``variance_in_target``). A detector of two steps has
    two more inputs, of which the second may be absent: objectness (batch, priors * 2), whose second value of
    each prior is the probability of an object, and the first step's locations, of the shape of the others.
    Where that probability is below ``objectness_threshold``, all scores are 0 (the background's is 1); the
    priors are first decoded with the first step's locations, and the boxes that result take their place.

    Decoding: with a prior's corners p, its size s and centre c, its variance v (1 if ``variance_in_target``)
    and the prediction d:

    * ``corner``: the corners are p + v*d;
    * ``corner_size``: the corners are p + v*d*s;
    * ``center_size``: the centre is c + v*d*s with the first two values of d, the size exp(v*d)*s with the
      last two.

    In each image and for each class but the background: of the scores above ``confidence_threshold`` the
    ``top_k`` best (the earlier prior first among equals) go through greedy suppression: a box is kept if its
    intersection over union with every box kept before is at most ``nms_threshold``. Where ``eta`` < 1, each
    kept box multiplies that threshold by it, as long as it is above 0.5. In each image the ``keep_top_k``
    best of all classes remain.

    Output: (1, 1, detections, 7), each row ``image, class, score, x1, y1, x2, y2``, by image, then class,
    then falling score (without class if not ``group_classes``). Where no image has a detection there is one row
    ``image, -1, -1, …`` for each.

    Attributes:
        classes: how many, background included.
        background: the class that is no object; None: all are.
        share_location: whether all classes share one box per prior.
        code: ``corner``, ``center_size`` or ``corner_size``.
        variance_in_target: whether predictions already are in units of the prior.
        clip: whether decoded boxes are cut off at the image's border.
        objectness_threshold: the smallest objectness of a prior whose scores count.
        confidence_threshold: a score must be greater.
        nms_threshold: the largest tolerated overlap.
        eta: factor of the adaptive threshold.
        top_k: candidates per class, None: all.
        keep_top_k: detections per image, None: all.
        group_classes: whether an image's detections of one class follow each other.
    """

    classes: int
    background: int | None = 0
    share_location: bool = True
    code: str = "corner"
    variance_in_target: bool = False
    clip: bool = False
    objectness_threshold: float = 0.01
    confidence_threshold: float = float("-inf")
    nms_threshold: float = 0.3
    eta: float = 1.0
    top_k: int | None = None
    keep_top_k: int | None = None
    group_classes: bool = True

    def __post_init__(self) -> None:
        require_at_least(1, classes=self.classes)
        _require_limits(top_k=self.top_k, keep_top_k=self.keep_top_k)
        require_one_of(("corner", "center_size", "corner_size"), code=self.code)
        require(self.nms_threshold >= 0, f"nms_threshold must not be negative, got {self.nms_threshold}")
        require(0 < self.eta <= 1, f"eta must be above 0 and at most 1, got {self.eta}")
        background = self.background
        require(
            background is None or 0 <= background < self.classes,
            f"background {background} is not one of {self.classes} classes",
        )


class BestClassOutput(Layer):
    """The detections among boxes with class scores: each box has one class, and suppresses all other classes' too.

    Input: (batch, boxes, 5 + classes), rows ``centre x, centre y, width, height, objectness, class scores``, as
    :class:`~jaxdnn.layers.yolo.YoloDecode` makes them; the objectness is not used.

    In each image, of the boxes whose best score is above ``confidence_threshold``, the best first, a box is
    kept if its intersection over union with every box kept before is at most ``nms_threshold``.

    Output: (1, 1, detections, 7), each row ``image, class, score, x1, y1, x2, y2``, by image, then falling
    score. Where no image has a detection there is one row ``image, -1, -1, …`` for each.

    Attributes:
        confidence_threshold: a score must be greater.
        nms_threshold: the largest tolerated overlap.
        first_label: the number of the first class in the output.
    """

    confidence_threshold: float
    nms_threshold: float
    first_label: int = 0

    def __post_init__(self) -> None:
        require(self.nms_threshold >= 0, f"nms_threshold must not be negative, got {self.nms_threshold}")


class Proposal(Layer):
    """Regions that may hold an object, from the two heads of a region proposal network.

    Inputs: scores (batch, 2 * anchors, rows, columns), whose second half of the channels is the probability
    of an object; deltas (batch, 4 * anchors, rows, columns), four per anchor; the image's height, width and
    scale (batch or 1, 3 or more). Coordinates are indices of pixels, both ends included.

    At the cell in row i and column j each anchor is moved by ``j*stride, i*stride``. With its size
    ``s = corner2 - corner1 + 1`` and centre ``c = corner1 + s/2``, deltas d give a box of centre ``c + d*s``
    and size ``exp(d)*s``, from centre - size/2 to centre + size/2, then cut off at the image's border. In
    each image the boxes that are at least ``min_size * scale`` wide and high, of these the
    ``pre_nms_top_n`` best, and of these the first ``post_nms_top_n`` that survive greedy suppression, remain.

    Outputs: (regions, 5), each row ``image, x1, y1, x2, y2`` by image and falling score; their scores
    (regions, 1) if ``scores``.

    Attributes:
        anchors: boxes around the first cell, in pixels.
        stride: distance of neighbouring cells in pixels.
        min_size: smallest width and height, in pixels of the unscaled image.
        pre_nms_top_n, post_nms_top_n: candidates and regions per image, None: all.
        nms_threshold: the largest tolerated intersection over union.
        scores: whether the scores are a second output.
    """

    anchors: tuple[Box, ...]
    stride: float = 16.0
    min_size: float = 16.0
    pre_nms_top_n: int | None = 6000
    post_nms_top_n: int | None = 300
    nms_threshold: float = 0.7
    scores: bool = False

    def __post_init__(self) -> None:
        require(bool(self.anchors), "anchors is empty: there must be at least one per cell")
        _require_limits(pre_nms_top_n=self.pre_nms_top_n, post_nms_top_n=self.post_nms_top_n)
        require(self.stride > 0, f"stride must be positive, got {self.stride}")
        require(self.nms_threshold >= 0, f"nms_threshold must not be negative, got {self.nms_threshold}")
