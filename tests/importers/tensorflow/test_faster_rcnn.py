"""Text graphs of detectors of two stages: written from a small frozen one, read again, against OpenCV's detections."""

from dataclasses import replace

import cv2
import jax
import numpy as np
import pytest

import jaxdnn
from jaxdnn.importers.tensorflow.textgraphs import text_graph
from support.faster_rcnn import Detector
from support.tensorflow import graph

MASKS = ("detection_out_final", "detection_masks")


def write(folder, detector):
    binary, config = detector.write(folder)
    written = text_graph(binary, config)
    (folder / "graph.pbtxt").write_text(written.text)
    return binary, str(folder / "graph.pbtxt"), written


def image(seed, height=56, width=72):
    return np.random.default_rng(seed).uniform(0, 255, (1, height, width, 3)).astype(np.float32)


def opencv(binary, text, x, names):
    net = cv2.dnn.readNetFromTensorflow(binary, text)
    net.setInput(x.transpose(0, 3, 1, 2))
    return dict(zip(names, net.forward(names), strict=True))


def detected(rows):
    """Return which rows are detections. OpenCV fills up with zeros, which its second stage takes for proposals."""
    rows = rows.reshape(-1, 7)
    return np.flatnonzero((rows[:, 5] > rows[:, 3]) & (rows[:, 6] > rows[:, 4]))


DETECTORS = [
    Detector(),
    Detector(classes=2, proposals=40, overlap=0.3, atrous=True, seed=1),
    # Fewer proposals than there is room for: OpenCV's empty rows must not take the place of detections.
    Detector(proposals=100, overlap=0.1, scales=(0.1, 0.3), mean=True, total=400, seed=4),
    Detector(classes=4, proposals=5, masks=True, atrous=True, seed=5),
    Detector(masks=True, mean=True, seed=6),
]


@pytest.mark.parametrize(
    "detector",
    [pytest.param(each, marks=[pytest.mark.long] * (index % 3 > 0)) for index, each in enumerate(DETECTORS)],
)
def test_the_detections_are_opencvs(tmp_path, detector):
    binary, text, _ = write(tmp_path, detector)
    x = image(detector.seed)
    names = ("detection_out", *MASKS[: 1 + detector.masks])
    want = opencv(binary, text, x, names)
    net = jaxdnn.load(binary, text)
    assert net.graph.outputs == names[1:]
    got = net(x, outputs=names)
    for name in names[:2]:
        rows = want[name].reshape(-1, 7)[detected(want[name])]
        assert len(rows)
        np.testing.assert_allclose(got[name].reshape(-1, 7), rows, rtol=0, atol=1e-5)
    if detector.masks:
        masks = want["detection_masks"][detected(want["detection_out_final"])]
        assert masks.shape[1:] == (detector.classes, 6, 6)
        np.testing.assert_allclose(got["detection_masks"], masks, rtol=0, atol=1e-4)


@pytest.mark.long
def test_more_room_for_proposals_changes_nothing(tmp_path):
    few = Detector(masks=True, overlap=0.01, proposals=60, seed=2)
    results = []
    for number in (60, 90):
        folder = tmp_path / str(number)
        folder.mkdir()
        binary, text, _ = write(folder, replace(few, proposals=number))
        net = jaxdnn.load(binary, text)
        results.append(net(image(2), outputs=("detection_out", *MASKS)))
        assert results[-1]["detection_out"].shape[2] < 60
    for name, value in results[0].items():
        np.testing.assert_allclose(value, results[1][name], rtol=0, atol=1e-6)


def test_inside_a_program_sizes_are_fixed(tmp_path):
    binary, text, _ = write(tmp_path, Detector(masks=True, overlap=0.01, proposals=60, seed=2))
    net = jaxdnn.load(binary, text)
    values = jax.jit(net.apply)(net.params, image(2))
    want = net(image(2))
    for name, axis in (("detection_out_final", 2), ("detection_masks", 0)):
        assert isinstance(values[name], jaxdnn.Padded)
        assert (values[name].shape[axis], values[name].axis) == (20, axis)
        np.testing.assert_allclose(values[name].trim(), want[name], rtol=0, atol=1e-6)


