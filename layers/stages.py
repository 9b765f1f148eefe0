"""What passes from one stage of a box detector to the next."""

from __future__ import annotations

from jaxdnn.layers.base import Layer, require_at_least


class ProposalRows(Layer):
    """A first stage's detections as an array of a fixed size, for a second stage to start from.

    Input: detections (1, 1, n, 7), as :class:`~jaxdnn.layers.detection.DetectionOutput` makes them.

    Output: (n, 7), n being how many there may be; rows that hold none are -1.
    """


class ProposalScores(Layer):
    """A second stage's scores, minus infinity where a row holds no proposal.

    Inputs: scores, n * classes of them; proposals, n rows of 7 values, whose second one, the class, is negative
    where there is none.

    Output: the scores, of their shape.

    Attributes:
        classes: scores per proposal.
    """

    classes: int

    def __post_init__(self) -> None:
        require_at_least(1, classes=self.classes)


class DetectedBoxes(Layer):
    """The boxes of detections in one image, as :class:`~jaxdnn.layers.resize.CropAndResize` takes them.

    Inputs: detections (1, 1, n, 7), rows ``image, class, score, x1, y1, x2, y2``; the image's features (1, …),
    of which only the batch of 1 matters.

    Outputs: boxes (n, 4), rows ``y1, x1, y2, x2``; the image of each (n,), which is 0.

    Attributes:
        counted: whether the boxes are as many as there are rows whose image is not negative, which come first;
            otherwise all n rows are boxes.
    """

    counted: bool = True
