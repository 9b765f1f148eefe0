"""The corpus of Darknet's own cfgs with random weights, and trained networks, against the real program's outputs.

Weights are generated one net at a time. Networks above 64 MB of them take JAXDNN_ALL_DARKNET=1.
"""

import hashlib
import importlib.util
import json
import os

import numpy as np
import pytest

import jaxdnn
from jaxdnn.importers.darknet import save_weights
from support.shared import shared_folder

MODELS = shared_folder()
ZOO = MODELS and MODELS / "darknet-zoo"
NETS = json.loads((ZOO / "manifest.json").read_text())["models"] if MODELS else {}
TRAINED = json.loads((MODELS / "manifest.json").read_text()) if MODELS else {}
LIMIT = float("inf") if os.environ.get("JAXDNN_ALL_DARKNET") else 64 << 20
CHOSEN = [
    pytest.param(name, marks=[pytest.mark.long] * (entry["weights_bytes"] > 16 << 20))
    for name, entry in NETS.items()
    if entry["weights_bytes"] <= LIMIT
]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(MODELS is None, reason="needs the shared networks: set JAXDNN_SHARED"),
]


@pytest.fixture(scope="module")
def generator():
    """The corpus's own module that makes weights and inputs."""
    spec = importlib.util.spec_from_file_location("make_weights", ZOO / "make_weights.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def assert_as_darknet(got, want):
    got = np.asarray(got).reshape(want.shape)
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-4 * np.abs(want).max())


def pictures(generator, entry, steps):
    """Return the inputs of consecutive steps, each a batch of one."""
    sizes = (entry["inputs"], 1, 1) if not entry["width"] else None
    sizes = sizes or (entry["channels"], entry["height"], entry["width"])
    made = generator.make_input(entry["input_seed"], *sizes, steps)
    return made.reshape(steps, 1, *((entry["inputs"],) if not entry["width"] else sizes))


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")  # the generator's
@pytest.mark.parametrize("name", CHOSEN)
def test_net(name, generator, tmp_path):
    entry = NETS[name]
    cfg, path = ZOO / entry["cfg"], tmp_path / "net.weights"
    if name == "yolo9000" and not (ZOO / "data" / "9k.tree").exists():
        pytest.skip("needs the tree that its cfg names, data/9k.tree of darknet, beside the cfgs' folder")
    digest = generator.Gen(str(cfg), entry["weight_seed"]).run().write(path)
    assert digest == entry["weights_sha256"]
    net = jaxdnn.load(cfg, path)
    values = {output["key"]: net.source.layers[output["layer"]] for output in entry["outputs"]}
    with np.load(ZOO / entry["file"]) as stored:
        wanted = {key: stored[key] for key in values}
        in_time = {key: stored[f"{key}__t4"] for key in values if f"{key}__t4" in stored}
    (x,) = pictures(generator, entry, 1)
    got = net(x, outputs=list(values.values()))
    for key, value in values.items():
        assert_as_darknet(got[value], wanted[key])
    if in_time:
        state, steps = {}, []
        for x in pictures(generator, entry, 4):
            got = net({"data": x, **state}, outputs=[*net.graph.outputs, *values.values()])
            state = {n.removesuffix("_next"): v for n, v in got.items() if n.endswith("_next")}
            steps.append(got)
        for key, want in in_time.items():
            assert_as_darknet(np.stack([np.asarray(step[values[key]]) for step in steps]), want)
    save_weights(net, tmp_path / "again.weights")
    with (tmp_path / "again.weights").open("rb") as file:
        assert hashlib.file_digest(file, "sha256").hexdigest() == digest
    (tmp_path / "again.weights").unlink()
    path.unlink()


@pytest.mark.parametrize("name", [name for name in TRAINED if name.startswith("darknet/")])
def test_trained_network(name):
    entry = TRAINED[name]
    paths = MODELS / name, MODELS / entry["weights"]
    with np.load(MODELS / entry["ref"]) as opencv, np.load(MODELS / entry["darknet_ref"]) as darknet:
        x = opencv["input"]
        batch = np.concatenate([x[:, :, ::-1], x])  # of which each picture is seen for itself
        rows = jaxdnn.load(*paths, compat="opencv")(batch, outputs=list(entry["outputs"]))
        for output, value in rows.items():
            np.testing.assert_allclose(value[1], opencv[f"out:{output}"], rtol=0, atol=2e-5)
        keys = [key for key in darknet if key.endswith("_yolo")]
        raw = {key: "yolo_{}/raw".format(key.removesuffix("_yolo")) for key in keys}
        got = jaxdnn.load(*paths)(x, outputs=list(raw.values()))
        for key, value in raw.items():
            assert_as_darknet(got[value], darknet[key])