def test_where_nothing_is_detected_one_row_says_so(tmp_path):
    detector = Detector(masks=True)
    binary, config = detector.write(tmp_path)
    (tmp_path / "pipeline.config").write_text(detector.config.replace("0.05", "0.9999"))
    (tmp_path / "graph.pbtxt").write_text(text_graph(binary, config).text)
    got = jaxdnn.load(binary, tmp_path / "graph.pbtxt")(image(0))
    np.testing.assert_array_equal(got["detection_out_final"], [[[[0, -1, -1, -1, -1, -1, -1]]]])
    assert got["detection_masks"].shape == (1, 3, 6, 6)


def test_anchors_are_the_apis(tmp_path):
    """scale * sqrt(ratio) * 256 wide, around the corners of cells of 8 pixels, in float64."""
    detector = Detector(scales=(0.1, 0.2), ratios=(0.5, 2.0))
    binary, text, _ = write(tmp_path, detector)
    x = image(0, 40, 48)
    got = np.asarray(jaxdnn.load(binary, text)(x, outputs=["proposals"])["proposals"])[0, 0].reshape(
        5, 6, 4, 4
    )
    for k, (ratio, scale) in enumerate([(0.5, 0.1), (0.5, 0.2), (2.0, 0.1), (2.0, 0.2)]):
        half = 128 * scale * np.sqrt(ratio), 128 * scale / np.sqrt(ratio)
        for i in range(5):
            for j in range(6):
                corners = (8 * j - half[0], 8 * i - half[1], 8 * j + half[0], 8 * i + half[1])
                want = np.clip(np.array(corners) / (48, 40, 48, 40), 0, 1)
                np.testing.assert_allclose(got[i, j, k], want, atol=1e-6)


def test_what_prepares_pictures_and_decodes_boxes_is_left_out(tmp_path):
    written = write(tmp_path, Detector(masks=True))[2]
    assert (written.detector, written.outputs) == ("faster_rcnn", MASKS)
    for gone in ("Preprocessor/map", "Postprocessor", "Decode", "Assert", "Identity", "Shape", "Pack"):
        assert f'"{gone}' not in written.text
        assert f'/{gone}"' not in written.text


def test_a_batch_is_refused(tmp_path):
    binary, text, _ = write(tmp_path, Detector())
    with pytest.raises(jaxdnn.JaxdnnError, match=r"'CropAndResize@boxes'.*one image at a time"):
        jaxdnn.load(binary, text)(np.zeros((2, 48, 48, 3), np.float32))


@pytest.mark.parametrize(
    ("stated", "instead", "message"),
    [
        ("scales: 0.0625 scales: 0.125", "", "grid_anchor_generator must have scales and aspect_ratios"),
        ("scales: 0.125", "scales: -1", "grid_anchor_generator scales and aspect_ratios must be positive"),
        (
            "width_stride: 8",
            "width_stride: 8 width_offset: 3",
            "offsets must be the same share of the strides",
        ),
        ("height_stride: 8", "height_stride: 0", "strides, which must be positive"),
        ("num_classes: 3", "", "has no 'num_classes'"),
    ],
)
def test_what_no_text_graph_can_say(tmp_path, stated, instead, message):
    binary, config = Detector().write(tmp_path)
    (tmp_path / "pipeline.config").write_text(Detector().config.replace(stated, instead))
    with pytest.raises(jaxdnn.JaxdnnError, match=message):
        text_graph(binary, config)


@pytest.mark.parametrize(
    ("missing", "masks", "message"),
    [
        (b"CropAndResize", False, "'SecondStageBoxPredictor/Reshape_1'.*must depend on a CropAndResize"),
        (b"CropAndResize_1", True, "one node below 'SecondStageBoxPredictor' must yield the masks"),
    ],
)
def test_nodes_that_a_detector_must_have(tmp_path, missing, masks, message):
    detector = Detector(masks=masks)
    nodes = [
        node.replace(b"\x0dCropAndResize", b"\x0dCropAndRefine")
        if b"\n" + bytes([len(missing)]) + missing + b"\x12" in node
        else node
        for node in detector.nodes()
    ]
    (tmp_path / "frozen.pb").write_bytes(graph(*nodes))
    (tmp_path / "pipeline.config").write_text(detector.config)
    with pytest.raises(jaxdnn.JaxdnnError, match=message):
        text_graph(str(tmp_path / "frozen.pb"), str(tmp_path / "pipeline.config"))
