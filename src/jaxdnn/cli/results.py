"""What a network's output says about a picture: classes, objects, or just numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from jaxdnn.cli.console import print_table
from jaxdnn.drawing import Mark

_FEW = 16
"""Outputs of up to so many numbers are shown in full."""


@dataclass(frozen=True)
class Classification:
    """The best classes of a vector of scores.

    Attributes:
        classes: index, label and score, the best first.
    """

    classes: list[tuple[int, str, float]]

    def to_dict(self) -> dict[str, Any]:
        """Return the result for JSON."""
        entries = [{"class": i, "label": label, "score": _finite(s)} for i, label, s in self.classes]
        return {"kind": "classification", "classes": entries}

    def print(self, name: str) -> None:
        """Print a table."""
        rows = [(label, _number(score)) for _, label, score in self.classes]
        print_table((name, "score"), rows, numeric=("score",))

    def marks(self) -> list[Mark]:
        """Return the best class as a caption."""
        _, label, score = self.classes[0]
        return [Mark(f"{label} {score:.2f}")]


@dataclass(frozen=True)
class Detections:
    """Objects with boxes in pixels of the picture.

    Attributes:
        objects: class, label, score and (left, top, right, bottom), the most certain first.
    """

    objects: list[tuple[int, str, float, tuple[float, ...]]]

    def to_dict(self) -> dict[str, Any]:
        """Return the result for JSON."""
        entries = [
            {"class": i, "label": label, "score": _finite(score), "box": [_finite(v) for v in box]}
            for i, label, score, box in self.objects
        ]
        return {"kind": "detections", "objects": entries}

    def print(self, name: str) -> None:
        """Print a table."""
        edges = ("left", "top", "right", "bottom")
        rows = [(label, _number(score), *(f"{v:.0f}" for v in box)) for _, label, score, box in self.objects]
        print_table((name, "score", *edges), rows or [("none", *[""] * 5)], numeric=("score", *edges))

    def marks(self) -> list[Mark]:
        """Return a box for each object; the most certain ones come last, on top of the others."""
        return [
            Mark(f"{label} {score:.2f}", (box[0], box[1], box[2], box[3]), index)
            for index, label, score, box in reversed(self.objects)
        ]


@dataclass(frozen=True)
class Numbers:
    """An output without a known meaning.

    Attributes:
        array: the output.
    """

    array: np.ndarray

    def to_dict(self) -> dict[str, Any]:
        """Return the result for JSON: all numbers if they are few."""
        result: dict[str, Any] = {"kind": "numbers", "shape": list(self.array.shape)}
        result |= {name: _finite(value) for name, value in self._statistics().items()}
        if self.array.size <= _FEW:
            result["values"] = [_finite(float(value)) for value in self.array.ravel()]
        return result

    def print(self, name: str) -> None:
        """Print a table."""
        statistics = self._statistics()
        shape = "x".join(map(str, self.array.shape)) or "scalar"
        values = " ".join(_number(float(value)) for value in self.array.ravel()[: _FEW + 1])
        cells = [shape, *map(_number, statistics.values())]
        headers, numeric = [name, *statistics], [*statistics]
        if self.array.size <= _FEW:
            headers, cells = [*headers, "values"], [*cells, values]
        print_table(headers, [cells], numeric=numeric)

    def marks(self) -> list[Mark]:
        """Return nothing: numbers have no place in a picture."""
        return []

    def _statistics(self) -> dict[str, float]:
        values = self.array.astype(np.float64)
        functions: dict[str, Callable[[np.ndarray], Any]] = {"min": np.min, "max": np.max, "mean": np.mean}
        with np.errstate(invalid="ignore"):  # of infinities
            return {n: float(f(values)) if values.size else math.nan for n, f in functions.items()}


Result = Classification | Detections | Numbers


def _number(value: float) -> str:
    return f"{value:.4g}"


def _finite(value: float) -> float | None:
    """JSON has no word for infinity and NaN."""
    return value if math.isfinite(value) else None
