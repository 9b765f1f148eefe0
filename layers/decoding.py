"""From scores per step to label sequences, and sequences of different lengths as sparse and as dense arrays."""

from __future__ import annotations

from jaxdnn.layers.base import Layer, Shape, require, require_at_least


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


class CtcBeamDecode(Layer):
    """The likeliest label sequences of a connectionist temporal classification, as far as a beam finds them.

    Inputs: scores (steps, batch, labels), whose softmax are the probabilities, the last label being the blank; the
    number of steps of each sample (batch,). The probability of a sequence is the sum over all paths that become it
    when labels that are the step before's and then blanks go. After each step the likeliest sequences stay, those
    that were there before their extensions among equals.

    Outputs: for each of the sequences found, likeliest first, its labels (batch, steps), int32, in front, -1 behind,
    and their numbers (batch,); at last the logarithms of the probabilities (batch, paths). Where there are fewer
    sequences the rest is empty, with minus infinity.

    Attributes:
        width: how many sequences stay.
        paths: how many are found.
        merge_repeated: whether of equal labels beside each other one is left in the end, too.
    """

    width: int = 100
    paths: int = 1
    merge_repeated: bool = True

    def __post_init__(self) -> None:
        require_at_least(1, width=self.width, paths=self.paths)
        require(self.paths <= self.width, f"{self.paths} paths are more than the width {self.width}")

    def flops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> int:
        """Count an operation per sequence kept and label, and the comparisons of sequences with each other."""
        del outputs
        steps, batch, labels = inputs[0]
        return steps * batch * self.width * (labels + self.width * steps)


class SparseRows(Layer):
    """Rows of different lengths as a sparse matrix.

    Inputs: values (rows, columns); lengths (rows,). Outputs: the places (n, 2) of the first elements of each row, as
    many as its length, row by row; their values (n,); the shape (2,): rows and the greatest length.
    """


class DenseRows(Layer):
    """Rows of different lengths as a matrix that is as wide as the longest.

    Inputs: values (rows, columns); lengths (rows,); what stands behind the end of a row, a scalar.
    """
