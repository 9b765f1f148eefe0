"""docs/migration.md: what OpenCV's side of each row yields, jaxdnn's side yields."""

import json
import re

import jax
import numpy as np
import pytest

import jaxdnn
from support import pages
from support.pages import run
from support.process import ROOT

PAGE = pages.page("migration.md")
CUSTOM = 'layer { name: "mine" type: "Mine" bottom: "data" top: "mine" }'


class Mine:
    """A custom layer as OpenCV takes it."""

    def __init__(self, params, blobs):
        pass

    def getMemoryShapes(self, inputs):
        return inputs

    def forward(self, inputs):
        return [2 * inputs[0]]


def same(opencv, ours):
    """Whether two results of the two libraries say the same: names, numbers, or sequences of such."""
    if isinstance(opencv, str):
        assert opencv == ours
    elif isinstance(opencv, tuple | list):
        assert len(opencv) == len(ours)
        for a, b in zip(opencv, ours, strict=True):
            same(a, b)
    else:
        opencv, ours = np.squeeze(np.asarray(opencv)), np.squeeze(np.asarray(ours))
        np.testing.assert_allclose(opencv, ours, rtol=1e-4, atol=1e-5)


@pytest.fixture
def names(folder):
    """What the rows of the migration page start from, in OpenCV and here."""
    import cv2

    image = cv2.imread("scene.png")
    left, top, right, bottom = json.loads((ROOT / "examples/digit_detector/scene.json").read_text())[0]["box"]
    digit = cv2.resize(image[top:bottom, left:right, 0], (16, 16))
    weight = np.random.default_rng(0).standard_normal((16, 1, 5, 5)).astype(np.float32) / 5
    (imports,) = (block for block in pages.blocks(PAGE, "python") if block.startswith("import"))
    shared = {
        **run(folder, imports, {}),
        "blob": cv2.dnn.blobFromImage(255 - digit, 1 / 255),
        "weight": weight,
        "image": image,
        "Mine": Mine,
    }
    return shared | {"jax": jax, "net": jaxdnn.load("net.prototxt", "net.caffemodel")}


def opencv_names(names):
    """Names with OpenCV's net: a new one, since that remembers what it was asked."""
    return names | {"net": names["cv2"].dnn.readNet("net.caffemodel", "net.prototxt")}


def test_rows(folder, names):
    tables = [row for row in pages.rows(PAGE) if len(row) == 2]
    compared = 0
    for theirs, ours in tables:
        if "Mine" in theirs[0] or "setPreferable" in theirs[0]:
            continue
        old, new = run(folder, theirs[0], opencv_names(names)), run(folder, ours[0], names)
        if theirs[0].startswith("net ="):
            same(old["net"].getLayerNames(), tuple(new["net"].graph.layer_names))
        else:
            name = "image" if theirs[0].startswith("image") else "result"
            same(old[name], new[name])
        for also in theirs[1:]:
            same(old["result"], run(folder, also, opencv_names(names))["result"])
        compared += 1
    assert compared >= 14


def test_devices(folder, names):
    ((theirs, ours),) = (row for row in pages.rows(PAGE) if "setPreferableBackend" in row[0][0])
    for code in theirs:
        run(folder, code, opencv_names(names))
    net = run(folder, ours[0], names)["result"]
    assert net.params["fc"]["weight"].device.platform == "cpu"


def test_custom_layers(folder, names):
    (register, unregister) = (row for row in pages.rows(PAGE) if "Mine" in row[0][0])
    shape = "1 dim: 1 dim: 16 dim: 16"
    data = f'layer {{ name: "data" type: "Input" top: "data" input_param {{ shape {{ dim: {shape} }} }} }}'
    (folder / "custom.prototxt").write_text(data + CUSTOM)
    old = 'net = cv2.dnn.readNet("custom.prototxt"); net.setInput(blob); net.forward()'
    new = 'jaxdnn.load("custom.prototxt")(blob)["mine"]'
    for code in (register[0][0], register[1][0]):
        run(folder, code, names)
    try:
        same(run(folder, old, names)["result"], 2 * names["blob"])
        same(run(folder, new, names)["result"], 2 * names["blob"])
    finally:
        for code in (unregister[0][0], unregister[1][0]):
            run(folder, code, names)
    with pytest.raises(names["cv2"].error):
        run(folder, old, names)
    with pytest.raises(jaxdnn.UnsupportedLayerError):
        run(folder, new, names)


def test_detections(folder, names):
    theirs, ours = (block for block in pages.blocks(PAGE, "python") if block.startswith("# "))
    blob = names["cv2"].dnn.blobFromImage(names["image"][..., :1], 1 / 255, (256, 192))
    old, new = (run(folder, code, names | {"blob": blob}) for code in (theirs, ours))
    assert len(old["kept"]) == len(new["scores"]) > 5
    corners = np.array(old["corners"])[old["kept"]]
    corners[:, 2:] += corners[:, :2]
    np.testing.assert_allclose(corners, new["boxes"], atol=1e-4)
    np.testing.assert_allclose(old["scores"][old["kept"]], new["scores"], atol=1e-4)
    np.testing.assert_array_equal(old["classes"][old["kept"]], new["classes"])


def test_what_differs(folder, names):
    """The numbers are near each other, as the third column says."""
    found = {}
    for theirs, ours, _ in (row for row in pages.rows(PAGE) if len(row) == 3):
        old, new = run(folder, theirs[0], opencv_names(names)), run(folder, ours[0], names)
        found[re.search(r"net\.(\w+)\([^;]*$", theirs[0])[1]] = old["result"], new["result"]
    assert list(found) == ["getFLOPS", "getMemoryConsumption", "dump", "quantize"]
    flops, ours = found["getFLOPS"]
    assert abs(flops - ours) < 0.05 * flops
    (weights, values), ours = found["getMemoryConsumption"]
    assert (weights, values - names["blob"].nbytes) == ours
    assert all("conv1" in text and "score" in text for text in found["dump"])
    old, (new, report) = found["quantize"]
    old.setInput(names["blob"])
    np.testing.assert_allclose(old.forward(), new(names["blob"])["prob"], atol=0.05)
    assert "conv1" in str(report)
