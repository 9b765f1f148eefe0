"""What is exported for which sizes, and what cannot be."""

import json
import zipfile

import jax
import numpy as np
import pytest

import jaxdnn
from jaxdnn import InputError, Net, WeightsError
from jaxdnn.ir import Graph, Model, Node, Source, Value
from jaxdnn.layers.activation import Softmax
from jaxdnn.layers.detection import DetectionOutput
from jaxdnn.layers.late import Late
from jaxdnn.layers.pooling import Pool
from jaxdnn.layers.resize import Resize
from jaxdnn.layers.selection import NonZero
from jaxdnn.layers.tensor import Fill, ShapeOf
from jaxdnn.layers.yolo import YoloDecode
from support.artifacts import assert_close, assert_same, classifier, pictures

FILL = Late(layer=Fill(shape=()), names=("shape",))


def test_a_program_for_any_height_and_width(tmp_path):
    net = classifier().subnet(outputs="pool")
    path = tmp_path / "a.jaxdnn"
    manifest = net.export(path, shapes={"data": ("b", 3, "height", "width")})
    assert manifest.notes == ()
    assert manifest.programs[0].least == 8
    artifact = jaxdnn.load_artifact(path, trust=True)
    for size in ((1, 8, 8), (3, 11, 14)):
        assert artifact.origin_of(pictures(*size)) == "StableHLO"
        assert_close(artifact(pictures(*size)), net(pictures(*size)))


def test_one_name_is_one_size(tmp_path):
    net = classifier().subnet(outputs="pool")
    net.export(tmp_path / "a.jaxdnn", shapes={"data": ("b", 3, "side", "side")}, executables=False)
    artifact = jaxdnn.load_artifact(tmp_path / "a.jaxdnn", trust=True)
    assert artifact.origin_of(pictures(1, 8, 8)) == "StableHLO"
    for size in ((1, 8, 9), (1, 7, 7)):
        assert artifact.origin_of(pictures(*size)) == "IR"
        assert_same(artifact(pictures(*size)), net(pictures(*size)))


def test_sizes_that_are_multiples(tmp_path):
    net = classifier().subnet(outputs="pool")
    net.export(tmp_path / "a.jaxdnn", shapes={"data": (1, 3, "4*rows", "8*rows")}, executables=False)
    artifact = jaxdnn.load_artifact(tmp_path / "a.jaxdnn", trust=True)
    fitting, other = pictures(1, 8, 16), pictures(1, 8, 8)
    assert artifact.origin_of(fitting) == "StableHLO"
    assert artifact.origin_of(other) == "IR"
    assert_close(artifact(fitting), net(fitting))


def test_yolo_for_any_height_and_width(tmp_path):
    """What is computed from sizes alone (cells, anchors, repeated elements) follows the names of sizes."""
    decode = YoloDecode(anchors=((3.0, 5.0), (7.0, 6.0)), classes=1)
    layers = Resize(scale=(2.0, 2.0), mode="nearest", coordinates="asymmetric"), decode
    nodes = (Node("up", layers[0], ("x",), ("up",)), Node("rows", layers[1], ("up", "data"), ("rows",)))
    graph = Graph("n", (Value("x", (1, 12, 2, 3)), Value("data", (1, 3, 64, 96))), ("rows",), nodes)
    net = Net.from_model(Model(graph, {}, Source("test")))
    path = tmp_path / "a.jaxdnn"
    shapes = {"x": ("b", 12, "h", "w"), "data": ("b", 3, "32*h", "32*w")}
    manifest = net.export(path, shapes=shapes, executables=False)
    assert manifest.heads == ("rows",)
    artifact = jaxdnn.load_artifact(path, trust=True)
    for batch, h, w in ((1, 2, 3), (3, 4, 1)):
        x = np.random.default_rng(0).standard_normal((batch, 12, h, w)).astype(np.float32)
        feeds = {"x": x, "data": np.zeros((batch, 3, 32 * h, 32 * w), np.float32)}
        assert artifact.origin_of(feeds) == "StableHLO"
        np.testing.assert_allclose(artifact(feeds)["rows"], net(feeds)["rows"], rtol=1e-6, atol=1e-6)


