"""Trained Caffe networks against stored outputs of the real programs."""

import json

import numpy as np
import pytest

import jaxdnn
from support.shared import shared_folder

MODELS = shared_folder()
MANIFEST = json.loads((MODELS / "manifest.json").read_text()) if MODELS else {}
CAFFE = sorted(name for name, entry in MANIFEST.items() if name.startswith("caffe/") and "ref" in entry)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(MODELS is None, reason="needs the shared networks: set JAXDNN_SHARED"),
]


@pytest.mark.parametrize("name", CAFFE)
def test_network(name):
    entry = MANIFEST[name]
    net = jaxdnn.load(MODELS / name, MODELS / entry["weights"])
    with np.load(MODELS / entry["ref"]) as reference:
        got = net(reference["input"], outputs=list(entry["outputs"]))
        for output in entry["outputs"]:
            want = reference[f"out:{output}"]
            value = np.asarray(got[output])
            if output.startswith("detection"):
                compare_detections(value, want)
            else:
                assert value.shape == want.shape
                np.testing.assert_allclose(value, want, rtol=0, atol=1e-4 * np.abs(want).max())


def compare_detections(got, want):
    """OpenCV sorts rows by score over all classes and fills up with zeros; Caffe groups them by class."""
    got, want = got.reshape(-1, 7), want.reshape(-1, 7)
    want = want[want[:, 2] > 0]
    order = np.lexsort((-got[:, 2], got[:, 0]))
    got, want = got[order], want[np.lexsort((-want[:, 2], want[:, 0]))]
    assert got.shape == want.shape
    np.testing.assert_array_equal(got[:, :2], want[:, :2])
    np.testing.assert_allclose(got[:, 2:], want[:, 2:], rtol=0, atol=1e-4)


def test_upsample_fork_against_its_darknet_twin():
    """OpenCV cannot build this one's Upsample; darknet's yolo layers hold the logistic of the same maps."""
    folder = MODELS / "caffe" / "mbv2-yolov3-nano"
    stem = "MobileNetV2-YOLOv3-Nano-voc"
    net = jaxdnn.load(folder / f"{stem}.prototxt", folder / f"{stem}.caffemodel")
    with np.load(MODELS / "refs" / f"darknet__{stem}.npz") as reference:
        x = reference["input"]
    got = net(x, outputs=["layer69-conv", "layer79-conv"])
    with np.load(MODELS / "refs" / f"darknet-oracle__{stem}.npz") as reference:
        for layer, stretch in (("69", 1.1), ("79", 1.05)):
            want = reference[f"{layer}_yolo"].reshape(3, 25, -1)
            raw = np.asarray(got[f"layer{layer}-conv"], np.float64).reshape(want.shape)
            logistic = [0, 1, *range(4, 25)]
            raw[:, logistic] = 1 / (1 + np.exp(-raw[:, logistic]))
            raw[:, :2] = raw[:, :2] * stretch - (stretch - 1) / 2
            np.testing.assert_allclose(raw, want, rtol=0, atol=1e-4 * np.abs(want).max())
