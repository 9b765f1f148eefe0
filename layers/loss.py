"""Losses and metrics, as Caffe's networks end in when they are tested."""

from __future__ import annotations

import math

from jaxdnn.layers.base import Layer, Shape, require, require_at_least, require_one_of

_NORMALIZATIONS = ("full", "valid", "batch_size", "none")


class Loss(Layer):
    """Base of the layers that compare a prediction, their first input, with labels or targets.

    A call need not feed inputs that only such layers read.
    """

    def flops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> int:
        """Count one operation per element of the prediction."""
        del outputs
        return math.prod(inputs[0])


class CrossEntropyLoss(Loss):
    """The negative logarithm of the probability that was given to the right class, summed and divided.

    ``y = sum over positions of -log(max(p[label], floor)) / normalizer``, a scalar. The positions are those
    of all axes but ``axis``.

    Inputs: probabilities; one label per position, in any shape of as many elements (fractions are dropped).

    Attributes:
        axis: the axis of the classes.
        ignore_label: positions with this label do not count; None: all do.
        normalization: what the sum is divided by. ``full``: all positions; ``valid``: those that count;
            ``batch_size``: the product of the axes before ``axis``; ``none``: 1. Never less than 1.
        floor: smaller probabilities are taken as this, so that the loss stays finite.
    """

    axis: int = 1
    ignore_label: int | None = None
    normalization: str = "valid"
    floor: float = 2.0**-126

    def __post_init__(self) -> None:
        require_one_of(_NORMALIZATIONS, normalization=self.normalization)
        require(self.floor > 0, f"floor must be positive, got {self.floor}")


class InfogainLoss(CrossEntropyLoss):
    """A cross entropy in which every class counts, with a weight that depends on the right one.

    ``y = sum over positions, classes of -gain[label, class] * log(max(p[class], floor)) / normalizer``.

    Inputs: probabilities; labels; the matrix of gains (classes, classes), which may have axes of size 1 in
    front. Attributes as for :class:`CrossEntropyLoss`.
    """


class SigmoidCrossEntropyLoss(Loss):
    """The cross entropy of independent yes-or-no questions, computed stably from logits.

    ``y = sum of -(t * log(sigmoid(x)) + (1 - t) * log(1 - sigmoid(x))) / normalizer``, a scalar.

    Inputs: logits x; as many targets t between 0 and 1.

    Attributes:
        ignore_label: elements whose target is this do not count; None: all do.
        normalization: as for :class:`CrossEntropyLoss`, with elements for positions; the batch size is the
            first axis.
    """

    ignore_label: int | None = None
    normalization: str = "batch_size"

    def __post_init__(self) -> None:
        require_one_of(_NORMALIZATIONS, normalization=self.normalization)


class EuclideanLoss(Loss):
    """``y = sum of (a - b)^2 / (2 * N)``, a scalar; N is the first axis of a.

    Inputs: a; b with as many elements.
    """


class HingeLoss(Loss):
    """One against the rest: every class's score should be on its side of zero by a margin of 1.

    ``y = sum of max(0, 1 - s*x)^norm / N``, a scalar, where s is 1 for the right class and -1 for the
    others, and N is the first axis.

    Inputs: scores x (N, ...), all but the first axis flattened to classes; N labels.

    Attributes:
        norm: 1 or 2.
    """

    norm: int = 1

    def __post_init__(self) -> None:
        require(self.norm in (1, 2), f"norm must be 1 or 2, got {self.norm}")


class ContrastiveLoss(Loss):
    """Pulls similar pairs together and pushes the others apart, up to a margin.

    ``y = sum over n of (d^2 if similar[n] else max(margin - d, 0)^2) / (2 * N)``, a scalar, where d is the
    Euclidean distance of a[n] and b[n].

    Inputs: a (N, ...); b of the same shape; N numbers, of which those that truncate to 0 mean "not similar".

    Attributes:
        margin: the distance that dissimilar pairs should keep.
        squared_margin: whether their term is ``max(margin - d^2, 0)`` instead, as old versions have it.
    """

    margin: float = 1.0
    squared_margin: bool = False


class SmoothL1Loss(Loss):
    """Quadratic near zero and linear beyond it, for boxes.

    ``y = sum of outside * f(inside * (a - b)) / N``, a scalar, where N is the first axis and
    ``f(d) = (sigma * d)^2 / 2`` for ``|d| < 1 / sigma^2``, ``|d| - 1 / (2 * sigma^2)`` elsewhere.

    Inputs: a; b; the weights ``inside`` (1 if absent); the weights ``outside`` (1 if absent): all with as
    many elements as a.

    Attributes:
        sigma: the larger, the narrower the quadratic part.
    """

    sigma: float = 1.0

    def __post_init__(self) -> None:
        require(self.sigma > 0, f"sigma must be positive, got {self.sigma}")


class Accuracy(Loss):
    """The share of positions whose label is among the ``top_k`` highest scores, a scalar.

    Of equal scores the class of the larger index is the higher one. Without any position that counts the
    result is NaN.

    Inputs: scores; labels, as for :class:`CrossEntropyLoss`. Outputs: the share; if ``per_class``, also
    that of the positions of each label (classes,), 0 where a label does not occur.

    Attributes:
        top_k: how many of the highest scores are looked at.
        axis: the axis of the classes.
        ignore_label: positions with this label do not count; None: all do.
        per_class: whether there is a second output.
    """

    top_k: int = 1
    axis: int = 1
    ignore_label: int | None = None
    per_class: bool = False

    def __post_init__(self) -> None:
        require_at_least(1, top_k=self.top_k)


class NegativeLogLikelihood(Layer):
    """The weight of the right class times the negative of the logarithm that was given to it.

    Inputs: logarithms of probabilities (N, classes, ...); labels (N, ...), integers; optionally the classes' weights
    (classes,), 1 where there are none.

    Output: (N, ...) if ``reduction`` is ``none``, else a scalar: the ``sum``, or as the ``mean`` the sum divided by
    that of the weights. A label that is no class gives what is no number.

    Attributes:
        ignore_label: positions with this label are 0 and have the weight 0; None: there are none.
        reduction: see above.
    """

    ignore_label: int | None = None
    reduction: str = "mean"

    def __post_init__(self) -> None:
        require_one_of(("none", "mean", "sum"), reduction=self.reduction)
