"""``jaxdnn run`` on nets whose answers are known."""

import numpy as np
import pytest

import jaxdnn
from jaxdnn.image import read_image
from support import averages, caffe, tensorflow


def values(result, index=0):
    [output] = result.json()["pictures"][index]["outputs"].values()
    return output["values"]


@pytest.mark.parametrize(
    ("options", "want"),
    [
        ([], [0, 128, 255]),
        (["--swap-rb"], [255, 128, 0]),
        (["--mean", "28"], [-28, 100, 227]),
        (["--mean", "0,28,55", "--scale", "0.5"], [0, 50, 100]),
        (["--scale", "1,2,3"], [0, 256, 765]),
        (["--size", "4x4", "--crop"], [0, 128, 255]),
        (["--letterbox"], [0, 128 * 3 / 4, 255 * 3 / 4]),
    ],
)
def test_preprocessing(jaxdnn_command, net, pictures, options, want):
    got = values(jaxdnn_command("run", *net, pictures[0], "--json", *options))
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)


def test_several_pictures_alone_and_in_a_batch(jaxdnn_command, net, pictures):
    one_by_one = jaxdnn_command("run", *net, *pictures, "--json").json()
    assert one_by_one == jaxdnn_command("run", *net, *pictures, "--json", "--batch", 2).json()
    assert [entry["file"] for entry in one_by_one["pictures"]] == pictures
    assert [entry["size"] for entry in one_by_one["pictures"]] == [[8, 6], [4, 4]]
    assert [e["outputs"]["fc"]["values"] for e in one_by_one["pictures"]] == [[0, 128, 255], [128, 128, 0]]


def test_numbers_table(jaxdnn_command, net, pictures):
    result = jaxdnn_command("run", *net, pictures[0])
    assert result.code == 0
    assert result.out.startswith("data: 4x4 bgr, stretch (opencv), (picture - 0) * 1\n\n")
    assert "orange.png (8x6)" in result.out
    assert "1x3x1x1     0   255   127.7   0 128 255" in result.out
    assert result.err == ""


def test_labels_make_a_classification(jaxdnn_command, net, pictures, tmp_path):
    (tmp_path / "labels.txt").write_text("n01440764 blue, azure\nn01443537 green\nn01484850 red\n")
    arguments = ("run", *net, pictures[0], "--labels", tmp_path / "labels.txt")
    [output] = jaxdnn_command(*arguments, "--json", "--top", 2).json()["pictures"][0]["outputs"].values()
    assert output == {
        "kind": "classification",
        "classes": [
            {"class": 2, "label": "red", "score": 255},
            {"class": 1, "label": "green", "score": 128},
        ],
    }
    lines = jaxdnn_command(*arguments).out.splitlines()
    assert [line.split() for line in lines[-3:]] == [
        ["red", "255"],
        ["green", "128"],
        ["blue,", "azure", "0"],
    ]


def test_a_distribution_is_a_classification(jaxdnn_command, net, pictures):
    output = jaxdnn_command("run", *net, pictures[0], "--json", "--scale", 1 / 383)
    classes = output.json()["pictures"][0]["outputs"]["fc"]["classes"]
    assert [entry["label"] for entry in classes] == ["2", "1", "0"]


def test_the_files_own_preprocessing_is_the_default(jaxdnn_command, tmp_path, pictures):
    data = """layer { name: "d" type: "Data" top: "data" top: "label" transform_param {
      crop_size: 4 scale: 0.5 mean_value: 0 mean_value: 28 mean_value: 55 mean_file: "m.binaryproto" } }"""
    net = caffe.write(tmp_path, data + averages.LAYER, averages.WEIGHTS)
    result = jaxdnn_command("run", *net, pictures[0], "--json")
    np.testing.assert_allclose(values(result), [0, 50, 100], rtol=1e-5)
    result = jaxdnn_command("run", *net, pictures[0], "--json", "--mean", "0", "--scale", "1")
    np.testing.assert_allclose(values(result), [0, 128, 255], rtol=1e-5)


def test_a_mean_file_is_mentioned(jaxdnn_command, tmp_path, pictures):
    data = """layer { name: "d" type: "Data" top: "data" transform_param {
      crop_size: 4 mean_file: "m.binaryproto" } }"""
    net = caffe.write(tmp_path, data + averages.LAYER, averages.WEIGHTS)
    assert "give --mean" in jaxdnn_command("run", *net, pictures[0]).err
    assert jaxdnn_command("run", *net, pictures[0], "--mean", "1").err == ""


