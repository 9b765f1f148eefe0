"""Sizes that follow from the batch or from a number of rows, found by tracing a layer for several of both."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from jaxdnn.onnx.registry import NotExpressible

TRIALS: tuple[Mapping[str, int], ...] = (
    {"batch": 3, "rows": 13},
    {"batch": 4, "rows": 17},
    {"batch": 6, "rows": 29},
    {"batch": 131, "rows": 1543},
)
"""What the open sizes are in each trace.

Four tell apart multiples of the batch, of the rows and of both. The last ones are large, so that a size that stops
growing is found out.
"""


@dataclass(frozen=True)
class OpenSize:
    """A size that differs from trial to trial.

    Attributes:
        values: what it is in each of them.
    """

    values: tuple[int, ...]

    def __add__(self, other: Size) -> Size:
        return _combined(self, other, lambda a, b: a + b)

    def __sub__(self, other: Size) -> Size:
        return _combined(self, other, lambda a, b: a - b)

    def __mul__(self, other: Size) -> Size:
        return _combined(self, other, lambda a, b: a * b)

    def __rsub__(self, other: int) -> Size:
        return _combined(self, other, lambda a, b: b - a)

    __radd__ = __add__
    __rmul__ = __mul__

    def formula(self) -> tuple[tuple[str, ...], int, int]:
        """Return open sizes, a factor of their product, and what is added to that.

        Raises:
            NotExpressible: the size is no such sum.
        """
        for names in (("batch",), ("rows",), ("batch", "rows")):
            products = [math.prod(trial[name] for name in names) for trial in TRIALS[: len(self.values)]]
            factor, rest = divmod(self.values[1] - self.values[0], products[1] - products[0])
            offset = self.values[0] - factor * products[0]
            found = [factor * product + offset for product in products]
            if not rest and found == list(self.values):
                return names, factor, offset
        raise NotExpressible("a size inside of it is neither fixed nor a multiple of the batch")


Size = int | OpenSize
Shape = tuple[Size, ...]


def _combined(one: OpenSize, other: Size, function: Any) -> Size:
    values = other.values if isinstance(other, OpenSize) else (other,) * len(one.values)
    size: Size = merged(tuple(function(a, b) for a, b in zip(one.values, values, strict=True)))
    return size


def merged(values: Sequence[Any]) -> Any:
    """Return what all trials agree on; integers that differ, also inside of tuples, are open sizes.

    Raises:
        NotExpressible: the trials differ in something else.
    """
    first = values[0]
    if isinstance(first, np.ndarray):
        if not all(equal(first, value) for value in values[1:]):
            raise NotExpressible("a constant inside of it differs with the batch")
        return first
    if isinstance(first, np.integer):
        return merged([int(value) for value in values])
    if type(first) in (tuple, list):  # not a tuple with names, whose parts are no sizes
        if len({len(value) for value in values}) > 1:
            raise NotExpressible("what it computes with differs with the batch")
        return tuple(merged(parts) for parts in zip(*values, strict=True))
    if all(value is first or value == first for value in values[1:]):
        return first
    if all(isinstance(value, int) for value in values):
        return OpenSize(tuple(values))
    raise NotExpressible("what it computes with differs with the batch")


def equal(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two arrays are the same, NaN included."""
    return np.array_equal(one, other, equal_nan=one.dtype.kind == "f")


def is_static(sizes: Iterable[Size]) -> bool:
    """Whether all sizes are known."""
    return all(isinstance(size, int) for size in sizes)


def known(sizes: Iterable[Size], what: str) -> tuple[int, ...]:
    """Return sizes that all have to be known.

    Raises:
        NotExpressible: one is not.
    """
    sizes = tuple(sizes)
    if not is_static(sizes):
        raise NotExpressible(f"{what} inside of it differs with the batch")
    return tuple(size for size in sizes if isinstance(size, int))
