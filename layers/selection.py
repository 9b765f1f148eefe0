"""Elements chosen by the data: their number is known only when the program runs, unless they are constants."""

from __future__ import annotations

from jaxdnn.layers.base import Layer, require_at_least


class NonZero(Layer):
    """The places (n, axes), int32, of the elements that are not zero, in the order of the elements."""


class Unique(Layer):
    """The different elements of a vector, in the order in which they first appear.

    Outputs: the elements; for each element of the input its place among them; how often each one appears. Both
    are int32.
    """


class UniqueSlices(Layer):
    """The different slices of an array along an axis.

    Outputs: those slices, joined along the axis; the place of the first one of each of them; for each slice of the
    input its place among them; how often each of them appears. All but the first output are int32 vectors.

    Attributes:
        axis: along which; None for the elements of the array as a vector.
        ordered: whether they are in rising order, that of their first element that differs, or else in the order in
            which they first appear.
    """

    axis: int | None = None
    ordered: bool = True


class Partition(Layer):
    """The slices of an array dealt out to several arrays, their order kept.

    Inputs: x; for each place of its first axes the part (an integer) that the slice goes to. Slices whose part does
    not exist go nowhere. Each output has those first axes merged into one. Where an output is padded, numbers
    behind the valid ones are -1, which :class:`~jaxdnn.layers.indexing.Stitch` takes for no place.

    Attributes:
        parts: number of outputs.
    """

    parts: int

    def __post_init__(self) -> None:
        require_at_least(1, parts=self.parts)
