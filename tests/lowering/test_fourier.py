"""Fourier transforms, against the sums that define them."""

import numpy as np
import pytest

from jaxdnn import LayerError, ShapeError
from jaxdnn.layers.fourier import FourierTransform
from support.layer import run

RNG = np.random.default_rng(0)


def transform(x, axes, sign):
    """Multiply with the matrix of the transform along each of the last axes."""
    for axis in range(-axes, 0):
        n = np.arange(x.shape[axis])
        matrix = np.exp(sign * 2j * np.pi * np.outer(n, n) / len(n))
        x = np.moveaxis(np.tensordot(x, matrix, axes=(axis, 1)), -1, axis)
    return x


def close(got, want):
    assert got.shape == want.shape
    assert np.abs(got - want).max() < 1e-5 * max(1, np.abs(want).max())


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_complex(axes):
    x = (RNG.normal(size=(2, 3, 4, 5)) + 1j * RNG.normal(size=(2, 3, 4, 5))).astype(np.complex64)
    close(run(FourierTransform(axes=axes), x), transform(x, axes, -1))
    count = np.prod(x.shape[-axes:])
    close(run(FourierTransform(axes=axes, inverse=True), x), transform(x, axes, 1) / count)


@pytest.mark.parametrize("width", [5, 6])
@pytest.mark.parametrize("axes", [1, 2])
def test_real_and_back(axes, width):
    x = RNG.normal(size=(3, 4, width)).astype(np.float32)
    y = run(FourierTransform(axes=axes, kind="real"), x)
    close(y, transform(x, axes, -1)[..., : width // 2 + 1])
    back = FourierTransform(axes=axes, kind="real", inverse=True, size=x.shape[-axes:])
    close(run(back, y), x)


def test_zeros_are_added_and_elements_cut_off():
    x = RNG.normal(size=(2, 6)).astype(np.float32)
    got = run(FourierTransform(kind="real", size=(8,)), x)
    close(got, transform(np.pad(x, [(0, 0), (0, 2)]), 1, -1)[:, :5])
    close(run(FourierTransform(kind="real", size=(4,)), x), transform(x[:, :4], 1, -1)[:, :3])


def test_what_does_not_fit():
    with pytest.raises(LayerError, match="size must have 2 values, got 1"):
        FourierTransform(axes=2, kind="real", size=(4,))
    with pytest.raises(ShapeError, match="3 has fewer than 2 axes"):
        run(FourierTransform(axes=2, kind="real"), np.zeros(3, np.float32))
    with pytest.raises(ShapeError, match="complex numbers expected, got float32"):
        run(FourierTransform(), np.zeros(3, np.float32))
    with pytest.raises(ShapeError, match="real numbers expected, got complex64"):
        run(FourierTransform(kind="real"), np.zeros(3, np.complex64))
