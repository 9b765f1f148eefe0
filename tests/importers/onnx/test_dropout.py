"""Dropout does nothing in inference."""

import numpy as np
import pytest

from jaxdnn import JaxdnnWarning
from support.onnx_graphs import compute

X = np.arange(6, dtype=np.float32).reshape(2, 3)


@pytest.mark.parametrize(
    ("opset", "options", "dtype"),
    [(6, {"is_test": 1}, bool), (7, {"ratio": 0.3}, "float32"), (10, {}, bool), (22, {}, bool)],
)
def test_the_input_and_a_mask_that_keeps_everything(tmp_path, opset, options, dtype):
    y, mask = compute(tmp_path, "Dropout", X, outputs=2, opset=opset, **options)
    np.testing.assert_array_equal(y, X)
    np.testing.assert_array_equal(mask, np.ones((2, 3)))
    if opset >= 7:
        assert mask.dtype == dtype
    np.testing.assert_array_equal(compute(tmp_path, "Dropout", X, opset=opset, **options), X)


def test_training_is_reported(tmp_path):
    rate, training = np.array(0.5, np.float32), np.array(True)
    with pytest.warns(
        JaxdnnWarning, match="it is set to training, and is imported for inference: nothing is dropped"
    ):
        np.testing.assert_array_equal(compute(tmp_path, "Dropout", X, rate, training), X)
    np.testing.assert_array_equal(compute(tmp_path, "Dropout", X, np.array(0, np.float32), training), X)
    with pytest.warns(JaxdnnWarning, match="is imported for inference"):
        compute(tmp_path, "Dropout", X, opset=6, is_test=0)
