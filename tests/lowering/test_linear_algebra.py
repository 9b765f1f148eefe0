"""Linear algebra, against numpy's in double precision, or against what defines it."""

import numpy as np
import pytest

from jaxdnn import ShapeError
from jaxdnn.layers.linear_algebra import Cholesky, Determinant, Eigh, Inverse, Qr, Solve, Svd
from support.layer import assert_close, run

RNG = np.random.default_rng(0)
SQUARE = (RNG.normal(size=(2, 4, 4)) + 3 * np.eye(4)).astype(np.float32)
WIDE = RNG.normal(size=(2, 3, 5)).astype(np.float32)
POSITIVE = (SQUARE @ SQUARE.swapaxes(-1, -2)).astype(np.float32)


def test_cholesky():
    assert_close(run(Cholesky(), POSITIVE), np.linalg.cholesky(POSITIVE.astype(np.float64)), 1e-4)


@pytest.mark.parametrize("adjoint", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.complex64])
def test_inverse_and_solve(adjoint, dtype):
    a = SQUARE.astype(dtype) + (0.5j * SQUARE[::-1] if dtype == np.complex64 else 0)
    a = a.astype(dtype)
    taken = a.conj().swapaxes(-1, -2) if adjoint else a
    assert np.abs(run(Inverse(adjoint=adjoint), a) - np.linalg.inv(taken)).max() < 1e-4
    b = a[..., :2] * 2
    assert np.abs(run(Solve(adjoint=adjoint), a, b) - np.linalg.solve(taken, b)).max() < 1e-4
    for triangle, half in (("lower", np.tril), ("upper", np.triu)):
        kept = half(a)
        kept = kept.conj().swapaxes(-1, -2) if adjoint else kept
        got = run(Solve(adjoint=adjoint, triangle=triangle), a, b)
        want = np.linalg.solve(kept.astype(np.complex128), b)
        assert np.abs(got - want).max() < 1e-4 * np.abs(want).max()


def test_determinants():
    assert_close(run(Determinant(), SQUARE), np.linalg.det(SQUARE.astype(np.float64)), 1e-4)
    swapped = SQUARE[:, ::-1].copy()
    sign, logarithm = run(Determinant(logarithm=True), swapped, outputs=2)
    want = np.linalg.slogdet(swapped.astype(np.float64))
    assert_close(sign, want[0])
    assert_close(logarithm, want[1])


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("x", [WIDE, WIDE.swapaxes(-1, -2).copy()], ids=["wide", "high"])
def test_products_of_factors(x, full):
    height, width = x.shape[-2:]
    q, r = run(Qr(full=full), x, outputs=2)
    side = height if full else min(height, width)
    assert q.shape == (2, height, side)
    assert r.shape == (2, side, width)
    assert_close(q @ r, x)
    assert_close(q.swapaxes(-1, -2) @ q, np.tile(np.eye(side), (2, 1, 1)))
    s, u, v = run(Svd(full=full), x, outputs=3)
    assert_close(s, np.linalg.svd(x.astype(np.float64), compute_uv=False))
    assert_close(run(Svd(vectors=False), x), s)
    count = min(height, width)
    assert u.shape == (2, height, height if full else count)
    assert v.shape == (2, width, width if full else count)
    assert_close((u[..., :count] * s[:, None]) @ v[..., :count].swapaxes(-1, -2), x)


def test_eigenvalues():
    other = np.triu(np.ones((4, 4), np.float32), 1)
    values, vectors = run(Eigh(), np.tril(POSITIVE) + other, outputs=2)
    assert_close(values, np.linalg.eigvalsh(POSITIVE.astype(np.float64)), 1e-4)
    assert_close(POSITIVE @ vectors, vectors * values[:, None], 1e-4)
    assert_close(run(Eigh(vectors=False), POSITIVE), values, 1e-4)


@pytest.mark.parametrize("layer", [Cholesky(), Inverse(), Determinant(), Eigh(vectors=False)])
def test_square_matrices(layer):
    with pytest.raises(ShapeError, match="square matrices expected, got 2x3x5"):
        run(layer, WIDE)


def test_rows_that_do_not_fit():
    with pytest.raises(ShapeError, match="2x3x5 has not as many rows as the matrices of 2x4x4"):
        run(Solve(), SQUARE, WIDE)