def test_chosen_outputs(jaxdnn_command, tmp_path, pictures):
    text = averages.PROTOTXT + 'layer { name: "r" type: "ReLU" bottom: "fc" top: "r" }'
    net = caffe.write(tmp_path, text, averages.WEIGHTS)
    result = jaxdnn_command("run", *net, pictures[0], "--json", "--output", "fc", "--output", "r")
    assert list(result.json()["pictures"][0]["outputs"]) == ["fc", "r"]
    result = jaxdnn_command("run", *net, pictures[0], "--output", "nonsense")
    assert result.code == 2
    assert "is called 'nonsense'" in result.err


def test_gray_input(jaxdnn_command, tmp_path, pictures):
    text = (
        caffe.inputs(data=(1, 1, 2, 2))
        + """layer { name: "fc" type: "Convolution" bottom: "data"
      top: "fc" convolution_param { num_output: 1 kernel_size: 2 bias_term: false } }"""
    )
    net = caffe.write(tmp_path, text, {"fc": [np.full((1, 1, 2, 2), 0.25, np.float32)]})
    result = jaxdnn_command("run", *net, pictures[0], "--json")
    assert values(result) == [round(0.299 * 255 + 0.587 * 128)]
    assert result.json()["preprocessing"]["channels"] == "gray"


def info_net(folder, shape):
    text = averages.PROTOTXT + caffe.inputs(im_info=shape)
    layer = 'layer { name: "info" type: "ReLU" bottom: "im_info" top: "info" }'
    return caffe.write(folder, text + layer, averages.WEIGHTS)


def test_im_info_is_filled(jaxdnn_command, tmp_path, pictures):
    net = info_net(tmp_path, (1, 3))
    result = jaxdnn_command("run", *net, pictures[0], "--size", "16x12", "--output", "info", "--json")
    assert values(result) == [12, 16, 2]


def test_inputs_that_are_not_pictures(jaxdnn_command, tmp_path, pictures):
    result = jaxdnn_command("run", *info_net(tmp_path, (1, 5)), pictures[0])
    assert result.code == 2
    assert "input 'im_info' (float32[1, 5])" in result.err
    result = jaxdnn_command("run", *info_net(tmp_path, (1, 3, 2, 2)), pictures[0])
    assert "2 inputs that take pictures, not one" in result.err


@pytest.fixture
def detector(tmp_path):
    """A net that always finds the same: a cat left in picture 0, a dog left in picture 1, and noise."""
    rows = []
    for index in range(2):
        rows.append([index, index + 1, 0.5, 0, 0, 0.5, 1])
        rows.append([index, 3, 0.9, 0.25, 0.5, 1, 1])
        rows.append([index, 4, 0.01, 0, 0, 1, 1])
        rows.append([index, -1, 1, 0, 0, 1, 1])
    layer = 'layer { name: "found" type: "Parameter" top: "found" parameter_param { shape {'
    text = averages.PROTOTXT + layer + " dim: 1 dim: 1 dim: 8 dim: 7 } } }"
    found = np.array(rows, np.float32).reshape(1, 1, 8, 7)
    return caffe.write(tmp_path, text, {**averages.WEIGHTS, "found": [found]})


def test_detections(jaxdnn_command, detector, pictures, tmp_path):
    (tmp_path / "map.prototxt").write_text(
        'item { name: "none" label: 0 }\n'
        'item { name: "n1" label: 1 display_name: "cat" }\n'
        'item { name: "dog" id: 2 }\n'
    )
    arguments = ("run", *detector, *pictures, "--output", "found", "--labels", tmp_path / "map.prototxt")
    for batch in (1, 2):
        got = jaxdnn_command(*arguments, "--json", "--batch", batch).json()["pictures"]
        second = 1 if batch == 1 else 2
        assert got[0]["outputs"]["found"]["objects"] == [
            {"class": 3, "label": "3", "score": pytest.approx(0.9), "box": [2, 3, 8, 6]},
            {"class": 1, "label": "cat", "score": 0.5, "box": [0, 0, 4, 6]},
        ]
        assert got[1]["outputs"]["found"]["objects"][1] == {
            "class": second,
            "label": ["", "cat", "dog"][second],
            "score": 0.5,
            "box": [0, 0, 2, 4],
        }
    lines = jaxdnn_command(*arguments, "--batch", 2).out.splitlines()
    assert [line.split() for line in lines[5:8]] == [
        ["─" * len(lines[5])],
        ["3", "0.9", "2", "3", "8", "6"],
        ["cat", "0.5", "0", "0", "4", "6"],
    ]


def test_threshold(jaxdnn_command, detector, pictures):
    result = jaxdnn_command("run", *detector, pictures[0], "--threshold", 0.95)
    assert "none" in result.out
    result = jaxdnn_command("run", *detector, pictures[0], "--threshold", 0, "--json")
    assert len(result.json()["pictures"][0]["outputs"]["found"]["objects"]) == 3


