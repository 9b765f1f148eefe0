"""Rows by their numbers, against loops over rows."""

import bisect
import itertools
import math

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxdnn import LayerError, ShapeError
from jaxdnn.layers.segments import (
    CountSequences,
    CountValues,
    Histogram,
    InTop,
    InvertPermutation,
    SearchSorted,
    SegmentReduce,
)
from jaxdnn.lowering import LOWERINGS
from support.layer import assert_close, run

RNG = np.random.default_rng(0)
OPERATIONS = {
    "sum": sum,
    "mean": lambda rows: sum(rows) / len(rows),
    "root_mean": lambda rows: sum(rows) / math.sqrt(len(rows)),
    "product": math.prod,
    "max": lambda rows: np.max(rows, axis=0),
    "min": lambda rows: np.min(rows, axis=0),
}
LIMITS = np.finfo(np.float32)


@settings(max_examples=20)
@given(st.sampled_from(list(OPERATIONS)), st.lists(st.integers(-1, 5), min_size=6, max_size=6))
def test_rows_in_any_order(operation, numbers):
    x = RNG.normal(size=(2, 3, 4)).astype(np.float32)
    empty = {"product": 1, "max": LIMITS.min, "min": LIMITS.max}.get(operation, 0)
    want = np.full((5, 4), empty, np.float64)
    for segment in range(5):
        rows = [row.astype(float) for row, n in zip(x.reshape(6, 4), numbers, strict=True) if n == segment]
        if rows:
            want[segment] = OPERATIONS[operation](rows)
    got = run(SegmentReduce(operation=operation, segments=5), x, np.int32(numbers).reshape(2, 3))
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


def known(numbers, **options):
    x = np.float32([[1, 2], [3, 4], [5, -6], [7, 8]])
    return x, LOWERINGS[SegmentReduce].function(SegmentReduce(**options), {}, x, np.int32(numbers))


@pytest.mark.parametrize("operation", OPERATIONS)
def test_consecutive_rows(operation):
    x, got = known([0, 0, 2, 2], operation=operation)
    function = OPERATIONS[operation]
    want = [function(list(x[:2])), np.full(2, operation == "product"), function(list(x[2:]))]
    assert_close(np.asarray(got), want)


def test_numbers_that_do_not_fit():
    for numbers in ([0, 1, 0, 1], [-1, 0, 0, 1]):
        with pytest.raises(ShapeError, match="do not number the rows of 4x2"):
            known(numbers)
    with pytest.raises(ShapeError, match="numbers 3 do not fit 4x2"):
        known([0, 0, 1])
    with pytest.raises(ShapeError, match="the number of each row depends on the data"):
        LOWERINGS[SegmentReduce].function(SegmentReduce(), {}, jnp.zeros((2, 2)), jnp.zeros(2, int))
    with pytest.raises(LayerError, match="operation must be one of sum"):
        SegmentReduce(operation="median")


def test_whole_numbers_have_whole_means():
    x = np.int32([-7, 4, 9])
    np.testing.assert_array_equal(
        run(SegmentReduce(operation="mean", segments=2), x, np.int32([0, 0, 1])), [-1, 9]
    )
    low = np.iinfo(np.int32).min
    np.testing.assert_array_equal(
        run(SegmentReduce(operation="max", segments=3), x, np.int32([0, 0, 1])), [4, 9, low]
    )


@pytest.mark.parametrize("rows", [False, True])
@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_counts(rows, binary, weighted):
    x = np.int32([[1, 1, 7, 0], [3, -1, 3, 3]])
    weights = np.float32([[1, 2, 3, 4], [5, 6, 7, 8]]) if weighted else np.zeros(0, np.float32)
    want = np.zeros((2, 5))
    for row, place in np.ndindex(2, 4):
        if 0 <= x[row, place] < 5:
            added = weights[row, place] if weighted else 1
            want[row, x[row, place]] = 1 if binary else want[row, x[row, place]] + added
    want = want if rows else np.minimum(want.sum(0), 1) if binary else want.sum(0)
    layer = CountValues(size=5, rows=rows, binary=binary)
    np.testing.assert_array_equal(run(layer, x, weights), want.astype(np.float32), strict=True)
    if not weighted:
        np.testing.assert_array_equal(run(layer, x), want.astype(np.int32), strict=True)


