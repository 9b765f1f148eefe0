"""The corpora's networks as ONNX files in ONNX Runtime: what they yield there is what the nets yield.

Nets that are fed labels are written without them, and so is what only losses need.
"""

import importlib.util
import json
import warnings

import numpy as np
import onnx
import pytest

import jaxdnn
from support.onnx_runtime import assert_same, check, properties, run
from support.shared import shared_folder
from support.trained import trained

MODELS = shared_folder()
pytestmark = pytest.mark.skipif(MODELS is None, reason="needs the shared networks: set JAXDNN_SHARED")

CAFFE = json.loads((MODELS / "caffe-zoo/manifest.json").read_text())["nets"] if MODELS else {}
GRAPHS = json.loads((MODELS / "tensorflow/manifest.json").read_text())["graphs"] if MODELS else {}
DARKNET = json.loads((MODELS / "darknet-zoo/manifest.json").read_text())["models"] if MODELS else {}
TRAINED = json.loads((MODELS / "manifest.json").read_text()) if MODELS else {}
LARGEST = 64 << 20
"""Bytes of weights of the nets of Darknet that are run."""

REFUSED = {
    "argmax_topk": "input 'k' decides shapes",
    "cast_range_fill": "input 'n' decides shapes",
    "math_unary": "'Lgamma' (Unary): the function lgamma has no operator",
    "cf1_ta_concat_split": "a list of arrays of different shapes is no array",
}
"""Graphs that ONNX cannot express, and why."""


def load(*paths, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", jaxdnn.JaxdnnWarning)
        return jaxdnn.load(*paths, **options)


def stated(net, feeds):
    """Return the shapes of the feeds whose inputs leave sizes open."""
    return {
        name: array.shape
        for name, array in feeds.items()
        if name in net.inputs and (net.inputs[name].shape is None or None in net.inputs[name].shape)
    }


@pytest.fixture(scope="module")
def networks():
    return trained(MODELS)


@pytest.mark.long
@pytest.mark.parametrize("name", TRAINED)
def test_trained_networks(networks, name, tmp_path):
    network = networks[name]
    net = network.load()
    (data,) = net.graph.required_inputs
    first, *others = map(np.asarray, network.feeds.values())
    path = tmp_path / "net.onnx"
    net.to_onnx(path, input_shapes={data: first.shape})
    model = onnx.load(path)
    assert properties(model)["batch"] == "any"
    together = np.concatenate([first, *(other for other in others if other.shape == first.shape)][:3])
    for pictures in (first, together):
        assert_same(run(model, {data: pictures}), net({data: pictures}))


@pytest.mark.long
@pytest.mark.parametrize("name", sorted(CAFFE))
def test_caffe(name):
    entry, folder = CAFFE[name], MODELS / "caffe-zoo"
    weights = folder / f"{name}.caffemodel"
    options = {"stages": entry.get("stages") or (), "level": entry.get("level") or 0}
    net = load(folder / f"{name}.prototxt", weights if weights.exists() else None, **options)
    with np.load(folder / f"{name}.npz") as arrays:
        feeds = {key[3:]: arrays[key] for key in arrays if key.startswith("in:")}
    fed = without_labels(net, feeds)
    check(net, fed)


def without_labels(net, feeds):
    """Return what the file asks for: labels only where nothing is left of the net without them."""
    required = {name: array for name, array in feeds.items() if name in net.graph.required_inputs}
    return required if net.program.default_outputs(required) else feeds


@pytest.mark.long
@pytest.mark.parametrize("name", GRAPHS)
def test_tensorflow(name):
    entry, folder = GRAPHS[name], MODELS / "tensorflow"
    with np.load(folder / entry["npz"]) as arrays:
        feeds = {key[3:]: arrays[key] for key in arrays if key.startswith("in:")}
        outputs = [key[4:] for key in arrays if key.startswith("out:")]
    inner = any("Placeholder" not in entry["inputs"][each]["op"] for each in feeds)
    net = load(folder / entry["pb"], inputs=list(feeds) if inner else None, outputs=outputs)
    feeds = {each: array for each, array in feeds.items() if each in net.graph.required_inputs}
    options = {"input_shapes": stated(net, feeds)}
    if name not in REFUSED:
        check(net, feeds, entry.get("tol") or 1e-4, **options)
        return
    with pytest.raises(jaxdnn.JaxdnnError) as error:
        net.to_onnx(**options)
    assert REFUSED[name] in str(error.value)


@pytest.fixture(scope="module")
def generator():
    """The corpus's own module that makes weights and inputs."""
    spec = importlib.util.spec_from_file_location("make_weights", MODELS / "darknet-zoo" / "make_weights.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.long
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")  # the generator's
@pytest.mark.parametrize("name", [n for n, entry in DARKNET.items() if entry["weights_bytes"] <= LARGEST])
def test_darknet(name, generator, tmp_path):
    entry, path = DARKNET[name], tmp_path / "net.weights"
    cfg = MODELS / "darknet-zoo" / entry["cfg"]
    generator.Gen(str(cfg), entry["weight_seed"]).run().write(path)
    net = load(cfg, path)
    rng = np.random.default_rng(0)
    feeds = {
        each: rng.uniform(size=[size or 1 for size in net.inputs[each].shape]).astype(np.float32)
        for each in net.graph.required_inputs
    }
    check(net, feeds)
