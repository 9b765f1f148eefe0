"""``jaxdnn export``, ``compile``, ``inspect`` and ``run`` on artifacts."""

import json
import re

import numpy as np
import pytest

import jaxdnn
from support import darknet
from support.artifacts import rewrite

BROKEN = [
    ({"mean": "red"}, "states the mean ['red'], which is none"),
    ({"scale": [True]}, "states the scale [True], which is none"),
    ({"size": [4]}, "states the size [4], which is none"),
    ({"size": 4}, "states the size 4, which is none"),
    ({"size": [4, -4]}, "states the size [4, -4], which is none"),
    ({"swap_rb": 1}, "states the swap_rb 1, which is none"),
    ({"mode": "shrink"}, "states the mode 'shrink', which is none"),
    ({"resizing": []}, "states the resizing [], which is none"),
]


@pytest.fixture
def labels(tmp_path):
    path = tmp_path / "labels.txt"
    path.write_text("blue\ngreen\nred\n")
    return path


@pytest.fixture
def artifact(jaxdnn_command, net, labels, tmp_path):
    """The net of averages with labels and preprocessing, exported from the command line."""
    path = tmp_path / "net.jaxdnn"
    options = ("--mean", "0,28,55", "--scale", "0.5", "--labels", labels, "--licence", "MIT")
    result = jaxdnn_command("export", *net, "-o", path, *options)
    assert (result.code, result.err) == (0, "")
    return path


def cells(result):
    """The lines by their first word; columns are apart by bars."""
    lines = (re.sub(r" {3,}", " | ", line.strip()) for line in result.out.splitlines() if line.strip())
    return {line.split()[0]: line for line in lines}


def test_export_says_what_is_in_the_file(jaxdnn_command, artifact):
    said = cells(jaxdnn_command("inspect", artifact))
    assert said["averages"] == "averages (float32), from caffe"
    assert said["inputs"] == "inputs | data: float32[1, 3, 4, 4]"
    assert said["outputs"] == "outputs | fc: float32[1, 3, 1, 1]"
    assert said["preprocessing"] == "preprocessing  mean [0.0, 28.0, 55.0], scale [0.5]"
    assert said["labels"] == "labels | 3: blue, green, red"
    assert said["licence"] == "licence | MIT"
    assert "data: float32[b, 3, 4, 4] for cpu, cuda | usable with trust" in said["programs/0.stablehlo"]
    assert "data: float32[1, 3, 4, 4], machine code for cpu | usable with trust" in said["executables/0.bin"]
    assert "144 parameters in 1 arrays" in said["params.safetensors"]
    assert said["graph.json"].endswith("the graph | usable")


@pytest.mark.parametrize(("trust", "origin"), [(["--trust"], "executable"), ([], "IR")])
def test_run_takes_labels_and_preprocessing_from_the_artifact(
    jaxdnn_command, artifact, pictures, trust, origin
):
    result = jaxdnn_command("run", artifact, *pictures, *trust, "--json").json()
    assert [entry["label"] for entry in result["pictures"][0]["outputs"]["fc"]["classes"]] == [
        "red",
        "green",
        "blue",
    ]
    assert [entry["score"] for entry in result["pictures"][0]["outputs"]["fc"]["classes"]] == [100, 50, 0]
    assert result["preprocessing"]["mean"] == [0, 28, 55]
    assert result["origins"] == [origin]
    assert (result["notes"] == []) == (origin == "executable")
    text = jaxdnn_command("run", artifact, *pictures, *trust).out
    assert text.splitlines()[-1].startswith(f"Computed by: {origin}")


def test_options_go_before_what_the_artifact_says(jaxdnn_command, artifact, pictures, tmp_path):
    (tmp_path / "others.txt").write_text("a\nb\nc\n")
    options = ("--mean", "0", "--scale", "1", "--labels", tmp_path / "others.txt", "--top", 1, "--json")
    (entry,) = jaxdnn_command("run", artifact, pictures[0], *options).json()["pictures"]
    assert entry["outputs"]["fc"]["classes"] == [{"class": 2, "label": "c", "score": 255}]


def test_batches_and_other_outputs(jaxdnn_command, artifact, pictures):
    result = jaxdnn_command("run", artifact, *pictures, "--trust", "--batch", 2, "--json").json()
    assert result["origins"] == ["StableHLO"]
    result = jaxdnn_command("run", artifact, *pictures, "--trust", "--output", "data", "--json").json()
    assert result["origins"] == ["IR"]
    assert list(result["pictures"][0]["outputs"]) == ["data"]