@pytest.mark.parametrize("skips", [0, 2])
@pytest.mark.parametrize("length", [1, 2, 3])
def test_sequences(length, skips):
    x = np.random.default_rng(0).integers(0, 2, (2, 6)).astype(np.int32)
    sequences = np.array(list(itertools.product(range(2), repeat=length)), np.int32)
    want = np.zeros((2, len(sequences)))
    for row, begin, step in itertools.product(range(2), range(6), range(1, (skips if length > 1 else 0) + 2)):
        found = x[row, begin : begin + (length - 1) * step + 1 : step]
        want[row] += [found.tolist() == sequence.tolist() for sequence in sequences]
    np.testing.assert_array_equal(run(CountSequences(skips=skips), x, sequences), want)


def test_sequences_that_do_not_fit():
    with pytest.raises(ShapeError, match="sequences 2 cannot be looked for in 3"):
        run(CountSequences(), np.zeros(3, np.int32), np.zeros(2, np.int32))
    with pytest.raises(LayerError, match="skips must be at least 0, got -1"):
        CountSequences(skips=-1)


def test_weights_that_do_not_fit():
    with pytest.raises(ShapeError, match="weights 2 do not fit 3"):
        run(CountValues(size=2), np.zeros(3, np.int32), np.zeros(2, np.float32))


@pytest.mark.parametrize("dtype", [np.float32, np.int32])
def test_histogram(dtype):
    x = np.array([-3, 0, 1, 2, 4, 5, 9, 5], dtype)
    got = run(Histogram(count=5), x, np.array([0, 5], dtype))
    np.testing.assert_array_equal(got, [2, 1, 1, 0, 4])
    with pytest.raises(ShapeError, match="the range is 3, two numbers expected"):
        run(Histogram(count=5), x, np.zeros(3, dtype))


@pytest.mark.parametrize("side", ["left", "right"])
def test_search(side):
    ordered = np.sort(RNG.integers(0, 9, (2, 3, 6)), -1).astype(np.float32)
    values = RNG.integers(-1, 10, (2, 3, 4)).astype(np.float32)
    function = bisect.bisect_left if side == "left" else bisect.bisect_right
    want = [
        [[function(list(line), value) for value in row] for line, row in zip(*pair, strict=True)]
        for pair in zip(ordered, values, strict=True)
    ]
    np.testing.assert_array_equal(run(SearchSorted(side=side), ordered, values), want)
    shared = [[function(list(ordered[0, 0]), value) for value in row] for row in values[0]]
    got = run(SearchSorted(side=side), ordered[0, 0], values[0].astype(np.int32))
    np.testing.assert_array_equal(got, shared)
    with pytest.raises(ShapeError, match="sorted rows 2x3x6 do not fit values 3x4"):
        run(SearchSorted(), ordered, values[0])


def test_in_top():
    scores = np.float32([[0.1, 0.3, 0.2], [0.3, 0.3, 0.1], [0.1, np.inf, 0.2], [1, 2, 3]])
    classes = np.int32([2, 1, 1, 5])
    np.testing.assert_array_equal(run(InTop(count=1), scores, classes), [False, True, False, False])
    np.testing.assert_array_equal(run(InTop(count=2), scores, classes), [True, True, False, False])
    with pytest.raises(ShapeError, match="classes 2 do not fit scores 4x3"):
        run(InTop(count=1), scores, classes[:2])


def test_inverse_permutation():
    x = np.int32(RNG.permutation(7))
    np.testing.assert_array_equal(run(InvertPermutation(), x)[x], range(7))
    function = LOWERINGS[InvertPermutation].function
    assert isinstance(function(InvertPermutation(), {}, x), np.ndarray)
    with pytest.raises(ShapeError, match=r"\[0, 0\] does not hold each of its places once"):
        function(InvertPermutation(), {}, np.int32([0, 0]))
    with pytest.raises(ShapeError, match="a vector expected, got 1x7"):
        run(InvertPermutation(), x.reshape(1, 7))
