"""Lists of arrays of one shape: an array whose first axis counts the elements.

A list whose elements' shape is not known yet has elements without elements, (count, 0): the first array that is put in
gives all of them its shape; the others are zeros until they are set. Elements of different shapes can be set, taken and
joined where their numbers are known while the program is traced.
"""

from __future__ import annotations

from jaxdnn.layers.base import require_at_least, require_one_of
from jaxdnn.layers.shape import Movement


class ListReserve(Movement):
    """A list of zeros.

    Attributes:
        count: number of elements.
        shape: of an element, empty for scalars. A negative size means that it is not known, (-1,) that not even the
            rank is.
        dtype: numpy's name of the elements' type.
    """

    count: int
    shape: tuple[int, ...] = ()
    dtype: str = "float32"

    def __post_init__(self) -> None:
        require_at_least(0, count=self.count)


class ListSet(Movement):
    """Replace one element.

    Inputs: the list; the element's number, a scalar; the array. A number behind the end that is known while the
    program is traced makes the list longer.
    """


class ListGet(Movement):
    """Take one element. Inputs: the list; the element's number, a scalar.

    A number outside the list is an error where it is known while tracing; elsewhere it means the nearest element.
    """


class ListScatter(Movement):
    """Replace several elements.

    Inputs: the list; the elements' numbers, a vector; the arrays, joined along a new first axis.
    """


class ListResize(Movement):
    """Cut the list, or append zeros.

    Attributes:
        count: number of elements then.
    """

    count: int

    def __post_init__(self) -> None:
        require_at_least(0, count=self.count)


class ListJoin(Movement):
    """Join the elements along their first axis. Outputs: the array, and each element's size along it."""


class ListSplit(Movement):
    """Take an array apart along its first axis into a list.

    Attributes:
        lengths: size of each part.
    """

    lengths: tuple[int, ...]

    def __post_init__(self) -> None:
        require_at_least(0, lengths=self.lengths)


class ListPush(Movement):
    """Append an element. Inputs: the list; the array."""


class ListPop(Movement):
    """Take the last element away. Outputs: the shorter list; the element."""


class ListShape(Movement):
    """What is known of a list's shape, as a constant.

    Attributes:
        what: ``count`` of the elements, a scalar, or the sizes of each ``element``, a vector.
    """

    what: str

    def __post_init__(self) -> None:
        require_one_of(("count", "element"), what=self.what)
