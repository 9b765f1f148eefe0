"""Detectors as ONNX files: rows from ONNX Runtime against OpenCV's, and for two pictures against ours."""

import numpy as np
import pytest

import jaxdnn
from support.onnx_runtime import assert_same, operators, properties, run
from support.shared import shared_folder

FOLDER = shared_folder()
pytestmark = pytest.mark.skipif(FOLDER is None, reason="needs the shared networks: set JAXDNN_SHARED")


@pytest.mark.parametrize("name", ["ssd_mobilenet_v1_odapi", "ssd_mobilenet_v1_odapi_unfused"])
def test_single_shot_detectors(name):
    stem = f"tensorflow/nets/{name}"
    ref = np.load(FOLDER / f"{stem}_opencv_ref.npz")
    net = jaxdnn.load(FOLDER / f"{stem}.pb", FOLDER / f"{stem}_opencv.pbtxt")
    (data,) = net.graph.required_inputs
    model = net.to_onnx()
    assert properties(model)["batch"] == "any"
    assert "NonMaxSuppression" in operators(model)
    assert not {"Loop", "If"} & operators(model)
    picture = ref["blob"].transpose(0, 2, 3, 1)
    got = run(model, {data: picture})["detection_out"].reshape(-1, 7)
    want = ref["detection_out"].reshape(-1, 7)
    np.testing.assert_allclose(got, want[: len(got)], rtol=0, atol=1e-4)
    assert not want[len(got) :].any()
    pictures = np.concatenate([picture, picture[:, ::-1]])
    assert_same(run(model, {data: pictures}), net({data: pictures}))


def test_the_object_detection_api_keeps_its_outputs():
    net = jaxdnn.load(FOLDER / "tensorflow/nets/ssd_mobilenet_v1_odapi.pb")
    (data,) = net.graph.required_inputs
    pictures = np.random.default_rng(0).integers(0, 256, (1, 96, 96, 3)).astype(np.uint8)
    model = net.to_onnx(input_shapes={data: pictures.shape})
    assert "NonMaxSuppression" in operators(model)
    assert_same(run(model, {data: pictures}), net({data: pictures}))
