"""Sizes of axes in a file whose batch is open."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from jaxdnn.onnx.registry import NotExpressible


@dataclass(frozen=True)
class BatchSize:
    """The size ``factor * batch + offset``, batch being the size that each call chooses; the factor is not 0."""

    factor: int
    offset: int = 0

    def at(self, batch: int) -> int:
        """Return the size for a batch."""
        return self.factor * batch + self.offset


Size = int | BatchSize | None
"""A size that is known, one that follows from the batch, or None where it depends on the data."""

Sizes = tuple[Size, ...]


def fit(batches: Sequence[int], sizes: Sequence[int]) -> int | BatchSize:
    """Return the size that has these values for these batches, of which the first two are neighbours.

    Raises:
        NotExpressible: the size is not a multiple of the batch plus a number.
    """
    if len(set(sizes)) == 1:
        return sizes[0]
    factor = (sizes[1] - sizes[0]) // (batches[1] - batches[0])
    size = BatchSize(factor, sizes[0] - factor * batches[0])
    if any(size.at(batch) != value for batch, value in zip(batches, sizes, strict=True)):
        raise NotExpressible(f"a size is {sizes[0]}, {sizes[1]} for batches of {batches[0]}, {batches[1]}")
    return size


def product(sizes: Iterable[Size]) -> Size:
    """Return a product; None where it depends on the data or is none of a batch's multiples plus a number."""
    known, others = 1, []
    for size in sizes:
        if isinstance(size, int):
            known *= size
        else:
            others.append(size)
    if not others or known == 0:
        return known
    (other,) = others if len(others) == 1 else (None,)
    return None if other is None else BatchSize(other.factor * known, other.offset * known)


def static(sizes: Sizes, what: str = "the shape") -> tuple[int, ...]:
    """Return sizes that all are known.

    Raises:
        NotExpressible: one of them is not.
    """
    for size in sizes:
        if not isinstance(size, int):
            raise NotExpressible(f"{what} depends on the {'data' if size is None else 'batch'}")
    return tuple(size for size in sizes if isinstance(size, int))


def static_product(sizes: Sizes, what: str = "the shape") -> int:
    """Return the product of sizes that all are known; see :func:`static`."""
    return math.prod(static(sizes, what))