def test_detections_for_any_batch(tmp_path):
    layer = DetectionOutput(classes=2, keep_top_k=4, confidence_threshold=0.3)
    values = Value("boxes", (1, 12)), Value("scores", (1, 6)), Value("priors", (1, 2, 12))
    graph = Graph("n", values, ("found",), (Node("found", layer, ("boxes", "scores", "priors"), ("found",)),))
    net = Net.from_model(Model(graph, {}, Source("test")))
    net.export(tmp_path / "a.jaxdnn", shapes={"priors": (1, 2, 12)}, batch="b", executables=False)
    artifact = jaxdnn.load_artifact(tmp_path / "a.jaxdnn", trust=True)
    rng = np.random.default_rng(0)
    for batch in (1, 5):
        feeds = {"boxes": rng.normal(size=(batch, 12)), "scores": rng.uniform(size=(batch, 6))}
        feeds["priors"] = np.stack([np.linspace(0, 0.7, 12), np.full(12, 0.1)]).reshape(1, 2, 12)
        assert artifact.origin_of(feeds) == "StableHLO"
        got, want = artifact(feeds)["found"], net(feeds)["found"]
        assert got.shape == want.shape
        np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-6)


def test_a_hint_where_sizes_cannot_be_compared(tmp_path):
    graph = classifier().subnet(outputs="relu").graph
    pool = Node("p", Pool(statistic="max", kernel=3, stride=2, rounding="ceil_clip"), ("data",), ("p",))
    net = Net.from_model(Model(Graph("n", graph.inputs, ("p",), (pool,)), {}, Source("test")))
    with pytest.raises(InputError, match=r"inconclusive; multiples such as 32\*height may do"):
        net.export(tmp_path / "a.jaxdnn", shapes={"data": ("b", 3, "height", "width")})
    net.export(tmp_path / "a.jaxdnn", shapes={"data": ("b", 3, "2*height", "2*width")})


def test_batches_are_filled_up(tmp_path, net):
    path = tmp_path / "a.jaxdnn"
    manifest = net.export(path, batch=[8, 1, 4])
    assert manifest.batches == (1, 4, 8)
    artifact = jaxdnn.load_artifact(path, trust=True)
    for count in (1, 2, 4, 7):
        assert artifact.origin_of(pictures(count)) == "executable"
        got, want = artifact(pictures(count)), net(pictures(count))
        assert got["prob"].shape == want["prob"].shape
        np.testing.assert_allclose(got["prob"], want["prob"], rtol=0, atol=1e-6)
        graph = jaxdnn.load_artifact(path)(pictures(count))
        assert graph["prob"].shape == want["prob"].shape
        np.testing.assert_allclose(graph["prob"], want["prob"], rtol=0, atol=1e-6)
    assert artifact.origin_of(pictures(9)) == "StableHLO"
    assert_close(artifact(pictures(9)), net(pictures(9)))


def test_batches_whose_rows_depend_on_each_other_are_not_filled_up(tmp_path):
    net = classifier(last=Softmax(axis=0))
    manifest = net.export(tmp_path / "a.jaxdnn", batch=[1, 4], executables=False)
    assert manifest.batches == ()
    assert "batches are not filled up" in manifest.notes[-1]
    artifact = jaxdnn.load_artifact(tmp_path / "a.jaxdnn")
    assert_same(artifact(pictures(3)), net(pictures(3)))


@pytest.mark.parametrize(
    "policy", ["float16", "mixed_bfloat16", {"default": "mixed_float16", "conv*": "float32"}]
)
def test_policies(tmp_path, net, policy):
    path = tmp_path / "a.jaxdnn"
    net.export(path, policy=policy)
    want = net.replace(policy=policy)
    for trust in (True, False):
        artifact = jaxdnn.load_artifact(path, trust=trust)
        assert artifact.policy == want.policy
        assert_same(artifact(pictures()), want(pictures()))
    assert_same(artifact.net(pictures()), want(pictures()))


