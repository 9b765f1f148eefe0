"""Sequences: lists of arrays that are held one by one, of any shapes.

How many elements there are is known while the program is traced. Inside of a loop that XLA runs a sequence keeps their
number and shapes; a loop in which it grows is unrolled, so the number of rounds must be known.
"""

from __future__ import annotations

from jaxdnn.layers.shape import Movement


class SequenceOf(Movement):
    """The inputs, any number of arrays, as a sequence."""


class SequenceInsert(Movement):
    """Insert an element.

    Inputs: the sequence of n elements; the array; its place, a scalar in [-n, n] that is known while the program is
    traced; without it the array comes last. A negative place counts from the end.
    """


class SequenceErase(Movement):
    """Leave an element out.

    Inputs: the sequence of n elements; the place, a scalar in [-n, n) that is known while the program is traced;
    without it the last one is left out.
    """


class SequenceAt(Movement):
    """Take one element. Inputs: the sequence of n elements; the place, a scalar in [-n, n).

    A place that is known while the program is traced and lies outside is an error. Where it is not known the elements
    must have one shape, and a place outside means the nearest element.
    """


class SequenceLength(Movement):
    """The number of elements, an int32 scalar that is known while the program is traced."""


class SequenceSplit(Movement):
    """Take an array apart along an axis into a sequence.

    Inputs: the array; the sizes of the parts along the axis, which are known while the program is traced: a vector of
    those of all parts, or a scalar, the size of all but the last one, which may be smaller. Without sizes each part
    has the size 1.

    Attributes:
        axis: the axis.
        keep_axis: whether parts keep the axis where no sizes are given; with sizes they always keep it.
    """

    axis: int = 0
    keep_axis: bool = True


class SequenceJoin(Movement):
    """Join the elements along an axis. The input may also be a list, see :mod:`~jaxdnn.layers.lists`.

    Attributes:
        axis: the axis.
        new_axis: whether it is one that the elements do not have: they must then have one shape.
    """

    axis: int = 0
    new_axis: bool = False
