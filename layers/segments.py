"""Rows that are joined, counted and put into order by numbers."""

from __future__ import annotations

from jaxdnn.layers.base import Layer, require_at_least, require_one_of
from jaxdnn.layers.shape import Movement


class SegmentReduce(Layer):
    """Rows joined with those that have the same number.

    Inputs: x; numbers, integers, whose axes are the leading ones of x; the axes behind them are a row.

    Output: (segments, *row). A segment without rows is 0; for ``product`` 1; for ``max`` and ``min`` the type's
    lowest, or highest, number if ``segments`` is given and 0 if not. Negative numbers are left out, as are those
    beyond the last segment.

    Attributes:
        operation: ``sum``, ``mean``, ``root_mean`` (the sum divided by the root of the number of rows), ``product``,
            ``max`` or ``min``.
        segments: how many there are. None for one more than the last number: the numbers then never fall, and are
            known while the program is traced.
    """

    operation: str = "sum"
    segments: int | None = None

    def __post_init__(self) -> None:
        operations = ("sum", "mean", "root_mean", "product", "max", "min")
        require_one_of(operations, operation=self.operation)
        require_at_least(0, segments=self.segments or 0)


class CountValues(Layer):
    """How often each number from 0 up occurs: ``y[..., n]`` is the number, or the weight, of elements that are n.

    Inputs: x, integers; optionally weights of the same shape, or an empty array for none. Numbers outside the
    result are left out.

    Output: (size,), or (rows, size) for x of two axes if ``rows``, in the type of the weights, also of an empty array;
    int32 without one.

    Attributes:
        size: see above.
        rows: whether each row of x is counted alone.
        binary: whether y is 1 for every number that occurs at all.
    """

    size: int
    rows: bool = False
    binary: bool = False

    def __post_init__(self) -> None:
        require_at_least(0, size=self.size)


class CountSequences(Layer):
    """How often each of some sequences of numbers occurs along the last axis, also with places left out between them.

    Inputs: x (*batch, places), integers; sequences (n, length) of the same type.

    Output: (*batch, n), float32: at how many places, with how many places left out alike between all neighbours, the
    sequence is found.

    Attributes:
        skips: how many places may be left out at most; sequences of one number have no neighbours.
    """

    skips: int = 0

    def __post_init__(self) -> None:
        require_at_least(0, skips=self.skips)


class Histogram(Layer):
    """How many elements lie in each of a number of equal parts of a range.

    Inputs: x; the range, a vector of two. Element v lies in part ``floor(count * (v - low) / (high - low))``; those
    below the range in the first one, those above in the last one.

    Output: (count,), int32.

    Attributes:
        count: of the parts.
    """

    count: int

    def __post_init__(self) -> None:
        require_at_least(1, count=self.count)


class SearchSorted(Layer):
    """Where values would have to be inserted into a sorted array.

    Inputs: sorted (*batch, n), or (n,) for all values; values (*batch, m), or of any shape.

    Output: as the values, int32: the number of elements that are smaller than the value.

    Attributes:
        side: ``left``, or ``right`` to count elements equal to the value, too.
    """

    side: str = "left"

    def __post_init__(self) -> None:
        require_one_of(("left", "right"), side=self.side)


class InTop(Layer):
    """Whether the score of a class is among the highest of its row.

    Inputs: scores (rows, classes); the class of each row (rows,).

    Output: (rows,), booleans: fewer than ``count`` scores of the row are higher. False for a class that there is not,
    or a score that is not finite.

    Attributes:
        count: see above.
    """

    count: int


class InvertPermutation(Movement):
    """y with ``y[x[i]] = i``, for a vector x that holds each of its places once."""
