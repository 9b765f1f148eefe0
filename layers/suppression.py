"""Non-maximum suppression as a layer: which of many overlapping boxes stay."""

from __future__ import annotations

from jaxdnn.layers.base import Layer, require_at_least


class NonMaxSuppression(Layer):
    """Greedy suppression of boxes by their scores.

    Inputs: boxes (n, 4), each two opposite corners y1, x1, y2, x2 in any order; scores (n,).

    Of the boxes that score more than ``score_threshold`` the best is kept, the first one among equals. Those whose
    intersection over union u with it is above ``overlap_threshold`` go. If ``sigma`` is positive none goes, but all
    scores are multiplied by ``exp(-u**2 / (2 * sigma))``, and go where they fall to ``score_threshold``. This is
    repeated until ``count`` boxes are kept or none is left.

    Outputs: the kept boxes' indices, int32, in the order in which they were kept; their scores at that time; their
    number, a scalar. As many indices and scores as are kept, or ``count`` of them, zeros behind, if ``pad``.

    Attributes:
        count: the most boxes to keep.
        overlap_threshold: the largest tolerated intersection over union.
        score_threshold: a score must be greater.
        sigma: of soft suppression; 0 for the usual one.
        pad: whether the outputs have ``count`` elements whatever is kept.
    """

    count: int
    overlap_threshold: float = 0.5
    score_threshold: float = float("-inf")
    sigma: float = 0.0
    pad: bool = False

    def __post_init__(self) -> None:
        require_at_least(0, count=self.count)


class ClassSuppression(Layer):
    """:class:`NonMaxSuppression` for each class of each image.

    Inputs: boxes (batch, n, 4), corners as there; scores (batch, classes, n).

    Output: (rows, 3), int32, each row ``image, class, box``, by image, then class, then in the order in which the boxes
    were kept.

    Attributes:
        count: the most boxes to keep per class.
        overlap_threshold, score_threshold: as for :class:`NonMaxSuppression`.
        centers: whether boxes are centre x, centre y, width, height instead.
    """

    count: int
    overlap_threshold: float = 0.5
    score_threshold: float = float("-inf")
    centers: bool = False

    def __post_init__(self) -> None:
        require_at_least(0, count=self.count)


class BatchedSuppression(Layer):
    """:class:`NonMaxSuppression` for each class of each image, then the best boxes of all classes.

    Inputs: boxes (batch, n, classes, 4), or (batch, n, 1, 4) or (batch, n, 4) if all classes share them, with
    corners as there; scores (batch, n, classes).

    Outputs: boxes (batch, d, 4), scores (batch, d) and classes (batch, d), floats all, best first and zeros
    behind; their number (batch,), int32. d is ``count``, or the smaller of that and
    ``class_count * classes`` if ``pad_per_class``.

    Attributes:
        class_count: the most boxes to keep per class.
        count: the most boxes to keep per image.
        overlap_threshold, score_threshold: as for :class:`NonMaxSuppression`.
        pad_per_class: see above.
        clip: whether kept boxes are cut to 0 … 1.
    """

    class_count: int
    count: int
    overlap_threshold: float = 0.5
    score_threshold: float = float("-inf")
    pad_per_class: bool = False
    clip: bool = True

    def __post_init__(self) -> None:
        require_at_least(1, class_count=self.class_count, count=self.count)