def test_drawing(jaxdnn_command, detector, pictures, tmp_path):
    one = tmp_path / "one.png"
    assert jaxdnn_command("run", *detector, pictures[0], "--draw", one).code == 0
    drawn = read_image(one)
    assert drawn.shape == (54 * 6, 54 * 8, 3)
    assert (drawn[150:250, 0] != drawn[150, 60]).any(axis=1).all()
    assert jaxdnn_command("run", *detector, *pictures, "--draw", tmp_path / "all").code == 0
    np.testing.assert_array_equal(read_image(tmp_path / "all" / "orange.png"), drawn)
    assert read_image(tmp_path / "all" / "teal.png").shape == (320, 320, 3)


def test_drawing_where_one_cannot(jaxdnn_command, detector, pictures, tmp_path):
    result = jaxdnn_command("run", *detector, pictures[0], "--draw", tmp_path / "no" / "out.png")
    assert (result.code, result.err.count("\n")) == (2, 1)
    result = jaxdnn_command("run", *detector, *pictures, "--draw", pictures[0])
    assert result.code == 2
    assert "cannot be made a folder" in result.err


def test_the_best_class_is_a_caption(jaxdnn_command, net, pictures, tmp_path):
    out = tmp_path / "out.png"
    assert jaxdnn_command("run", *net, pictures[1], "--scale", 1 / 256, "--draw", out).code == 0
    drawn = read_image(out)
    assert (drawn[5, 5] != drawn[-1, -1]).any()


def test_an_output_that_no_batch_axis_leads(jaxdnn_command, tmp_path, pictures):
    text = (
        averages.PROTOTXT
        + """layer { name: "p" type: "Parameter" top: "p" parameter_param { shape { dim: 5 } } }"""
    )
    net = caffe.write(tmp_path, text, {**averages.WEIGHTS, "p": [np.arange(5, dtype=np.float32)]})
    assert jaxdnn_command("run", *net, *pictures).code == 0
    result = jaxdnn_command("run", *net, *pictures, "--batch", 2)
    assert result.code == 2
    assert "output 'p' of shape (5,) has no part for each of 2 pictures" in result.err


def test_numbers_that_json_cannot_say(jaxdnn_command, tmp_path, pictures):
    weights = {"fc": [np.full((3, 3, 4, 4), 1e36, np.float32)]}
    net = caffe.write(tmp_path, averages.PROTOTXT, weights)
    result = jaxdnn_command("run", *net, pictures[0], "--json").json()
    assert result["pictures"][0]["outputs"]["fc"]["max"] is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["missing.png"], "missing.png: the picture cannot be read: No such file or directory"),
        (["orange.png", "--mean", "x"], "'x' is not a number"),
        (["orange.png", "--mean", "1,2"], "mean has 2 values for 3 channels"),
        (["orange.png", "--size", "0x5"], "'0x5' is not a size like 300 or 320x240"),
        (["orange.png", "--size", "2"], "the kernel 4x4 is larger than the padded input 2x2"),
        (["orange.png", "--labels", "none.txt"], "none.txt: cannot be read"),
        (["orange.png", "--batch", "0"], "0 is not in the range"),
        ([], "Missing argument 'IMAGES...'"),
    ],
)
def test_errors(jaxdnn_command, net, pictures, tmp_path, monkeypatch, arguments, message):
    del pictures
    monkeypatch.chdir(tmp_path)
    result = jaxdnn_command("run", *net, *arguments)
    assert result.code == 2
    assert message in result.err
    assert "Traceback" not in result.err


def test_a_model_in_one_file(jaxdnn_command, net, pictures, tmp_path):
    jaxdnn.load(*net).to_onnx(tmp_path / "net.onnx")
    got = jaxdnn_command("run", tmp_path / "net.onnx", *pictures, "--json")
    assert (values(got), values(got, 1)) == ([0, 128, 255], [128, 128, 0])


def test_channels_last(jaxdnn_command, pictures, tmp_path):
    nodes = (
        tensorflow.placeholder("picture", [None, 4, 4, 3]),
        tensorflow.const("axes", np.array([1, 2], np.int32)),
        tensorflow.node("mean", "Mean", "picture", "axes"),
    )
    result = jaxdnn_command("run", tensorflow.write(tmp_path, *nodes), *pictures, "--json", "--swap-rb")
    assert result.json()["preprocessing"]["layout"] == "NHWC"
    assert (values(result), values(result, 1)) == ([255, 128, 0], [0, 128, 128])


def test_a_model_without_pictures(jaxdnn_command, net):
    result = jaxdnn_command("run", *net)
    assert result.code == 2
    assert "Missing argument 'IMAGES...'" in result.err
