"""Diagonals of matrices: put there, taken out, kept."""

from __future__ import annotations

from jaxdnn.layers.base import Layer, require, require_one_of
from jaxdnn.layers.shape import Movement

ALIGNMENTS = ("left_left", "left_right", "right_left", "right_right")


class BandPart(Movement):
    """Keep the diagonals of matrices around the main one; the last two axes are the matrices.

    Attributes:
        lower, upper: how many diagonals below and above stay; all if negative.
    """

    lower: int
    upper: int


class Triangle(Movement):
    """Keep one side of matrices, zeros elsewhere; the last two axes are the matrices.

    Attributes:
        upper: whether the diagonal numbered ``diagonal`` and those above it stay, or else it and those below it.
        diagonal: 0 is the main diagonal, those above are positive.
    """

    upper: bool
    diagonal: int = 0


class _Diagonals(Movement):
    """Some neighbouring diagonals of matrices, as vectors of the length of the longest one.

    Attributes:
        diagonals: the number of the one diagonal, or of the lowest and the highest one; 0 is the main diagonal,
            those above are positive. One diagonal is a vector, several are the rows of a matrix, the highest one
            first.
        align: at which end a vector that is too long holds the diagonals above, then those below, for instance
            ``right_left``; the main diagonal is both.
    """

    diagonals: tuple[int, ...] = (0,)
    align: str = "right_left"

    def __post_init__(self) -> None:
        require_one_of(ALIGNMENTS, align=self.align)
        require(
            len(self.diagonals) in (1, 2) and self.lower <= self.upper,
            f"diagonals must be one number or a lowest and a highest one, got {self.diagonals}",
        )

    @property
    def lower(self) -> int:
        """The lowest diagonal."""
        return self.diagonals[0]

    @property
    def upper(self) -> int:
        """The highest diagonal."""
        return self.diagonals[-1]


class Diagonal(_Diagonals):
    """Matrices with given diagonals.

    Inputs: diagonals (*batch, longest), or (*batch, number of diagonals, longest); what the other elements are, a
    scalar, zero if it is not given.

    Attributes:
        rows, columns: of the matrices; -1 for as few as the diagonals need. If both are, the matrices are square.
    """

    rows: int = -1
    columns: int = -1


class DiagonalPart(_Diagonals):
    """Diagonals of matrices.

    Inputs: matrices (*batch, rows, columns); what fills the vectors of the shorter diagonals, a scalar,
    zero if it is not given.

    Output: (*batch, longest), or (*batch, number of diagonals, longest).
    """


class SetDiagonal(_Diagonals):
    """Matrices with some of their diagonals replaced.

    Inputs: matrices (*batch, rows, columns); diagonals (*batch, longest), or (*batch, number of diagonals, longest).
    """


class TensorDiagonal(Layer):
    """Zeros, but for ``y[i, i] = x[i]``; i stands for all indices of x.

    Output: the sizes of x, twice.
    """


class TensorDiagonalPart(Layer):
    """The inverse of :class:`TensorDiagonal`: ``y[i] = x[i, i]``.

    Output: the first half of the sizes of x, to which the second half must be equal.
    """
