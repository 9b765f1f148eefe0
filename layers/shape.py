"""Layers that move, join, cut and repeat values, and compute nothing."""

from __future__ import annotations

from jaxdnn.layers.base import Layer, PerAxis, require, require_at_least, require_one_of


class Movement(Layer):
    """A layer without arithmetic."""

    def flops(self, inputs: object, outputs: object) -> int:
        """Count nothing: values only move."""
        del inputs, outputs
        return 0


class Concat(Movement):
    """Join any number of inputs, which agree in all other sizes, along an axis.

    Attributes:
        axis: the axis along which the sizes add up.
    """

    axis: int = 1


class Slice(Movement):
    """Cut the input into consecutive parts along an axis, one output per part.

    Attributes:
        parts: number of outputs.
        points: where parts 1, 2, … begin; empty means parts of equal size.
        axis: the axis that is cut.
        smaller_last: whether parts without points have ``ceil(size / parts)`` elements, of which the last part may
            lack some.
    """

    parts: int
    points: tuple[int, ...] = ()
    axis: int = 1
    smaller_last: bool = False

    def __post_init__(self) -> None:
        require_at_least(1, parts=self.parts)
        require(
            len(self.points) in (0, self.parts - 1),
            f"{self.parts} parts need {self.parts - 1} slice points, {len(self.points)} given",
        )
        ordered = all(a < b for a, b in zip((0, *self.points), self.points, strict=False))
        require(ordered, f"slice points must increase from above 0, got {self.points}")


class Flatten(Movement):
    """Merge the axes from ``axis`` to ``end_axis``, both inclusive, into one.

    Attributes:
        axis, end_axis: first and last axis; an ``end_axis`` just before ``axis`` inserts an axis of size 1.
    """

    axis: int = 1
    end_axis: int = -1


class Reshape(Movement):
    """Replace some consecutive axes by others of the same number of elements.

    Attributes:
        shape: the new sizes; 0 copies the size of the input's axis that has the same place among those
            replaced, and -1, at most once, is whatever the number of elements demands.
        zero_copies: whether 0 has that meaning; otherwise it is a size like others.
        axis: the first axis replaced; counted from the end, -1 is the place behind the last axis.
        num_axes: how many axes are replaced; -1 means all from ``axis`` on.
    """

    shape: tuple[int, ...]
    axis: int = 0
    num_axes: int = -1
    zero_copies: bool = True

    def __post_init__(self) -> None:
        require_at_least(-1, shape=self.shape, num_axes=self.num_axes)
        count = self.shape.count(-1)
        require(count <= 1, f"at most one size can be inferred (-1), got {count} in {self.shape}")


class ReshapeLike(Movement):
    """Give the first input the shape of the second one, which has the same number of elements."""


class Permute(Movement):
    """Reorder axes: axis i of the output is axis ``order[i]`` of the input.

    Attributes:
        order: input axes; those not listed follow in their own order.
    """

    order: tuple[int, ...]

    def __post_init__(self) -> None:
        require_at_least(0, order=self.order)
        require(len(set(self.order)) == len(self.order), f"order {self.order} repeats an axis")


class Crop(Movement):
    """Cut from the first input a window of the second one's size.

    Inputs: x; a reference, of which only the sizes from ``axis`` on are used.

    Attributes:
        axis: the first axis that is cut.
        offset: where the window begins, one value or one per axis from ``axis`` on.
    """

    axis: int = 2
    offset: PerAxis = 0

    def __post_init__(self) -> None:
        require_at_least(0, offset=self.offset)


class Tile(Movement):
    """Repeat the whole input along consecutive axes.

    Attributes:
        repeats: how often, one value per axis.
        axis: the axis of the first value.
    """

    repeats: tuple[int, ...]
    axis: int = 0

    def __post_init__(self) -> None:
        require_at_least(0, repeats=self.repeats)


