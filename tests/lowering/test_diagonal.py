"""Diagonals, against numpy's, one matrix and one diagonal at a time."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxdnn import LayerError, ShapeError
from jaxdnn.layers.diagonal import (
    ALIGNMENTS,
    BandPart,
    Diagonal,
    DiagonalPart,
    SetDiagonal,
    TensorDiagonal,
    TensorDiagonalPart,
    Triangle,
)
from jaxdnn.lowering import LOWERINGS
from support.layer import run

X = np.arange(1, 25, dtype=np.float32).reshape(2, 3, 4)


@pytest.mark.parametrize(("lower", "upper"), [(0, 0), (1, 0), (-1, 1), (0, -1), (-1, -1)])
def test_band_part(lower, upper):
    want = X.copy()
    for row, column in itertools.product(range(3), range(4)):
        if (lower >= 0 and row - column > lower) or (upper >= 0 and column - row > upper):
            want[:, row, column] = 0
    np.testing.assert_array_equal(run(BandPart(lower=lower, upper=upper), X), want)


@pytest.mark.parametrize("number", [-4, -1, 0, 2, 5])
@pytest.mark.parametrize("upper", [False, True])
def test_triangle(upper, number):
    layer = Triangle(upper=upper, diagonal=number)
    want = (np.triu if upper else np.tril)(X, number)
    np.testing.assert_array_equal(run(layer, X), want)
    np.testing.assert_array_equal(LOWERINGS[Triangle].function(layer, {}, X), want)
    with pytest.raises(ShapeError, match="a matrix has two axes or more, got 3"):
        run(layer, X[0, :, 0])


@st.composite
def bands(draw):
    """Sizes of a matrix, and the lowest and the highest of some diagonals."""
    rows, columns = draw(st.integers(1, 5)), draw(st.integers(1, 5))
    lower = draw(st.integers(1 - rows, columns - 1))
    return rows, columns, lower, draw(st.integers(lower, columns - 1)), draw(st.sampled_from(ALIGNMENTS))


def vectors(matrix, lower, upper, align, fill):
    """Return diagonals from the highest to the lowest, each padded to the longest."""
    parts = [(number, np.diagonal(matrix, number)) for number in range(upper, lower - 1, -1)]
    longest = max(len(part) for _, part in parts)
    above, below = align.split("_")
    lines = []
    for number, part in parts:
        missing = np.full(longest - len(part), fill, matrix.dtype)
        at_end = "right" in ({above} if number >= 0 else set()) | ({below} if number <= 0 else set())
        lines.append(np.concatenate([missing, part] if at_end else [part, missing]))
    return np.stack(lines)


@settings(max_examples=15)
@given(bands())
def test_diagonals_are_taken_put_back_and_made(case):
    rows, columns, lower, upper, align = case
    x = np.random.default_rng(0).normal(size=(2, rows, columns)).astype(np.float32)
    options = {"diagonals": (lower, upper), "align": align}
    want = np.stack([vectors(matrix, lower, upper, align, -9) for matrix in x])
    if lower == upper:
        want = want[:, 0]
    got = run(DiagonalPart(**options), x, np.float32(-9))
    np.testing.assert_array_equal(got, want)
    offsets = np.subtract.outer(-np.arange(rows), -np.arange(columns))
    inside = (offsets >= lower) & (offsets <= upper)
    made = run(Diagonal(**options, rows=rows, columns=columns), got, np.float32(7))
    np.testing.assert_array_equal(made, np.where(inside, x, 7))
    changed = run(SetDiagonal(**options), np.zeros_like(x), got)
    np.testing.assert_array_equal(changed, np.where(inside, x, 0))


def test_as_many_rows_and_columns_as_needed():
    line = np.float32([[1, 2]])
    for offset in (0, 1, -2):
        np.testing.assert_array_equal(run(Diagonal(diagonals=(offset,)), line), [np.diag(line[0], offset)])
    assert run(Diagonal(diagonals=(1,), rows=2), line).shape == (1, 2, 3)
    assert run(Diagonal(diagonals=(-2,), columns=3), line).shape == (1, 4, 3)


def test_what_does_not_fit():
    with pytest.raises(LayerError, match=r"diagonals must be one number or .*got \(1, 0\)"):
        DiagonalPart(diagonals=(1, 0))
    with pytest.raises(LayerError, match="align must be one of left_left"):
        DiagonalPart(align="middle")
    with pytest.raises(ShapeError, match="matrices of 3x4 have no diagonals"):
        run(DiagonalPart(diagonals=(4,)), X)
    with pytest.raises(ShapeError, match="the diagonals are 2x4, 2x3 expected"):
        run(SetDiagonal(), X, X[:, 0])
    with pytest.raises(ShapeError, match="what fills the rest is 2, a scalar expected"):
        run(DiagonalPart(), X, np.zeros(2, np.float32))
    with pytest.raises(ShapeError, match="a matrix has two axes or more, got 4"):
        run(BandPart(lower=0, upper=0), X[0, 0])
    with pytest.raises(ShapeError, match="4 holds no diagonals"):
        run(Diagonal(diagonals=(0, 1)), X[0, 0])


def test_diagonals_of_tensors():
    x = X[:, :, 0]
    y = run(TensorDiagonal(), x)
    assert y.shape == (2, 3, 2, 3)
    assert all(
        y[i, j, k, m] == (x[i, j] if (i, j) == (k, m) else 0)
        for i, j, k, m in itertools.product(range(2), range(3), range(2), range(3))
    )
    np.testing.assert_array_equal(run(TensorDiagonalPart(), y), x)
    with pytest.raises(ShapeError, match="2x3x4 is not the same sizes twice"):
        run(TensorDiagonalPart(), X)
