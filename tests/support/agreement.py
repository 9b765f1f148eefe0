"""How far two answers of a network agree."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from support.trained import Answer


@dataclass(frozen=True)
class Agreement:
    """What the objects and values of two answers have in common.

    Attributes:
        objects: how many objects the first one has above the threshold.
        lost: objects of either above the threshold whose like the other has not.
        score: the largest difference between two scores of one object.
        overlap: the smallest intersection over union of two boxes of one object.
        value: the largest difference of other values, relative to the largest value.
        classes: whether the largest element along the last axis of all values is the same.
    """

    objects: int = 0
    lost: int = 0
    score: float = 0.0
    overlap: float = 1.0
    value: float = 0.0
    classes: bool = True

    def __add__(self, other: Agreement) -> Agreement:
        """Return the agreement on both pictures."""
        return Agreement(
            self.objects + other.objects,
            self.lost + other.lost,
            max(self.score, other.score),
            min(self.overlap, other.overlap),
            max(self.value, other.value),
            self.classes and other.classes,
        )


def agreement(want: Answer, got: Answer, *, threshold: float, margin: float) -> Agreement:
    """Compare two answers.

    Two objects are alike if they have one class and half of their union is common to them. An object above the
    threshold needs a like whose score is within the margin of the threshold or above. A network that gives a box
    twice, with almost equal scores, may keep either; so scores and boxes are compared before boxes are suppressed,
    where the network shows them.
    """
    found = _objects(want, got, threshold, margin) + _objects(got, want, threshold, margin)
    exact = _rows(want.rows, got.rows, threshold) if len(want.rows) else found
    total = Agreement(int((want.scores > threshold).sum()), found.lost, exact.score, exact.overlap)
    assert want.values.keys() == got.values.keys()
    for name, array in want.values.items():
        total += _values(array.astype(np.float64), got.values[name].astype(np.float64))
    return total


def _objects(one: Answer, other: Answer, threshold: float, margin: float) -> Agreement:
    total = Agreement()
    for box, score, label in zip(one.boxes, one.scores, one.classes, strict=True):
        if score <= threshold:
            continue
        possible = (other.classes == label) & (other.scores > threshold - margin)
        overlaps = _overlap(box.reshape(1, 4), other.boxes) * possible
        index = int(overlaps.argmax()) if len(overlaps) else 0
        if len(overlaps) and overlaps[index] > 0.5:
            difference = abs(float(score) - float(other.scores[index]))
            total += Agreement(score=difference, overlap=float(overlaps[index]))
        else:
            total += Agreement(lost=1)
    return total


def _rows(want: np.ndarray, got: np.ndarray, threshold: float) -> Agreement:
    counted = (want[:, 5:] > threshold) | (got[:, 5:] > threshold)
    chosen = counted.any(axis=1)
    corners = (
        np.concatenate([r[:, :2] - r[:, 2:4] / 2, r[:, :2] + r[:, 2:4] / 2], axis=1) for r in (want, got)
    )
    overlaps = _overlap(*(array[chosen] for array in corners))
    differences = np.abs(want[:, 5:] - got[:, 5:])[counted]
    return Agreement(score=float(differences.max(initial=0)), overlap=float(overlaps.min(initial=1)))


def _overlap(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the intersection over union of boxes (n, 4), pair by pair; one box is paired with all."""
    one, other = one.astype(np.float64), other.astype(np.float64)
    low, high = np.maximum(one[:, :2], other[:, :2]), np.minimum(one[:, 2:], other[:, 2:])
    common = np.prod(np.maximum(high - low, 0), axis=1)
    return common / (sum(np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) for boxes in (one, other)) - common)


def _values(want: np.ndarray, got: np.ndarray) -> Agreement:
    if want.shape != got.shape:
        return Agreement(value=np.inf, classes=False)
    relative = float(np.max(np.abs(want - got)) / np.max(np.abs(want)))
    # Where two classes are equally good, half a type's rounding decides.
    best = np.take_along_axis(got, want.argmax(-1)[..., None], -1)[..., 0]
    return Agreement(value=relative, classes=bool((best == got.max(-1)).all()))
