"""What takes the place of random numbers."""

import numpy as np
import pytest

from jaxdnn import JaxdnnWarning
from support.onnx_graphs import compute

PROBABILITIES = np.float32([[0.1, 0.7], [0.9, 0.4]])


def test_means(tmp_path):
    with pytest.warns(JaxdnnWarning, match="its mean 3 takes the place of random numbers"):
        got = compute(tmp_path, "RandomNormal", shape=[2, 3], mean=3.0, scale=2.0, seed=1.0)
    np.testing.assert_array_equal(got, np.full((2, 3), 3, np.float32))
    with pytest.warns(JaxdnnWarning, match="its mean 0.5 takes"):
        np.testing.assert_array_equal(compute(tmp_path, "RandomUniform", shape=[2]), [0.5, 0.5])


def test_means_like_another_array(tmp_path):
    with pytest.warns(JaxdnnWarning):
        got = compute(tmp_path, "RandomUniformLike", PROBABILITIES, low=1.0, high=3.0)
    np.testing.assert_array_equal(got, np.full((2, 2), 2, np.float32))
    with pytest.warns(JaxdnnWarning):
        got = compute(tmp_path, "RandomNormalLike", np.int32([1, 2]), dtype=1, mean=0.5)
    np.testing.assert_array_equal(got, [0.5, 0.5])


def test_the_likelier_one(tmp_path):
    with pytest.warns(JaxdnnWarning, match="the likelier number takes the place of random ones"):
        got = compute(tmp_path, "Bernoulli", PROBABILITIES, dtype=6)
    np.testing.assert_array_equal(got, [[0, 1], [1, 0]])
    assert got.dtype == np.int32


def test_the_most_likely_class(tmp_path):
    with pytest.warns(JaxdnnWarning, match="the most likely class takes the place of random draws"):
        got = compute(tmp_path, "Multinomial", np.log(PROBABILITIES), sample_size=3)
    np.testing.assert_array_equal(got, [[1, 1, 1], [0, 0, 0]])
