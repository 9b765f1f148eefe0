"""Pooling over sliding windows, its inverse, and pyramids of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from jaxdnn.errors import ShapeError
from jaxdnn.layers.base import (
    Layer,
    PerAxis,
    Shape,
    dims,
    normalize_axis,
    require,
    require_at_least,
    require_one_of,
    spread,
)
from jaxdnn.layers.padding import Padding, ends, require_padding, spatial_axes

Statistic = Literal["max", "sum", "average", "stochastic"]
_STATISTICS = ("max", "sum", "average", "stochastic")


@dataclass(frozen=True)
class Window:
    """The positions of a sliding window along one axis.

    Attributes:
        size: of the axis.
        kernel: of the window.
        stride: step from one position to the next.
        dilation: distance between its cells.
        before, after: padding at the ends of the axis.
        count: number of positions; the last ones may hang over the padding's end, or lie beyond it.
    """

    size: int
    kernel: int
    stride: int = 1
    before: int = 0
    after: int = 0
    count: int = 1
    dilation: int = 1

    def cells(self, *, padded: bool) -> np.ndarray:
        """Return how many cells each position covers, those of the padding included or not.

        A position beyond the padded end covers a negative number of padded cells, by Caffe's formula.
        """
        start = np.arange(self.count) * self.stride - self.before
        end = self.size + self.after if padded else self.size
        # Of its cells the first one behind the end, and the first one that is no padding before the input.
        last = np.minimum(-((start - end) // self.dilation), self.kernel)
        cells: np.ndarray = last if padded else np.maximum(last - np.maximum(-(start // self.dilation), 0), 0)
        return cells


class Pool(Layer):
    """One number for each position of a window that slides over the spatial axes, in each channel.

    * ``max``: the largest value; the lowest finite number where the window covers no input.
    * ``sum``; ``average``: the sum divided by a number of cells, see ``divisor``.
    * ``stochastic``: ``sum(x * x) / sum(x)``, the expectation of drawing a value with a probability
      proportional to it; 0 where ``sum(x)`` is not positive.

    Padding contributes nothing. Output size per spatial axis:
    ``round((size + before + after - (dilation*(kernel-1) + 1)) / stride) + 1``.

    Outputs: the pooled values; if ``indices``, also where each maximum lies, as an int32 index into
    a part of the input, see ``index_of``: the first of equal ones, -1 where the window covers no input.

    Attributes:
        statistic: ``max``, ``sum``, ``average`` or ``stochastic``.
        kernel: window size, one value or one per spatial axis; None for the whole plane.
        stride: step of the window.
        padding: cells added to each axis, fewer at either end than the kernel has, see
            :data:`~jaxdnn.layers.padding.Padding`.
        dilation: distance between the window's cells.
        rounding: of the output size: ``floor``; ``ceil``; ``ceil_inside``: ceil, but a last window that would start
            behind the end of the input is dropped; or ``ceil_clip``: the same, if any axis is padded.
        divisor: what an average divides by: ``padded`` for the cells that the window covers of the padded
            input, ``valid`` for those of the input, ``window`` for all cells of the window.
        indices: whether a second output tells where the maxima are.
        index_of: what an index counts: the elements of the spatial ``plane``; of a ``sample``, its channels
            included; or of the whole ``batch``.
        first_fastest: whether the first spatial axis counts fastest in an index, rather than the last one; not
            with ``channels_last``.
        axis: the channel axis; all later axes are spatial.
        channels_last: whether the channel axis is the last one instead, and the spatial ones lie between it and
            axis 0.
    """

    statistic: Statistic
    kernel: PerAxis | None
    stride: PerAxis = 1
    padding: Padding = 0
    dilation: PerAxis = 1
    rounding: Literal["floor", "ceil", "ceil_inside", "ceil_clip"] = "floor"
    divisor: Literal["padded", "valid", "window"] = "padded"
    indices: bool = False
    index_of: Literal["plane", "sample", "batch"] = "plane"
    first_fastest: bool = False
    axis: int = 1
    channels_last: bool = False

    def __post_init__(self) -> None:
        require_one_of(_STATISTICS, statistic=self.statistic)
        require_one_of(("floor", "ceil", "ceil_inside", "ceil_clip"), rounding=self.rounding)
        require_one_of(("plane", "sample", "batch"), index_of=self.index_of)
        require_one_of(("padded", "valid", "window"), divisor=self.divisor)
        require(not self.indices or self.statistic == "max", f"a pool of {self.statistic} has no indices")
        require(not (self.first_fastest and self.channels_last), "channels_last excludes first_fastest")
        require_at_least(1, stride=self.stride, dilation=self.dilation)
        require_padding(self.padding)
        if self.kernel is None:
            require(
                self.stride == 1 and self.padding == 0,
                f"a whole plane is pooled at stride 1 and padding 0, got {self.stride} and {self.padding}",
            )
        else:
            require_at_least(1, kernel=self.kernel)

    def spatial_axes(self, rank: int) -> range:
        """Return the axes that the window slides along."""
        return spatial_axes(self.axis, self.channels_last, rank)[1]

    def windows(self, shape: Shape) -> tuple[Window, ...]:
        """Return the window's positions along each spatial axis of an input.

        Raises:
            ShapeError: the window does not fit into the padded input, or fits into the padding alone.
        """
        spatial = tuple(shape[axis] for axis in self.spatial_axes(len(shape)))
        if self.kernel is None:
            return tuple(Window(size, size) for size in spatial)
        rank = len(spatial)
        kernel, stride = spread("kernel", self.kernel, rank), spread("stride", self.stride, rank)
        dilation = spread("dilation", self.dilation, rank)
        before, after = ends(self.padding, spatial, kernel, stride, dilation)
        extent = tuple(d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True))
        for pads in (before, after):
            if any(p >= k for p, k in zip(pads, extent, strict=True)):
                raise ShapeError(f"padding {dims(pads)} must be smaller than the kernel {dims(extent)}")
        padded = tuple(size + b + a for size, b, a in zip(spatial, before, after, strict=True))
        _require_indexable("padded input", padded)
        counts = []
        clips = self.rounding == "ceil_inside" or (self.rounding == "ceil_clip" and any(before + after))
        for size, k, s, b, total in zip(spatial, extent, stride, before, padded, strict=True):
            slack = total - k
            count = (slack // s if self.rounding == "floor" else -(-slack // s)) + 1
            if clips and (count - 1) * s >= size + b:
                count -= 1
            counts.append(count)
        if any(count < 1 for count in counts):
            raise ShapeError(f"the kernel {dims(extent)} is larger than the padded input {dims(padded)}")
        return tuple(map(Window, spatial, kernel, stride, before, after, counts, dilation))

    def flops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> int:
        """Count one operation per cell of each window."""
        return math.prod(outputs[0]) * math.prod(window.kernel for window in self.windows(inputs[0]))


class MaxUnpool(Layer):
    """Every value put back where a max pool took it from, zeros elsewhere.

    Inputs: ``x``; ``indices`` of the same shape, integers or floats: row-major positions in a part of the output, see
    ``index_of``; optionally ``like``, whose spatial size the output gets. Of several values for one position
    the last one in row order stays. An index outside the plane is dropped.

    Output size per spatial axis: that of ``like``; else ``size``; else
    ``stride*(size of x - 1) + kernel - before - after``. Then ``shape`` cuts elements off, or adds zeros, behind.

    Attributes:
        size: of the output, one value or one per spatial axis; None to compute it from the pool's attributes.
        kernel, stride, padding: those of the max pool; the padding in numbers.
        index_of: what an index counts: the elements of the spatial ``plane``, or of the whole ``batch``.
        shape: of the output, all axes; empty to leave it as it is.
        axis: the channel axis; all later axes are spatial.
    """

    size: PerAxis | None = None
    kernel: PerAxis = 1
    stride: PerAxis = 1
    padding: Padding = 0
    index_of: Literal["plane", "batch"] = "plane"
    shape: tuple[int, ...] = ()
    axis: int = 1

    def __post_init__(self) -> None:
        require_at_least(1, kernel=self.kernel, stride=self.stride)
        require(not isinstance(self.padding, str), f"padding must be numbers, got {self.padding!r}")
        require_padding(self.padding)
        require_one_of(("plane", "batch"), index_of=self.index_of)
        require_at_least(0, shape=self.shape)
        if self.size is not None:
            require_at_least(1, size=self.size)

    def output_size(self, *inputs: Shape) -> Shape:
        """Return the spatial shape of the output.

        Raises:
            ShapeError: the indices' shape is not that of the values, or nothing would be left.
        """
        x, indices = inputs[:2]
        if x != indices:
            raise ShapeError(f"indices of {dims(indices)} do not fit values of {dims(x)}")
        first = normalize_axis(self.axis, len(x)) + 1
        rank = len(x) - first
        if len(inputs) > 2:
            if len(inputs[2]) != len(x):
                raise ShapeError(f"an output like {dims(inputs[2])} does not fit values of {dims(x)}")
            return inputs[2][first:]
        kernel, stride = spread("kernel", self.kernel, rank), spread("stride", self.stride, rank)
        before, after = ends(self.padding, x[first:], kernel, stride)
        size = tuple(
            s * (n - 1) + k - b - a
            for n, k, s, b, a in zip(x[first:], kernel, stride, before, after, strict=True)
        )
        if self.size is not None:
            size = spread("size", self.size, rank)
        if min(size, default=1) < 1:
            raise ShapeError(f"the output size {size} is not positive: padding {before} takes it all away")
        _require_indexable("output", size)
        return size


class SpatialPyramidPool(Layer):
    """Max or average over grids of 1, 2, 4, … bins per spatial axis, flattened and joined.

    Level l is a :class:`Pool` with ``kernel = stride = ceil(size / 2**l)`` and
    ``padding = floor((kernel * 2**l - size + 1) / 2)`` per spatial axis, rounded by ``ceil_clip``.

    Output: (*batch, channels * sum of bins), level by level; a single level is not flattened.

    Attributes:
        levels: number of levels.
        statistic: as of :class:`Pool`.
        axis: the channel axis; all later axes are spatial.
    """

    levels: int
    statistic: Statistic = "max"
    axis: int = 1

    def __post_init__(self) -> None:
        require_at_least(1, levels=self.levels)
        require_one_of(_STATISTICS, statistic=self.statistic)

    def pool(self, level: int, shape: Shape) -> Pool:
        """Return the pool of a level for an input of this shape."""
        spatial = shape[normalize_axis(self.axis, len(shape)) + 1 :]
        kernel = tuple(-(-size // 2**level) for size in spatial)
        padding = tuple((k * 2**level - size + 1) // 2 for k, size in zip(kernel, spatial, strict=True))
        return Pool(
            statistic=self.statistic,
            kernel=kernel,
            stride=kernel,
            padding=padding,
            rounding="ceil_clip",
            axis=self.axis,
        )


def _require_indexable(what: str, spatial: Shape) -> None:
    if math.prod(spatial) >= 2**31:
        raise ShapeError(f"the {what} {dims(spatial)} is absurdly large")