def test_a_call_that_runs_in_parts_has_the_graph_alone(tmp_path):
    nodes = (
        Node("where", NonZero(), ("x",), ("where",)),
        Node("shape", ShapeOf(), ("where",), ("shape",)),
        Node("y", FILL, ("v", "shape"), ("y",)),
    )
    graph = Graph("n", (Value("x", (5,)), Value("v", ())), ("y",), nodes)
    net = Net.from_model(Model(graph, {}, Source("test")))
    manifest = net.export(tmp_path / "a.jaxdnn")
    assert "depends on the data" in manifest.notes[0]
    artifact = jaxdnn.load_artifact(tmp_path / "a.jaxdnn")
    assert artifact.origin == "IR"
    feeds = {"x": np.float32([0, 1, 2, 0, 3]), "v": np.float32(7)}
    assert_same(artifact(feeds), net(feeds))
    with pytest.raises(InputError, match="'n' cannot be exported without its graph: no program for"):
        net.export(tmp_path / "b.jaxdnn", graph=False)


def test_an_input_that_decides_shapes_has_the_graph_alone(tmp_path):
    graph = Graph(
        "n", (Value("k", (2,), "int32"), Value("v", ())), ("y",), (Node("y", FILL, ("v", "k"), ("y",)),)
    )
    net = Net.from_model(Model(graph, {}, Source("test")))
    manifest = net.export(tmp_path / "a.jaxdnn")
    assert manifest.notes == (
        "no program: input 'k' decides shapes, so that each call is compiled for its value",
    )
    artifact = jaxdnn.load_artifact(tmp_path / "a.jaxdnn")
    feeds = {"k": np.array([2, 3]), "v": np.float32(1)}
    assert_same(artifact(feeds), net(feeds))
    with pytest.raises(InputError, match="'n' has no text: input 'k' decides shapes"):
        net.to_stablehlo()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch": 0}, "batch must be a name, a size from 1 to 32768, or several sizes, got 0"),
        ({"batch": [1, -1]}, "several sizes, got"),
        ({"batch": "B!"}, "size 'B!' is no name of small letters"),
        ({"shapes": {"x": (1,)}}, "shapes names 'x'; the inputs are data"),
        ({"shapes": {"data": (1, 3, 0, 1)}}, "shapes of 'data' must be sizes from 1 and names"),
        ({"shapes": {"data": (1, 3)}}, "'n' cannot be exported as asked: layer 'conv'"),
        (
            {"platforms": ("abacus",)},
            "'n' cannot be exported as asked: platform 'abacus' is none of cpu, cuda",
        ),
        ({"preprocess": {"mean": np.float32(1)}}, "preprocess must be made of what JSON has"),
        ({"policy": "int8"}, "policy 'int8' is not a type"),
    ],
)
def test_errors_of_the_export(tmp_path, net, options, message):
    with pytest.raises(InputError, match=message):
        net.export(tmp_path / "a.jaxdnn", **options)
    assert not list(tmp_path.iterdir())


def test_params_must_be_there(tmp_path):
    graph = classifier().graph
    net = Net.from_model(Model(graph, {}, Source("test")))
    with pytest.raises(WeightsError, match="no values for 4 parameters"):
        net.export(tmp_path / "a.jaxdnn")


def test_texts(net):
    assert "stablehlo.convolution" in net.to_stablehlo()
    assert "tensor<7x3x6x8xf32>" in net.to_stablehlo({"data": (7, 3, 6, 8)})
    assert "HloModule" in net.to_hlo()
    assert "conv" in net.to_hlo()


def test_the_manifest_is_plain_json(path):
    with zipfile.ZipFile(path) as archive:
        manifest = json.loads(archive.read("manifest.json"))
    assert manifest["format"] == "jaxdnn artifact"
    assert manifest["versions"]["jax"] == jax.__version__
    assert manifest["programs"][0]["inputs"] == {"data": ["b", 3, 6, 8]}


def test_machine_code_does_not_come_from_a_cache(tmp_path, net):
    """What jax reads from its cache cannot be written again: functions would be missing."""
    path = tmp_path / "a.jaxdnn"
    want = net(pictures())
    with jaxdnn.cache(tmp_path / "cache"):
        for _ in range(2):
            net.export(path, batch=2)
            jax.clear_caches()
    artifact = jaxdnn.load_artifact(path, trust=True)
    assert artifact.origin == "executable"
    assert_same(artifact(pictures()), want)
