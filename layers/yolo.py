"""The heads of YOLO detectors: predictions of each cell, and the boxes that they mean."""

from __future__ import annotations

import math

from jaxdnn.layers.base import Layer, Shape, require, require_at_least, require_one_of

Pair = tuple[float, float]


class YoloMap(Layer):
    """The predictions of a YOLO head, made probabilities where they are logits.

    Input and output: (batch, boxes * entries, rows, columns). A box has the entries x, y, w, h, objectness and
    one score per class; with ``uncertainty`` each of the first four is followed by its uncertainty.

    * x and y become ``t*scale_xy - (scale_xy - 1)/2`` with ``t = centre(x)``; w and h stay as they are;
    * uncertainties become ``σ(.)``, σ being the logistic function;
    * objectness and scores become ``objectness(.)`` and ``scores(.)``.

    Attributes:
        boxes: number per cell.
        classes: how many.
        centre, objectness: the function of these entries, ``sigmoid`` or ``none``.
        scores: ``sigmoid``, ``none``, or ``softmax`` over the classes, or over each of ``groups``.
        groups: sizes of runs of classes that exclude each other, one after the other; none: all classes do.
        scale_xy: how far a centre can leave its cell; 1: not at all.
        uncertainty: whether the head predicts how sure it is of a box.
    """

    boxes: int
    classes: int
    centre: str = "sigmoid"
    objectness: str = "sigmoid"
    scores: str = "sigmoid"
    groups: tuple[int, ...] = ()
    scale_xy: float = 1.0
    uncertainty: bool = False

    def __post_init__(self) -> None:
        require_at_least(1, boxes=self.boxes, classes=self.classes, groups=self.groups)
        require_one_of(("sigmoid", "none"), centre=self.centre, objectness=self.objectness)
        require_one_of(("sigmoid", "softmax", "none"), scores=self.scores)
        total = sum(self.groups)
        require(not self.groups or total == self.classes, f"groups have {total} of {self.classes} classes")


class YoloDecode(Layer):
    """The boxes and class scores that a YOLO head's predictions mean, before any suppression.

    Inputs: (batch, boxes * entries, rows, columns) as :class:`YoloMap` gives it; optionally the image (batch,
    channels, height, width), of which only the size matters: anchors are in its pixels then, in cells otherwise.
    With the cell in row i and column j, and an anchor (aw, ah) relative to the image:

    * the box's point is ``(j + x) / columns, (i + y) / rows``, with ``σ(x), σ(y)`` if ``centre`` is ``sigmoid``;
    * its size is ``exp(w)*aw, exp(h)*ah``, or ``(2w)^2*aw, (2h)^2*ah`` if ``size`` is ``square``;
    * a class score is multiplied by those of all its ancestors, by the objectness, and with ``uncertainty`` by
      1 minus the mean of the box's four uncertainties; it is 0 unless it is above ``threshold``.

    Output: (batch, rows * columns * anchors, 5 + classes), rows ``centre x, centre y, width, height``
    relative to the image, ``objectness, class scores``; by row of cells, column, anchor.

    Attributes:
        anchors: width and height of each.
        classes: how many.
        centre: whether x and y still are logits, ``sigmoid``, or not, ``none``.
        size: ``exp`` or ``square``.
        point: which point of the box is predicted: ``center``, ``left_top`` or ``right_bottom``.
        uncertainty: whether each of x, y, w, h is followed by its uncertainty.
        parents: of each class the class that it is a kind of, an earlier one, or -1; none: no class is.
        threshold: class scores that are not above it become 0.
    """

    anchors: tuple[Pair, ...]
    classes: int
    centre: str = "none"
    size: str = "exp"
    point: str = "center"
    uncertainty: bool = False
    parents: tuple[int, ...] = ()
    threshold: float = -math.inf

    def __post_init__(self) -> None:
        require(bool(self.anchors), "anchors is empty: there must be at least one per cell")
        require_at_least(1, classes=self.classes)
        require_one_of(("sigmoid", "none"), centre=self.centre)
        require_one_of(("exp", "square"), size=self.size)
        require_one_of(("center", "left_top", "right_bottom"), point=self.point)
        count = len(self.parents)
        require(count in (0, self.classes), f"{count} parents are given for {self.classes} classes")
        for child, parent in enumerate(self.parents):
            require(-1 <= parent < child, f"class {child} has the parent {parent}, which does not precede it")

    def flops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> int:
        """Count two operations per number."""
        del outputs
        return 2 * math.prod(inputs[0])


class GridDecode(Layer):
    """The boxes and class scores that the first YOLO's predictions mean, before any suppression.

    Input: (batch, side^2 * (classes + 5 * boxes)): the class scores of each cell, then the objectness of each
    box of each cell, then x, y, w, h of each. For the cell in row i and column j the centre is
    ``(j + x) / side, (i + y) / side``, and the size is ``w, h``, or ``w^2, h^2`` if ``squared``. A class score is
    multiplied by the objectness.

    Output: (batch, side^2 * boxes, 5 + classes), rows as of :class:`YoloDecode`.

    Attributes:
        side: number of rows and of columns.
        boxes: number per cell.
        classes: how many.
        squared: whether the predicted sizes are square roots.
    """

    side: int
    boxes: int
    classes: int
    squared: bool = False

    def __post_init__(self) -> None:
        require_at_least(1, side=self.side, boxes=self.boxes, classes=self.classes)
