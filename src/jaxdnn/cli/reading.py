"""Finding out what a network's outputs mean."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from jaxdnn.cli.labels import Labels, label_of
from jaxdnn.cli.networks import Network, is_rows_of_boxes
from jaxdnn.cli.results import Classification, Detections, Numbers, Result
from jaxdnn.detection import detections
from jaxdnn.errors import InputError
from jaxdnn.image import Fit

_MOST = 1000
"""Objects found in one picture by the heads of a YOLO detector."""


@dataclass(frozen=True)
class Reading:
    """How outputs are read.

    Attributes:
        labels: names of classes.
        top: how many classes are shown.
        threshold: least score of a shown object.
        overlap: largest overlap of two boxes of one class that YOLO heads predict.
    """

    labels: Labels
    top: int
    threshold: float
    overlap: float


def read_outputs(
    network: Network, outputs: Mapping[str, Any], fits: Sequence[Fit], reading: Reading
) -> Iterator[dict[str, Result]]:
    """Yield each picture's results by output name.

    The heads of a YOLO detector are read together, and their result has all their names.

    Args:
        network: what computed them.
        outputs: what it returned for a batch of pictures.
        fits: how each picture lies in the network's input.
        reading: how outputs are read.

    Raises:
        InputError: an output has no part for each picture.
    """
    heads: dict[tuple[int, ...], dict[str, Any]] = {}
    for name in outputs:
        if is_rows_of_boxes(network, name):
            heads.setdefault(outputs[name].shape[2:], {})[name] = outputs[name]
    found = {
        "+".join(rows): detections(
            rows,
            score_threshold=reading.threshold,
            iou_threshold=reading.overlap,
            distance_power=network.source.distance_power,
            max_detections=_MOST,
        )
        for rows in heads.values()
    }
    together = {name for rows in heads.values() for name in rows}
    arrays = {name: np.asarray(array) for name, array in outputs.items() if name not in together}
    for index, fit in enumerate(fits):
        objects = {name: _objects(*batch.of(index), fit, reading) for name, batch in found.items()}
        yield objects | {
            name: read_output(part_of(name, array, index, len(fits)), fit, reading)
            for name, array in arrays.items()
        }


def read_output(array: np.ndarray, fit: Fit, reading: Reading) -> Result:
    """Find out what a picture's output means.

    Rows of seven numbers are objects. A vector is a classification if it is a probability distribution or
    has one number for each given label. Everything else stays numbers.

    Args:
        array: the output, as :func:`part_of` returns it.
        fit: how the picture lies in the network's input.
        reading: how outputs are read.
    """
    if _holds_objects(array):
        rows = array.reshape(-1, 7)
        # Class -1 means that there is none.
        rows = rows[(rows[:, 1] >= 0) & (rows[:, 2] >= reading.threshold)]
        rows = rows[np.argsort(-rows[:, 2], kind="stable")]
        return _objects(rows[:, 3:], rows[:, 2], rows[:, 1], fit, reading)
    vector = array.ravel().astype(np.float64)
    if vector.size < 2 or max(array.shape) != vector.size:
        return Numbers(array)
    distribution = bool(vector.min() >= 0) and abs(float(vector.sum()) - 1) < 1e-2
    if not distribution and len(reading.labels) != vector.size:
        return Numbers(array)
    best = np.argsort(-vector, kind="stable")[: reading.top]
    return Classification([(int(i), label_of(reading.labels, int(i)), float(vector[i])) for i in best])


def part_of(name: str, array: np.ndarray, index: int, count: int) -> np.ndarray:
    """Return the part of an output that belongs to one picture of a batch.

    Raises:
        InputError: the output has no part for each picture.
    """
    if _holds_objects(array):
        return array[:, :, array[0, 0, :, 0] == index]
    if count == 1:
        return array
    if array.ndim == 0 or array.shape[0] != count:
        raise InputError(f"output {name!r} of shape {array.shape} has no part for each of {count} pictures")
    return array[index : index + 1]


def _holds_objects(array: np.ndarray) -> bool:
    """Whether an output is a list of (picture, class, score, left, top, right, bottom)."""
    return array.ndim == 4 and array.shape[:2] == (1, 1) and array.shape[3] == 7


def _objects(
    boxes: np.ndarray, scores: np.ndarray, classes: np.ndarray, fit: Fit, reading: Reading
) -> Detections:
    """Name objects, and map their boxes from fractions of the input's size to pixels of the picture."""
    boxes = fit.to_picture(boxes.astype(np.float64) * np.tile(fit.size, 2))
    return Detections(
        [
            (int(index), label_of(reading.labels, int(index)), float(score), tuple(map(float, box)))
            for index, score, box in zip(classes, scores, boxes, strict=True)
        ]
    )
