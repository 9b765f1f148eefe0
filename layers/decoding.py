"""From scores per step to label sequences, and sequences of different lengths as sparse and as dense arrays."""

from __future__ import annotations

from dataclasses import dataclass

from jaxdnn.layers.base import Layer


@dataclass(frozen=True, kw_only=True)
class CtcGreedyDecode(Layer):
    """The labels of the best path of a connectionist temporal classification.

    Inputs: scores (steps, batch, labels), logarithms of probabilities but for a constant; the number of steps of
    each sample (batch,). In each step the best label is taken, the first one among equals; then, if
    ``merge_repeated``, a label that is the step before's goes, and at last all blanks.

    Outputs: labels (batch, steps), int32, each sample's in front, -1 behind; their numbers (batch,); minus the sum of
    the best scores (batch, 1).

    Attributes:
        blank: which label is the blank; a negative one counts from the end.
        merge_repeated: see above.
    """

    blank: int = -1
    merge_repeated: bool = True


@dataclass(frozen=True, kw_only=True)
class SparseRows(Layer):
    """Rows of different lengths as a sparse matrix.

    Inputs: values (rows, columns); lengths (rows,). Outputs: the places (n, 2) of the first elements of each row, as
    many as its length, row by row; their values (n,); the shape (2,): rows and the greatest length.
    """


@dataclass(frozen=True, kw_only=True)
class DenseRows(Layer):
    """Rows of different lengths as a matrix that is as wide as the longest.

    Inputs: values (rows, columns); lengths (rows,); what stands behind the end of a row, a scalar.
    """
