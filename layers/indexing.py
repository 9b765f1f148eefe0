"""Elements by their places: slices, gathers, scatters, one-hot vectors, the largest ones."""

from __future__ import annotations

from jaxdnn.layers.base import Layer, require_at_least, require_one_of
from jaxdnn.layers.shape import Movement

UPDATES = ("set", "add", "subtract", "multiply", "max", "min")


class StridedSlice(Movement):
    """``x[begin:end:step, …]``, one entry per axis, with TensorFlow's masks.

    Inputs: x; begin, end and step, vectors of one length. A negative begin or end counts from the end; what lies
    beyond an end is cut; a negative step goes backwards. Axes behind the last entry stay whole.

    Bit i of a mask concerns entry i. All of begin, end and step must be known while the program is traced, but
    for a begin that shrinks its axis, and for those that a mask makes void.

    Attributes:
        begin_mask, end_mask: the slice begins, or ends, where the axis does.
        ellipsis_mask: the entry stands for as many whole axes as there are to spare.
        new_axis_mask: the entry inserts an axis of size 1.
        shrink_axis_mask: only element begin is taken, and the axis is dropped.
    """

    begin_mask: int = 0
    end_mask: int = 0
    ellipsis_mask: int = 0
    new_axis_mask: int = 0
    shrink_axis_mask: int = 0


class Window(Movement):
    """A window of an array.

    Inputs: x; begin and size, vectors with one element per axis. A size of -1 reaches to the end. The size must be
    known while the program is traced, and so must begin where a size is -1; another begin is moved so that the
    window fits.
    """


class GatherNd(Movement):
    """Elements, or slices, at the places that the last axis of a second input holds.

    Inputs: x; indices (*batch, *any, depth). The output is (*batch, *any, *rest), rest being the axes of x behind
    the ``depth`` ones that are indexed. A place outside x gives zero.

    Attributes:
        batch_axes: number of leading axes that both inputs share.
    """

    batch_axes: int = 0


class ScatterNd(Layer):
    """Zeros, with values added at places; of booleans any true one counts.

    Inputs: indices (*any, depth); values (*any, *rest). A place outside the array is dropped.

    Attributes:
        shape: of the output; its axes behind the first ``depth`` ones are rest.
    """

    shape: tuple[int, ...]

    def __post_init__(self) -> None:
        require_at_least(0, shape=self.shape)


class ScatterUpdate(Layer):
    """An array with elements, or slices, changed at places.

    Inputs: x; indices (*any, depth); values (*any, *rest), rest being the axes of x behind the first ``depth`` ones.

    Attributes:
        operation: what happens to what is there: ``set``, ``add``, ``subtract``, ``multiply``, ``max`` or ``min``.
    """

    operation: str = "set"

    def __post_init__(self) -> None:
        require_one_of(UPDATES, operation=self.operation)


class OneHot(Movement):
    """A vector for each index, with one value at that place and another one elsewhere.

    Inputs: indices of any shape; the value at the place; the value elsewhere, scalars both. An index outside the
    vector leaves it without its place.

    Attributes:
        depth: length of the vectors.
        axis: where they lie in the output.
        from_end: whether a negative index counts from the vector's end.
    """

    depth: int
    axis: int = -1
    from_end: bool = False

    def __post_init__(self) -> None:
        require_at_least(0, depth=self.depth)


class TopK(Layer):
    """The largest elements along an axis, in falling order, and their int32 indices.

    Of equal elements the one with the lower index comes first.

    Attributes:
        count: how many.
        axis: along which.
        smallest: whether the smallest elements are meant, in rising order.
    """

    count: int
    axis: int = -1
    smallest: bool = False

    def __post_init__(self) -> None:
        require_at_least(0, count=self.count)


class Stitch(Movement):
    """Rows of several arrays, dealt out to places of one.

    Inputs: for each array its places, then the arrays. Places are integers of any shape; an array has the axes of its
    places, then those of a row. Where places repeat the last row stays.

    Output: (largest place + 1, *row). A place that nothing goes to is zero. Where places depend on the data,
    negative ones are none, and no place may exceed the number of rows.
    """
