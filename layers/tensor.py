"""Shapes as values, and arrays made of or reshaped by them."""

from __future__ import annotations

from jaxdnn.layers.base import Layer, require_at_least, require_one_of
from jaxdnn.layers.shape import Movement


class ShapeOf(Movement):
    """What is known of an array's shape, as a constant: an int32 vector or scalar.

    Attributes:
        what: ``sizes`` of all axes, their number ``rank``, or the number of elements ``count``.
    """

    what: str = "sizes"

    def __post_init__(self) -> None:
        require_one_of(("sizes", "rank", "count"), what=self.what)


class Fill(Movement):
    """An array of one value, which is the scalar input.

    Attributes:
        shape: of the array.
    """

    shape: tuple[int, ...]

    def __post_init__(self) -> None:
        require_at_least(0, shape=self.shape)


class FillLike(Movement):
    """An array of the input's shape and type, whose elements are all the same.

    Attributes:
        value: of the elements.
    """

    value: float = 0.0


class BroadcastTo(Movement):
    """Stretch axes of size 1, and lacking leading axes, to a shape.

    Attributes:
        shape: to which.
        mutual: whether axes of size 1 of that shape, and leading axes that it lacks, are stretched to the input's.
    """

    shape: tuple[int, ...]
    mutual: bool = False


class Range(Movement):
    """The numbers from a start to a limit, which is left out, in equal steps.

    Inputs: start, limit and step, scalars of one type that are known while the program is traced.
    """


class LinSpace(Layer):
    """Numbers at equal distances; the first and the last one are the two scalar inputs.

    Attributes:
        count: how many.
    """

    count: int

    def __post_init__(self) -> None:
        require_at_least(1, count=self.count)


class Squeeze(Movement):
    """Remove axes of size 1.

    Attributes:
        axes: which; all of them if there are none.
    """

    axes: tuple[int, ...] = ()


class ExpandDims(Movement):
    """Insert axes of size 1.

    Attributes:
        axes: where they lie in the output.
    """

    axes: tuple[int, ...]


class AlignAxes(Movement):
    """Append axes of size 1, so that the first input's own axes lie below those of the second one from ``axis`` on.

    Inputs: x, of r axes; another array of R axes, of which only R counts.

    Output: x with ``R - axis - r`` axes more.

    Attributes:
        axis: of the second input, where the first axis of x lies.
    """

    axis: int


class Stack(Movement):
    """Join inputs of one shape along a new axis.

    Attributes:
        axis: where it lies in the output.
    """

    axis: int = 0


class Unstack(Movement):
    """The slices of the input along an axis, which they lack, one output each.

    Attributes:
        parts: number of outputs, the axis' size.
        axis: along which.
    """

    parts: int
    axis: int = 0


class SplitSizes(Movement):
    """Cut the input into consecutive parts along an axis, one output per part.

    Attributes:
        sizes: of the parts; -1, at most once, is what the others leave.
        axis: which axis is cut.
    """

    sizes: tuple[int, ...]
    axis: int = 0

    def __post_init__(self) -> None:
        require_at_least(-1, sizes=self.sizes)


class Roll(Movement):
    """Shift the elements along axes, those that leave at one end entering at the other.

    Attributes:
        shift: how far, towards the end; one value per axis.
        axes: along which.
    """

    shift: tuple[int, ...]
    axes: tuple[int, ...]


class ReverseSequence(Movement):
    """Reverse the first elements along one axis, as many as a second input tells for each place of another axis.

    Inputs: x; lengths, a vector along ``batch_axis``.

    Attributes:
        axis: that is reversed.
        batch_axis: that the lengths run along.
    """

    axis: int
    batch_axis: int = 0


class SpaceToBatch(Movement):
    """Deal out spatial blocks to the batch, after padding with zeros.

    Axes 1, 2, … are the spatial ones, one for each value of ``block``. Place p of a block (row by row) and image n
    of N become image ``p * N + n``, whose sizes are divided by the block.

    Attributes:
        block: size of a block along each spatial axis.
        padding: cells before and after each spatial axis.
    """

    block: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]

    def __post_init__(self) -> None:
        require_at_least(1, block=self.block)


class BatchToSpace(Movement):
    """The inverse of :class:`SpaceToBatch`, then cells are cut off.

    Attributes:
        block: size of a block along each spatial axis.
        crops: cells to remove before and after each spatial axis.
    """

    block: tuple[int, ...]
    crops: tuple[tuple[int, int], ...]

    def __post_init__(self) -> None:
        require_at_least(1, block=self.block)
