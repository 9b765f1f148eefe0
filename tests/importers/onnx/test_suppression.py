"""Non-maximum suppression against ONNX Runtime."""

import numpy as np
import pytest

from jaxdnn import JaxdnnError
from support.onnx_graphs import compute, one_op, run, runtime


def detections(seed, images=2, classes=3, boxes=20):
    rng = np.random.default_rng(seed)
    corners = rng.uniform(0, 10, (images, boxes, 2))
    sizes = rng.uniform(1, 4, (images, boxes, 2))
    scores = rng.uniform(0, 1, (images, classes, boxes)).astype(np.float32)
    return np.concatenate([corners, corners + sizes], -1).astype(np.float32), scores


def scalar(value, dtype=np.float32):
    return np.array([value], dtype)


def check(tmp_path, arrays, **attributes):
    made, fed = one_op("NonMaxSuppression", arrays, feeds=(0, 1), **attributes)
    path = tmp_path / "model.onnx"
    path.write_bytes(made.SerializeToString())
    (got,), (want,) = run(path, fed), runtime(made, fed)
    np.testing.assert_array_equal(got, want)
    return want


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("centers", [0, 1])
def test_suppression(tmp_path, seed, centers):
    boxes, scores = detections(seed)
    arrays = [boxes, scores, scalar(5, np.int64), scalar(0.3), scalar(0.4)]
    assert len(check(tmp_path, arrays, center_point_box=centers))


def test_corners_in_any_order_and_all_boxes(tmp_path):
    boxes, scores = detections(7)
    check(tmp_path, [boxes[..., [2, 1, 0, 3]], scores, scalar(2**40, np.int64), scalar(0.2)])
    check(
        tmp_path, [boxes, np.round(scores, 1), scalar(50, np.int64)]
    )  # equal scores; no overlap is tolerated


def test_without_a_number_nothing_is_kept(tmp_path):
    assert check(tmp_path, [*detections(0)]).shape == (0, 3)
    assert check(tmp_path, [*detections(0), None, scalar(0.5)]).shape == (0, 3)


def test_errors(tmp_path):
    boxes, scores = detections(0)
    with pytest.raises(JaxdnnError, match="boxes 2x20x4 and scores 2x20 do not fit"):
        compute(tmp_path, "NonMaxSuppression", boxes, scores[:, 0], scalar(3, np.int64))
    with pytest.raises(JaxdnnError, match="count must be at least 0, got -1"):
        compute(tmp_path, "NonMaxSuppression", boxes, scores, scalar(-1, np.int64))