def test_sizes_of_the_batch(jaxdnn_command, net, pictures, tmp_path):
    path = tmp_path / "net.jaxdnn"
    result = jaxdnn_command("export", *net, "-o", path, "--batch", "4,2", "--platform", "cpu")
    assert "2, 4; others are filled up to the next of these" in cells(result)["batches"]
    assert "[4, 3, 4, 4], machine code" in cells(result)["executables/1.bin"]
    said = cells(jaxdnn_command("compile", path, "--batch", 3))
    assert said["batches"].startswith("batches | 2, 3, 4;")
    assert "[3, 3, 4, 4], machine code" in said["executables/2.bin"]
    answer = jaxdnn_command("run", path, pictures[0], "--trust", "--json").json()
    assert answer["origins"] == ["executable"]
    assert answer["pictures"][0]["outputs"]["fc"]["values"] == [0, 128, 255]


def test_tuning(jaxdnn_command, net, tmp_path, monkeypatch):
    def tune(self, x, *, seconds, report, **options):
        report(f"{seconds} seconds for a batch of {len(x['data'])}")
        return self

    monkeypatch.setattr(jaxdnn.Net, "tune", tune)
    command = "export", *net, "-o", tmp_path / "net.jaxdnn", "--batch", "1,2"
    assert jaxdnn_command(*command, "--tune", "5").err.splitlines() == [
        "5.0 seconds for a batch of 1",
        "5.0 seconds for a batch of 2",
    ]
    assert jaxdnn_command(*command, "--force").err == ""


def test_any_height_and_width(jaxdnn_command, net, pictures, tmp_path):
    path = tmp_path / "net.jaxdnn"
    options = ("--input-shape", "data=b,3,height,width", "--no-executables")
    assert jaxdnn_command("export", *net, "-o", path, *options).code == 0
    result = jaxdnn_command("run", path, pictures[0], "--size", "16x12", "--trust", "--json").json()
    assert result["origins"] == ["StableHLO"]
    assert result["pictures"][0]["outputs"]["fc"]["shape"] == [1, 3, 9, 13]


def test_the_size_of_pictures_is_that_of_the_input(jaxdnn_command, net, pictures, tmp_path):
    path = tmp_path / "net.jaxdnn"
    result = jaxdnn_command("export", *net, "-o", path, "--size", "8x6", "--policy", "mixed_float16")
    assert cells(result)["inputs"].endswith("data: float32[1, 3, 6, 8]")
    assert cells(result)["averages"].startswith("averages (mixed_float16)")
    assert jaxdnn_command("run", path, pictures[0], "--trust", "--json").json()["origins"] == ["executable"]


def test_a_detector(jaxdnn_command, tmp_path, pictures):
    """Rows of boxes are read as the net's own file says."""
    cfg = darknet.picture(4, 4) + (
        "[convolutional]\nfilters=6\nsize=1\nactivation=linear\n"
        "[yolo]\nmask=0\nanchors=4,4\nnum=1\nclasses=1\nnms_kind=diounms\nbeta_nms=0.7\n"
    )
    net = darknet.write(
        tmp_path, cfg, darknet.weights([np.full(6, 20, np.float32), np.zeros((6, 3), np.float32)])
    )
    path = tmp_path / "net.jaxdnn"
    assert jaxdnn_command("export", *net, "-o", path).code == 0
    found = jaxdnn.load_artifact(path)
    assert found.manifest.heads == ("yolo_1",)
    assert found.source.distance_power == 0.7
    want = jaxdnn_command("run", *net, pictures[0], "--json").json()["pictures"]
    for options in (["--trust"], [], ["--output", "yolo_1"]):
        assert jaxdnn_command("run", path, pictures[0], "--json", *options).json()["pictures"] == want
    assert want[0]["outputs"]["yolo_1"]["kind"] == "detections"


def test_compile_adds_machine_code_and_keeps_that_of_others(jaxdnn_command, artifact, pictures):
    elsewhere = rewrite(artifact, lambda m: m["executables"][0]["machine"].update(jaxlib="0.0.1"))
    assert "jaxlib is '" in cells(jaxdnn_command("inspect", elsewhere))["executables/0.bin"]
    result = jaxdnn_command("run", elsewhere, pictures[0], "--trust", "--json").json()
    assert result["origins"] == ["StableHLO"]
    assert "instead of '0.0.1'" in result["notes"][0]
    for _ in range(2):  # the second time it replaces what it has added
        said = cells(jaxdnn_command("compile", elsewhere))
        assert "instead of '0.0.1'" in said["executables/0.bin"]
        assert said["executables/1.bin"].endswith("usable with trust")
        assert "executables/2.bin" not in said
    result = jaxdnn_command("run", elsewhere, pictures[0], "--trust", "--json").json()
    assert result["origins"] == ["executable"]
    assert "[2, 3, 4, 4]" in cells(jaxdnn_command("compile", elsewhere, "--batch", 2))["executables/2.bin"]