class Pad(Movement):
    """Add elements before and after axes; a negative number removes as many.

    ``before=(1,), after=(-1,)`` shifts an axis by one element.

    Attributes:
        before, after: how many elements, one value per axis.
        axis: the axis of the first values; the others belong to those that follow it.
        mode: what is added: ``constant``, ``edge`` (the outermost element), ``reflect`` (the mirror image
            without the outermost element), ``symmetric`` (with it) or ``wrap`` (the elements at the other end).
        value: the constant.
        axes: the axes of the values, if they do not follow one another.
    """

    before: tuple[int, ...]
    after: tuple[int, ...]
    axis: int = 0
    mode: str = "constant"
    value: float = 0.0
    axes: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        require_one_of(("constant", "edge", "reflect", "symmetric", "wrap"), mode=self.mode)
        count, other = len(self.before), len(self.after)
        require(count == other, f"before has {count} values and after has {other}")
        # Values that come late (layers/late.py) are none yet while the axes are known.
        fits = not self.axes or not count or len(self.axes) == count
        require(fits, f"{count} values are given for {len(self.axes)} axes")


class Reverse(Movement):
    """Reverse the order of the elements along axes.

    Attributes:
        axes: which axes.
    """

    axes: tuple[int, ...]


class ShuffleChannel(Movement):
    """Deal out the channels of each group in turn.

    Of C channels in G groups, channel ``g * (C / G) + i`` goes to ``i * G + g``.

    Attributes:
        groups: how many; they divide the channels.
        axis: the channel axis.
    """

    groups: int
    axis: int = 1

    def __post_init__(self) -> None:
        require_at_least(1, groups=self.groups)


class SpaceToDepth(Movement):
    """Move each block of pixels into the channels: sizes of x / block, channels * block^rank.

    Axis 0 is the batch; all axes but it and the channel axis are spatial. Places in a block count row by row.

    Attributes:
        block: size of a block along each spatial axis; it divides their sizes.
        order: which of the two counts slower in the output's channels: ``block_first`` (the place in the
            block) or ``channel_first``.
        axis: the channel axis.
    """

    block: int
    order: str = "block_first"
    axis: int = 1

    def __post_init__(self) -> None:
        require_at_least(1, block=self.block)
        require_one_of(("block_first", "channel_first"), order=self.order)


class DepthToSpace(Movement):
    """The inverse of :class:`SpaceToDepth`: channels become blocks of pixels.

    Attributes:
        block, order, axis: as for :class:`SpaceToDepth`, of which this is the inverse; ``channel_first`` is
            also known as pixel shuffle. block^rank divides the channels.
    """

    block: int
    order: str = "block_first"
    axis: int = 1

    def __post_init__(self) -> None:
        require_at_least(1, block=self.block)
        require_one_of(("block_first", "channel_first"), order=self.order)


class Reorg(Movement):
    """Darknet's old reorganisation of (batch, C, H, W) into (batch, C * s^2, H / s, W / s) by a stride s.

    Not a space-to-depth of the input: its memory is read as (C / s^2, H * s, W * s), the blocks of that go
    into the channels (``block_first``), and the result's memory is read as the output. Darknet's reverse
    mode is a plain :class:`DepthToSpace`.

    Attributes:
        stride: s; it divides H and W, and its square divides C.
    """

    stride: int

    def __post_init__(self) -> None:
        require_at_least(1, stride=self.stride)


class Gather(Movement):
    """Take elements along an axis: ``y[…, i, …] = x[…, indices[i], …]``.

    Inputs: x; indices of any shape, which takes the place of the axis. A negative index counts from the
    end; one outside gives NaN.

    Attributes:
        axis: the axis that is indexed.
        batch_axes: number of leading axes that both inputs share: each place in them has indices of its own.
    """

    axis: int = 0
    batch_axes: int = 0


class Filter(Movement):
    """Keep the rows that a selector marks.

    Inputs: any number of values; the selector (rows, 1, …), whose elements other than 0 mark rows.

    Outputs: one per value; along axis 0 the marked rows in their order, and behind the valid count the
    others.
    """
