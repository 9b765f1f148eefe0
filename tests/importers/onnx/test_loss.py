"""Losses, against ONNX Runtime."""

import numpy as np
import pytest

from support.onnx_graphs import compute, one_op, runtime

RNG = np.random.default_rng(6)
X = RNG.standard_normal((2, 4, 3)).astype(np.float32)
LABELS = np.int64([[0, 3, 1], [2, 2, 1]])
WEIGHTS = np.float32([0.5, 1, 2, 3])


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("op", ["NegativeLogLikelihoodLoss", "SoftmaxCrossEntropyLoss"])
@pytest.mark.parametrize("options", [{}, {"ignore_index": 2}])
def test_losses(op, reduction, options, tmp_path):
    options = {"reduction": reduction, "opset": 13, "feeds": (0, 1), **options}
    for arrays in ((X, LABELS), (X, LABELS, WEIGHTS)):
        (want,) = runtime(*one_op(op, arrays, **options))
        np.testing.assert_allclose(compute(tmp_path, op, *arrays, **options), want, rtol=1e-5, atol=1e-6)


def test_the_second_output_is_the_logarithm_of_the_probabilities(tmp_path):
    got = compute(tmp_path, "SoftmaxCrossEntropyLoss", X, LABELS, outputs=2, feeds=(0, 1))[1]
    np.testing.assert_allclose(np.exp(got).sum(1), np.ones((2, 3)), rtol=1e-5)
    np.testing.assert_allclose(got - got[:, :1], X - X[:, :1], rtol=1e-4, atol=1e-5)
