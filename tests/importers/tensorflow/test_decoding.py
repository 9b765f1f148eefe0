"""The beam search's outputs: the places of all paths, then their values, then their shapes."""

import numpy as np

from support.layer import assert_close
from support.tensorflow import compute

OUTPUTS = ("y", "y:1", "y:2", "y:3", "y:4", "y:5", "y:6")


def test_two_paths(tmp_path):
    probabilities = np.array([[[0.6, 0.1, 0.3], [0.1, 0.1, 0.8]], [[0.1, 0.7, 0.2], [0.1, 0.2, 0.7]]])
    scores = np.log(probabilities).astype(np.float32)
    options = {"beam_width": 10, "top_paths": 2, "merge_repeated": True}
    got = compute(
        tmp_path, "CTCBeamSearchDecoder", scores, np.int32([2, 2]), outputs=OUTPUTS, feeds=(0, 1), **options
    )
    first, second, labels, other, shape, wider, score = got
    # The first sample is 0 1 or 1, the second one nothing or 1.
    np.testing.assert_array_equal(first, [[0, 0], [0, 1]])
    np.testing.assert_array_equal(labels, [0, 1])
    np.testing.assert_array_equal(shape, [2, 2])
    np.testing.assert_array_equal(second, [[0, 0], [1, 0]])
    np.testing.assert_array_equal(other, [1, 1])
    np.testing.assert_array_equal(wider, [2, 1])
    one = [0.1 * 0.7 + 0.3 * 0.7 + 0.1 * 0.2, 0.1 * 0.2 + 0.8 * 0.2 + 0.1 * 0.7]
    assert_close(score, np.log(np.array([[0.6 * 0.7, one[0]], [0.8 * 0.7, one[1]]])))
