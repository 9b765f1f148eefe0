"""Label sequences, against the definition in plain Python."""

import collections
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxdnn import LayerError, ShapeError
from jaxdnn.layers.decoding import CtcBeamDecode, CtcGreedyDecode, DenseRows, SparseRows
from support.layer import assert_close, run


@settings(max_examples=20)
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


def collapsed(path, blank):
    """Return what a path of labels becomes."""
    return tuple(label for label, _ in itertools.groupby(path) if label != blank)


def log_softmax(x):
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


def test_a_wide_beam_finds_the_likeliest_sequences_of_all():
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(4, 30, 3)).astype(np.float32) * 2
    lengths = rng.integers(0, 5, 30).astype(np.int32)
    layer = CtcBeamDecode(width=40, paths=3, merge_repeated=False)
    *found, totals = run(layer, scores, lengths, outputs=7)
    for sample, length in enumerate(lengths):
        logs = log_softmax(scores[:length, sample].astype(np.float64))
        sums = collections.defaultdict(float)
        for path in itertools.product(range(3), repeat=int(length)):
            sums[collapsed(path, 2)] += np.exp(logs[range(length), path].sum())
        best = sorted(sums.items(), key=lambda pair: -pair[1])[:3]
        for i, (sequence, probability) in enumerate(best):
            assert tuple(found[2 * i][sample]) == sequence + (-1,) * (4 - len(sequence))
            assert found[2 * i + 1][sample] == len(sequence)
            assert_close(totals[sample, i], np.log(probability))
        assert (totals[sample, len(best) :] == -np.inf).all()


def narrow_beam(logs, width):
    """Keep the likeliest sequences in a dict of the probabilities that they end with a blank and without."""
    beam = {(): (1.0, 0.0)}
    for step in np.exp(logs):
        after = collections.defaultdict(lambda: [0.0, 0.0])
        for sequence, (blank, label) in beam.items():
            after[sequence][0] += (blank + label) * step[-1]
            if sequence:
                after[sequence][1] += label * step[sequence[-1]]
            for new, probability in enumerate(step[:-1]):
                repeated = sequence and sequence[-1] == new
                after[*sequence, new][1] += (blank if repeated else blank + label) * probability
        beam = dict(sorted(after.items(), key=lambda pair: -sum(pair[1]))[:width])
    return [(sequence, sum(pair)) for sequence, pair in beam.items()]


@pytest.mark.parametrize("merge", [False, True])
def test_a_narrow_beam(merge):
    scores = np.random.default_rng(0).normal(size=(12, 30, 4)).astype(np.float32) * 2
    lengths = np.full(30, 12, np.int32)
    layer = CtcBeamDecode(width=4, merge_repeated=merge)
    labels, counts, totals = run(layer, scores, lengths, outputs=3)
    for sample in range(30):
        sequence, probability = narrow_beam(log_softmax(scores[:, sample].astype(np.float64)), 4)[0]
        want = [label for label, _ in itertools.groupby(sequence)] if merge else list(sequence)
        assert labels[sample, : counts[sample]].tolist() == want
        assert_close(totals[sample], [np.log(probability)])


def test_beams_that_make_no_sense():
    with pytest.raises(LayerError, match="3 paths are more than the width 2"):
        CtcBeamDecode(width=2, paths=3)
    with pytest.raises(ShapeError, match="scores 4x3 and lengths 2 do not fit"):
        run(CtcBeamDecode(), np.zeros((4, 3), np.float32), np.zeros(2, np.int32), outputs=3)