def test_compile_without_a_graph_needs_trust(jaxdnn_command, net, pictures, tmp_path):
    path = tmp_path / "net.jaxdnn"
    assert jaxdnn_command("export", *net, "-o", path, "--no-graph", "--no-executables").code == 0
    result = jaxdnn_command("compile", path)
    assert result.code == 2
    assert "'programs/0.stablehlo' is a program for XLA, which only trust=True permits" in result.err
    assert jaxdnn_command("compile", path, "--trust").code == 0
    answer = jaxdnn_command("run", path, pictures[0], "--trust", "--json").json()
    assert answer["origins"] == ["executable"]
    assert answer["pictures"][0]["outputs"]["fc"]["values"] == [0, 128, 255]


def test_json_has_the_manifest_and_why_something_cannot_be_used(jaxdnn_command, artifact):
    changed = rewrite(artifact, lambda m: m["programs"][0].update(platforms=["tpu"]))
    result = jaxdnn_command("inspect", changed, "--json").json()
    assert result["labels"] == ["blue", "green", "red"]
    assert result["programs"][0]["unusable_here"] == "is for tpu, this is cpu"
    assert result["executables"][0]["unusable_here"] == ""
    assert result["members"]["params.safetensors"] > 144 * 4


def test_the_graph_as_text(jaxdnn_command, artifact, net, tmp_path):
    assert "fc = Conv(data, weight=fc/weight)" in jaxdnn_command("inspect", "--graph", artifact).out
    assert jaxdnn_command("export", *net, "-o", tmp_path / "b.jaxdnn", "--no-graph").code == 0
    result = jaxdnn_command("inspect", "--graph", tmp_path / "b.jaxdnn")
    assert result.code == 2
    assert "the artifact has no graph" in result.err


@pytest.mark.parametrize(("stated", "message"), BROKEN)
def test_preprocessing_that_makes_no_sense(jaxdnn_command, artifact, pictures, stated, message):
    changed = rewrite(artifact, lambda m: m.update(preprocessing=stated))
    result = jaxdnn_command("run", changed, pictures[0])
    assert result.code == 2
    assert message in result.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "ARTIFACT"], "Missing argument 'IMAGES...'"),
        (["run", "net.prototxt"], "Missing argument 'IMAGES...'"),
        (["run", "net.prototxt", "net.caffemodel", "orange.png", "--trust"], "--trust is for artifacts"),
        (["run", "ARTIFACT", "orange.png", "--stage", "x"], "are for networks' own files"),
        (["inspect", "ARTIFACT", "net.caffemodel"], "an artifact has no WEIGHTS"),
        (["compile", "net.prototxt"], "this is no artifact"),
        (["compile", "ARTIFACT", "--batch", "b"], "batch must be a size or several sizes, got 'b'"),
        (["export", "net.prototxt", "net.caffemodel", "-o", "ARTIFACT"], "the file exists: give --force"),
        (["export", "net.prototxt", "-o", "a.jaxdnn"], "no values for 1 parameter"),
        (
            ["export", "net.prototxt", "net.caffemodel", "-o", "none/a.jaxdnn"],
            "cannot be written: No such file",
        ),
        (["export", "net.prototxt", "net.caffemodel", "-o", "a", "--batch", "0"], "batch must be a name"),
        (
            ["export", "net.prototxt", "net.caffemodel", "-o", "a", "--input-shape", "data=b,"],
            "not an input's shape",
        ),
        (
            ["export", "net.prototxt", "net.caffemodel", "-o", "a", "--labels", "huge"],
            "a class 1000000, beyond",
        ),
    ],
)
def test_errors(jaxdnn_command, artifact, net, pictures, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "huge").write_text('item { id: 1000000 name: "x" }')
    for path, name in zip(net, ("net.prototxt", "net.caffemodel"), strict=True):
        assert (tmp_path / name).samefile(path)
    result = jaxdnn_command(*(artifact if argument == "ARTIFACT" else argument for argument in arguments))
    assert result.code == 2
    assert message in " ".join(result.err.split())


def test_a_damaged_artifact_is_one_line(jaxdnn_command, artifact, pictures):
    artifact.write_bytes(artifact.read_bytes()[:-100])
    for command in (["run", artifact, pictures[0]], ["inspect", artifact], ["compile", artifact]):
        result = jaxdnn_command(*command)
        assert (result.code, result.out, result.err.count("\n")) == (2, "", 1)
        assert "the zip archive is broken or cut short" in result.err


def test_open_sizes_need_a_size(jaxdnn_command, artifact, pictures):
    def opened(manifest):
        manifest["inputs"][0]["shape"] = [None, 3, None, None]

    def opened_graph(members):
        graph = json.loads(members["graph.json"])
        opened(graph)
        members["graph.json"] = json.dumps(graph).encode()

    changed = rewrite(artifact, opened, opened_graph)
    result = jaxdnn_command("run", changed, pictures[0])
    assert "input 'data' (float32[?, 3, ?, ?]) has open sizes: give --size" in result.err
    result = jaxdnn_command("run", changed, pictures[0], "--size", "4", "--trust", "--json").json()
    assert result["origins"] == ["executable"]
