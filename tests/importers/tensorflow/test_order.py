"""The order of axes and of elements, against numpy."""

import numpy as np
import pytest

from jaxdnn import LayerError
from support.tensorflow import Type, compute

X = np.random.default_rng(0).normal(size=(2, 3, 4)).astype(np.float32)


@pytest.mark.parametrize("order", [(2, 0, 1), (-1, 0, 1), (0, -2, -1)])
def test_axes_may_be_counted_from_the_end(tmp_path, order):
    got = compute(tmp_path, "Transpose", X, np.int32(order))
    np.testing.assert_array_equal(got, X.transpose(order))


@pytest.mark.parametrize("order", [(-4, 0, 1), (0, -3, 1)])
def test_axes_that_do_not_exist_or_repeat(tmp_path, order):
    with pytest.raises(LayerError, match=r"'y' \(Transpose\): order"):
        compute(tmp_path, "Transpose", X, np.int32(order))


def test_the_conjugate_transpose(tmp_path):
    z = (X + 1j * X[::-1]).astype(np.complex64)
    got = compute(tmp_path, "ConjugateTranspose", z, np.int32([1, 0, 2]), T=Type("complex64"))
    np.testing.assert_array_equal(got, z.conj().transpose(1, 0, 2))


def test_marked_axes_are_reversed(tmp_path):
    got = compute(tmp_path, "Reverse", X, np.array([True, False, True]))
    np.testing.assert_array_equal(got, X[::-1, :, ::-1])
    with pytest.raises(LayerError, match="the dims 'i1' must be a constant with one value per axis"):
        compute(tmp_path, "Reverse", X, np.array([True, False, True]), feeds=(0, 1))


def test_axes_are_inputs(tmp_path):
    np.testing.assert_array_equal(compute(tmp_path, "ReverseV2", X, np.int32([-1, 0])), X[::-1, :, ::-1])
    got = compute(tmp_path, "Roll", X, np.int32([1, -2]), np.int32([0, 2]))
    np.testing.assert_array_equal(got, np.roll(X, (1, -2), (0, 2)))
    got = compute(tmp_path, "ReverseSequence", X, np.int32([0, 2]), seq_dim=1)
    np.testing.assert_array_equal(got, np.stack([X[0], X[1][[1, 0, 2]]]))
