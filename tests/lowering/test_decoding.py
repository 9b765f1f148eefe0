"""Label sequences, against the definition in plain Python."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxdnn import ShapeError
from jaxdnn.layers.decoding import CtcGreedyDecode, DenseRows, SparseRows
from support.layer import assert_close, run


@given(st.integers(0, 1000), st.booleans(), st.integers(-3, 2))
def test_ctc_greedy_decode(seed, merge, blank):
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, 3, (7, 2, 3)).astype(np.float32)
    lengths = rng.integers(0, 8, 2).astype(np.int32)
    layer = CtcGreedyDecode(blank=blank, merge_repeated=merge)
    labels, counts, score = run(layer, scores, lengths, outputs=3)
    for sample, length in enumerate(lengths):
        path = scores[:length, sample].argmax(axis=1).tolist()
        want = [label for label, _ in itertools.groupby(path)] if merge else path
        want = [label for label in want if label != blank % 3]
        assert counts[sample] == len(want)
        assert labels[sample].tolist() == want + [-1] * (7 - len(want))
        assert_close(score[sample], [-scores[:length, sample].max(axis=1).sum()])


def test_rows():
    values, lengths = np.int32([[5, 6, -1], [-1, -1, -1], [7, -1, -1]]), np.int32([2, 0, 1])
    places, found, shape = run(SparseRows(), values, lengths, outputs=3)
    np.testing.assert_array_equal(places, [[0, 0], [0, 1], [2, 0]])
    np.testing.assert_array_equal(found, [5, 6, 7])
    np.testing.assert_array_equal(shape, [3, 2])
    dense = run(DenseRows(), values, lengths, np.int32(9))
    np.testing.assert_array_equal(dense, [[5, 6], [9, 9], [7, 9]])


def test_what_does_not_fit():
    with pytest.raises(ShapeError, match="scores 2x3 and lengths 3 do not fit"):
        run(CtcGreedyDecode(), np.zeros((2, 3), np.float32), np.zeros(3, np.int32), outputs=3)
    with pytest.raises(ShapeError, match="values 2x3 and lengths 3 do not fit"):
        run(SparseRows(), np.zeros((2, 3), np.int32), np.zeros(3, np.int32), outputs=3)
