"""The heads of detectors: their boxes, their raw predictions, and OpenCV's view of both."""

import numpy as np
import pytest

import jaxdnn
from jaxdnn import LayerError, ShapeError
from jaxdnn.importers.darknet import save_weights
from jaxdnn.importers.darknet.tree import read_tree
from support.darknet import load, opencv, picture, randomized
from support.layer import assert_close

CLASSES = 3
ANCHORS = "anchors = 1,2,  3,4,  5,6, 7,8\nnum=4\nclasses=3\n"
PREDICT = f"[convolutional]\nfilters={2 * (5 + CLASSES)}\nsize=1\nactivation=linear\n"
YOLO = f"[yolo]\nmask = 1,3\n{ANCHORS}"


def draw(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


@pytest.mark.parametrize("batch", [1, 2, 3])
@pytest.mark.parametrize(
    "options",
    ["", "scale_x_y=1.2\nthresh=0.3\nbeta_nms=0.6\nnms_kind=greedynms\n", "new_coords=1\nscale_x_y=2.0\n"],
)
def test_rows_as_opencv_computes_them(tmp_path, options, batch):
    predict = PREDICT.replace("linear", "logistic") if "new_coords" in options else PREDICT
    save_weights(randomized(tmp_path, picture(6, 4, 2) + predict + YOLO + options), tmp_path / "w")
    paths = [str(tmp_path / "net.cfg"), str(tmp_path / "w")]
    x = draw(batch, 2, 4, 6)
    (want,) = opencv(paths, x, ["yolo_1"])
    got = np.asarray(jaxdnn.load(*paths, compat="opencv")(x)["yolo_1"])
    assert got.shape == (batch, 4 * 6 * 2, 5 + CLASSES)
    assert_close(got, want.reshape(got.shape))
    assert (got[..., 5:] == 0).any()


def test_region_as_opencv_computes_it(tmp_path):
    cfg = picture(6, 4, 2) + PREDICT + "[region]\nanchors=1,2,3,4\nnum=2\nclasses=3\nsoftmax=1\nthresh=.2\n"
    save_weights(randomized(tmp_path, cfg), tmp_path / "w")
    paths = [str(tmp_path / "net.cfg"), str(tmp_path / "w")]
    x = draw(1, 2, 4, 6)
    (want,) = opencv(paths, x, ["detection_out"])
    got = np.asarray(jaxdnn.load(*paths, compat="opencv")(x)["detection_out"])[0]
    assert_close(got[:, :5], want[:, :5])
    # OpenCV suppresses overlapping boxes in this layer already.
    kept = want[:, 5:] > 0
    assert kept.any()
    assert_close(got[:, 5:][kept], want[:, 5:][kept])
    assert ((got[:, 5:] == 0) | (got[:, 5:] > 0.2)).all()


def test_raw_predictions_of_yolo(tmp_path):
    net = load(tmp_path, picture(3, 2, 16) + YOLO + "scale_x_y=1.1\n", [])
    x = draw(2, 16, 2, 3)
    want = x.reshape(2, 2, 8, 2, 3).astype(np.float64)
    want[:, :, :2] = sigmoid(want[:, :, :2]) * 1.1 - 0.05
    want[:, :, 4:] = sigmoid(want[:, :, 4:])
    assert_close(np.asarray(net(x, outputs=["yolo_0/raw"])["yolo_0/raw"]), want.reshape(x.shape))


def test_anchors_are_in_pixels_of_the_picture_that_is_fed(tmp_path):
    """The picture of a call may be larger than the cfg's; a box keeps its size in pixels."""
    net = load(tmp_path, picture(6, 4, 16) + YOLO, [])
    x = draw(1, 16, 4, 6)
    small = np.asarray(net(x)["yolo_0"])[0, 0, 2:4] * (6, 4)
    wide = np.tile(x, (1, 1, 1, 2))
    large = np.asarray(net(wide)["yolo_0"])[0, 0, 2:4] * (12, 4)
    assert_close(small, np.exp(x[0, 2:4, 0, 0]) * (3, 4))
    assert_close(large, small)


def test_gaussian_yolo(tmp_path):
    head = YOLO.replace("[yolo]", "[Gaussian_yolo]") + "yolo_point=left_top\n"
    net = load(tmp_path, picture(3, 2, 24) + head, [])
    x = draw(1, 24, 2, 3)
    values = x[0, 12:, 1, 2].astype(np.float64)
    size = np.exp(values[[4, 6]]) * (7, 8) / (3, 2)
    centre = np.add(sigmoid(values[[0, 2]]), (2, 1)) / (3, 2) + size / 2
    scores = sigmoid(values[8]) * sigmoid(values[9:]) * (1 - sigmoid(values[1:8:2]).mean())
    got = net(x, outputs=["Gaussian_yolo_0", "Gaussian_yolo_0/raw"])
    row = np.asarray(got["Gaussian_yolo_0"])[0, -1]
    assert_close(row, [*centre, *size, sigmoid(values[8]), *scores])
    raw = np.asarray(got["Gaussian_yolo_0/raw"])[0, 12:, 1, 2]
    assert_close(raw[[1, 4, 8]], [sigmoid(values[1]), values[4], sigmoid(values[8])])


def test_region_with_a_tree(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "my.tree").write_text("animal -1\nthing -1\ncat 0\n")
    head = "[region]\nanchors=1,2,3,4\nnum=2\nclasses=3\nsoftmax=1\ntree=data/my.tree\nmap=data/any.map\n"
    net = load(tmp_path, picture(3, 2, 16) + head, [])
    x = draw(1, 16, 2, 3)
    got = net(x, outputs=["detection_out", "region_0/raw", "region_0"])
    raw = np.asarray(got["region_0/raw"])
    assert raw.shape == (1, 2, 3, 2, 8)
    values = x[0, 8:, 1, 2].astype(np.float64)
    root = np.exp(values[5:7]) / np.exp(values[5:7]).sum()
    assert_close(raw[0, 1, 2, 1], [*values[:4], sigmoid(values[4]), *root, 1])
    size = np.exp(values[2:4]) * (3, 4) / (3, 2)
    centre = np.add(sigmoid(values[:2]), (2, 1)) / (3, 2)
    scores = sigmoid(values[4]) * np.array([*root, root[0]])
    assert_close(np.asarray(got["detection_out"])[0, -1], [*centre, *size, sigmoid(values[4]), *scores])
    np.testing.assert_array_equal(got["region_0"], got["detection_out"])


def test_a_tree_is_found_beside_the_cfg_or_above(tmp_path):
    (tmp_path / "cfg").mkdir()
    with pytest.raises(jaxdnn.FileError, match=r"tree 'data/9k.tree' that the cfg names is not found"):
        read_tree("data/9k.tree", str(tmp_path / "cfg"))
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "9k.tree").write_text("a -1\nb 0\n")
    assert read_tree("data/9k.tree", str(tmp_path / "cfg")) == (-1, 0)
    assert read_tree("data/9k.tree", str(tmp_path)) == (-1, 0)


