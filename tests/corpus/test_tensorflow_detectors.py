"""Detectors with OpenCV's text graphs, against OpenCV's detections."""

import numpy as np
import pytest

import jaxdnn
from support.shared import shared_folder

FOLDER = shared_folder()


def check(binary, text, blob, want) -> None:
    """Compare row for row; OpenCV fills up with zeros."""
    net = jaxdnn.load(FOLDER / binary, FOLDER / text)
    assert net.graph.outputs == ("detection_out",)
    got = np.asarray(net(blob.transpose(0, 2, 3, 1))["detection_out"]).reshape(-1, 7)
    want = want.reshape(-1, 7)
    np.testing.assert_allclose(got, want[: len(got)], rtol=0, atol=1e-5)
    assert not want[len(got) :].any()


@pytest.mark.skipif(FOLDER is None, reason="needs the shared networks: set JAXDNN_SHARED")
class TestDetectors:
    def test_faces(self):
        ref = np.load(FOLDER / "refs/tf__face_detector__opencv_face_detector.npz")
        name = "tf/face_detector/opencv_face_detector"
        check(f"{name}_uint8.pb", f"{name}.pbtxt", ref["input"], ref["out:detection_out"])

    @pytest.mark.parametrize("name", ["ssd_mobilenet_v1_odapi", "ssd_mobilenet_v1_odapi_unfused"])
    def test_single_shot_detectors(self, name):
        ref = np.load(FOLDER / f"tensorflow/nets/{name}_opencv_ref.npz")
        stem = f"tensorflow/nets/{name}"
        check(f"{stem}.pb", f"{stem}_opencv.pbtxt", ref["blob"], ref["detection_out"])
