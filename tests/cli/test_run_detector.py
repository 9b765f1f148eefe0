"""``jaxdnn run`` on a YOLO detector whose answers are known."""

import numpy as np
import pytest
from PIL import Image

from jaxdnn.image import read_image
from support import darknet

CFG = (
    darknet.picture(8, 8)
    + """
[convolutional]
filters=7
size=4
stride=4
activation=linear
[yolo]
mask=0
anchors=4,4, 8,8
num=2
classes=2
[route]
layers=-2
[yolo]
mask=1
anchors=4,4, 8,8
num=2
classes=2
"""
)
NAME = "yolo_1+yolo_3"


@pytest.fixture
def detector(tmp_path):
    """Of the four cells, those that are red hold a dog: in the cell, and in a box twice as large."""
    weight, bias = np.zeros((7, 3, 4, 4), np.float32), np.array([0, 0, 0, 0, -20, -20, 20], np.float32)
    weight[4, 0] = 40 / 16
    return darknet.write(tmp_path, CFG, darknet.weights([bias, weight]))


@pytest.fixture
def pictures(tmp_path):
    """Two pictures, 16 x 8: red in the right upper quarter, and in the left lower one."""
    paths = []
    for index, (x, y) in enumerate([(8, 0), (0, 4)]):
        pixels = np.zeros((8, 16, 3), np.uint8)
        pixels[y : y + 4, x : x + 8, 0] = 255
        paths.append(str(tmp_path / f"{index}.png"))
        Image.fromarray(pixels).save(paths[-1])
    return paths


def objects(result, index=0):
    [output] = result.json()["pictures"][index]["outputs"].values()
    assert output["kind"] == "detections"
    return [(entry["class"], round(entry["score"], 3), *entry["box"]) for entry in output["objects"]]


def test_the_heads_are_read_together(jaxdnn_command, detector, pictures):
    result = jaxdnn_command("run", *detector, *pictures, "--json", "--batch", 2)
    assert objects(result, 0) == [(1, 1, 8, 0, 16, 4), (1, 1, 4, -2, 20, 6)]
    assert objects(result, 1) == [(1, 1, 0, 4, 8, 8), (1, 1, -4, 2, 12, 10)]
    assert list(result.json()["pictures"][0]["outputs"]) == [NAME]


def test_what_darknets_networks_see_by_default(jaxdnn_command, detector, pictures):
    result = jaxdnn_command("run", *detector, pictures[0], "--json")
    assert result.json()["preprocessing"] == {
        "input": "data",
        "layout": "NCHW",
        "size": [8, 8],
        "channels": "rgb",
        "mean": [0],
        "scale": [1 / 255],
        "mode": "stretch",
        "resize": "darknet",
    }


def test_options(jaxdnn_command, detector, pictures):
    def found(*options):
        return objects(jaxdnn_command("run", *detector, pictures[0], "--json", *options))

    assert found("--nms", 0.2) == [(1, 1, 8, 0, 16, 4)]
    assert found("--no-swap-rb") == []
    assert found("--resize", "opencv") == found()
    assert found("--output", "yolo_3") == found()[1:]
    assert found("--threshold", 1) == []


def test_a_letterbox_has_grey_borders_and_boxes_find_their_way_back(jaxdnn_command, detector, pictures):
    arguments = ("run", *detector, pictures[0], "--letterbox", "--json", "--nms", 0.2)
    assert objects(jaxdnn_command(*arguments)) == [(1, 1, 8, -4, 16, 4)]
    black = jaxdnn_command(*arguments, "--resize", "opencv")
    assert objects(black) == [(1, 0.5, 8, -4, 16, 4)]


def test_the_cfg_can_ask_for_a_letterbox(jaxdnn_command, detector, pictures, tmp_path):
    (tmp_path / "net.cfg").write_text(CFG.replace("channels=3", "channels=3\nletter_box=1"))
    result = jaxdnn_command("run", *detector, pictures[0], "--json")
    assert result.json()["preprocessing"]["mode"] == "letterbox"
    result = jaxdnn_command("run", *detector, pictures[0], "--json", "--stretch")
    assert result.json()["preprocessing"]["mode"] == "stretch"


def test_table_and_drawing(jaxdnn_command, detector, pictures, tmp_path):
    (tmp_path / "two.names").write_text("cat\ndog\n")
    result = jaxdnn_command(
        "run", *detector, pictures[0], "--labels", tmp_path / "two.names", "--draw", tmp_path / "out.png"
    )
    assert result.out.startswith("data: 8x8 rgb, stretch (darknet), (picture - 0) * 0.00392157\n")
    assert [line.split() for line in result.out.splitlines()[-2:]] == [
        ["dog", "1", "8", "0", "16", "4"],
        ["dog", "1", "4", "-2", "20", "6"],
    ]
    drawn = read_image(tmp_path / "out.png")
    assert drawn.shape == (320, 640, 3)
    assert drawn[80, 320].any()
    assert not drawn[300, 400].any()


def test_the_predictions_themselves_are_numbers(jaxdnn_command, detector, pictures):
    result = jaxdnn_command("run", *detector, pictures[0], "--json", "--output", "yolo_1/raw")
    [output] = result.json()["pictures"][0]["outputs"].values()
    assert output["kind"] == "numbers"
    assert output["shape"] == [1, 7, 2, 2]
