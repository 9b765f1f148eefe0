"""``jaxdnn text-graph``."""

import pytest

import jaxdnn
from support.single_shot import efficientdet, single_shot
from support.tensorflow import graph

CONFIG = """model { ssd {
  num_classes: 3
  box_coder { faster_rcnn_box_coder {} }
  anchor_generator { ssd_anchor_generator { num_layers: 2 aspect_ratios: [1, 2, 0.5] } }
  image_resizer { fixed_shape_resizer { width: 32 height: 32 } }
  box_predictor { convolutional_box_predictor {} }
} }"""


@pytest.fixture
def ssd(tmp_path):
    """The paths of a detector, its configuration, and a text graph that is not there yet."""
    model, config = tmp_path / "ssd.pb", tmp_path / "pipeline.config"
    model.write_bytes(graph(*single_shot((32, 32), (3, 4), 3)))
    config.write_text(CONFIG)
    return model, config, tmp_path / "ssd.pbtxt"


def test_a_text_graph_is_written_and_loads(jaxdnn_command, ssd):
    model, config, path = ssd
    result = jaxdnn_command("text-graph", model, config, "-o", path)
    assert (result.code, result.err) == (0, "")
    assert result.out == f"{path}: ssd, 35 nodes, output detection_out; 28 nodes of ssd.pb left out\n"
    assert jaxdnn.load(model, path).graph.outputs == ("detection_out",)


def test_a_file_that_exists_is_kept_unless_forced(jaxdnn_command, ssd):
    model, config, path = ssd
    path.write_text("mine")
    result = jaxdnn_command("text-graph", model, config, "-o", path)
    assert result.code == 2
    assert f"{path}: the file exists: give --force to replace it" in result.err
    assert path.read_text() == "mine"
    assert jaxdnn_command("text-graph", "--force", model, config, "-o", path).code == 0
    assert path.read_text().startswith("node {\n")


def test_nothing_is_written_if_the_files_do_not_fit(jaxdnn_command, ssd):
    model, config, path = ssd
    config.write_text(CONFIG.replace("num_classes: 3", "num_classes: 9"))
    result = jaxdnn_command("text-graph", model, config, "-o", path)
    assert result.code == 2
    assert (
        f"{model}: layer 'BoxPredictor_0/ClassPredictor/BiasAdd' (BiasAdd): it predicts 12 values"
        in result.err
    )
    assert not path.exists()


def test_a_folder_that_is_not_there(jaxdnn_command, ssd):
    model, config, path = ssd
    result = jaxdnn_command("text-graph", model, config, "-o", path.parent / "missing" / "ssd.pbtxt")
    assert result.code == 2
    assert "ssd.pbtxt: cannot be written: No such file or directory" in result.err


def test_the_options_of_efficientdet(jaxdnn_command, tmp_path):
    model, path = tmp_path / "det.pb", tmp_path / "det.pbtxt"
    model.write_bytes(graph(*efficientdet((32, 48), stated=False, anchors=2)))
    options = ("--min-level", 4, "--num-scales", 1, "--anchor-scale", 3, "--aspect-ratios", "1,1,1.5,0.5")
    result = jaxdnn_command("text-graph", model, "-o", path, "--size", "32x48", *options)
    assert (result.code, result.err) == (0, "")
    assert f"{path}: efficientdet, " in result.out
    text = path.read_text()
    assert [text.count(f"float_val: {size}\n") for size in (48.0, 72.0, 24.0)] == [3, 1, 1]


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (("--aspect-ratios", "1,2,3"), "3 numbers are no pairs of width and height"),
        (("--size", "0"), "'0' is not a size like 300 or 320x240"),
        (("--num-scales", "0"), "0 is not in the range x>=1"),
        (("--anchor-scale", "-1"), "anchor_scale must be positive, got -1"),
    ],
)
def test_options_without_a_meaning(jaxdnn_command, tmp_path, option, message):
    result = jaxdnn_command("text-graph", tmp_path / "x.pb", "-o", tmp_path / "x.pbtxt", *option)
    assert result.code == 2
    assert message in result.err


def test_help_has_examples(jaxdnn_command):
    result = jaxdnn_command("text-graph", "--help")
    assert result.code == 0
    assert "  jaxdnn text-graph frozen_inference_graph.pb pipeline.config -o ssd.pbtxt" in result.out
    assert max(map(len, result.out.splitlines())) <= 100