@pytest.mark.parametrize("softmax", [0, 1])
def test_detection(tmp_path, softmax):
    options = f"side=2\nnum=3\nclasses=2\ncoords=4\nsqrt=1\nsoftmax={softmax}\nrescore=1\n"
    net = load(tmp_path, f"[net]\ninputs=68\n[detection]\n{options}", [])
    x = draw(2, 68)
    got = net(x, outputs=["detection_0", "detection_0/raw"])
    classes = x[1, 4:6].astype(np.float64)  # of cell 2
    if softmax:
        classes = np.exp(classes) / np.exp(classes).sum()
    objectness, box = x[1, 8 + 2 * 3 + 1], x[1, 20 + 4 * (2 * 3 + 1) :][:4].astype(np.float64)
    row = np.asarray(got["detection_0"])[1, 2 * 3 + 1]
    centre = np.add(box[:2], (0, 1)) / 2
    assert_close(row, [*centre, *(box[2:] ** 2), objectness, *(objectness * classes)])
    assert_close(np.asarray(got["detection_0/raw"])[1, 4:6], classes)
    np.testing.assert_array_equal(np.asarray(got["detection_0/raw"])[:, 8:], x[:, 8:])


@pytest.mark.parametrize(
    ("channels", "section", "error", "message"),
    [
        (15, YOLO, ShapeError, "2 anchors of 8 values need 16 channels, the layer before has 15"),
        (16, YOLO.replace("1,3", "1,4"), LayerError, "mask 4 is not one of 4 anchors"),
        (16, "[yolo]\nnum=0\n", LayerError, "num must be from 1 to 10000, got 0"),
        (16, "[region]\ncoords=5\n", LayerError, "coords must be 4, got 5"),
        (16, "[detection]\nclasses=2\ncoords=4\n", ShapeError, "49 cells need 343 inputs, the layer before"),
        (16, "[Gaussian_yolo]\nyolo_point=top\n", jaxdnn.ParseError, "yolo_point 'top' is unknown"),
    ],
)
def test_errors(tmp_path, channels, section, error, message):
    with pytest.raises(error, match=message):
        load(tmp_path, picture(3, 2, channels) + section)


@pytest.mark.parametrize(
    ("options", "power"),
    [
        ("", None),
        ("nms_kind=cornersnms\n", None),
        ("nms_kind=greedynms\nbeta_nms=0.4\n", 0.6),
        ("nms_kind=diounms\nbeta_nms=0.4\n", 0.4),
    ],
)
def test_the_cfg_states_its_kind_of_suppression(tmp_path, options, power):
    head = f"[yolo]\nmask=0\nanchors=1,2\nnum=1\nclasses=1\n{options}"
    assert load(tmp_path, picture(2, 2, 6) + head, []).source.distance_power == power
