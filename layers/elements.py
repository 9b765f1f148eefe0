"""Elements along axes: slices with steps, and elements that each place of an array picks or changes by itself."""

from __future__ import annotations

from jaxdnn.layers.base import Layer, require_one_of
from jaxdnn.layers.indexing import UPDATES
from jaxdnn.layers.shape import Movement


class SliceAxes(Movement):
    """``x[start:end:step]`` along some axes; the others stay whole.

    Inputs: x; starts and ends, vectors with an entry per axis; steps likewise, ones if they are not given. A negative
    start or end counts from the end; what lies beyond an end is cut; a negative step goes backwards. All but x must be
    known while the program is traced.

    Attributes:
        axes: of the entries; the leading axes if there are none.
    """

    axes: tuple[int, ...] = ()


class GatherElements(Movement):
    """``y[i, j, k] = x[i, indices[i, j, k], k]``, for three axes and the middle one.

    Inputs: x; indices of its rank, which are the output's sizes and no larger than those of x along other axes. A
    negative index counts from the end; one outside gives NaN, or the lowest integer.

    Attributes:
        axis: that is indexed.
    """

    axis: int = 0


class ScatterElements(Layer):
    """x with ``x[i, indices[i, j, k], k]`` changed by ``values[i, j, k]``, for three axes and the middle one.

    Inputs: x; indices; values, both of one shape, of the rank of x, and no larger than x along other axes. A negative
    index counts from the end; one outside changes nothing.

    Attributes:
        axis: that is indexed.
        operation: what happens to what is there, one of :data:`~jaxdnn.layers.indexing.UPDATES`.
    """

    axis: int = 0
    operation: str = "set"

    def __post_init__(self) -> None:
        require_one_of(UPDATES, operation=self.operation)


class ReplaceWindow(Movement):
    """An array with windows replaced, each at a place of its own: a cache that grows.

    Inputs: x; values, of the sizes of x but along ``axis``, where they may be fewer; starts, a vector along the first
    axis, zeros if it is not given: element i of ``values[n]`` goes to place ``starts[n] + i`` along the axis of x.

    Attributes:
        axis: along which; not the first one.
        wraps: whether places behind the end go on from the beginning, or else are dropped.
    """

    axis: int = -2
    wraps: bool = False
