"""Networks of the corpora compute the same when they are loaded from an artifact.

A graph that is lowered again gives the same bits. So does a program for fixed sizes; one for any batch may fuse what it
computes sizes with, and then differs by float32's rounding of a value or two.
"""

import json
import warnings
from pathlib import Path

import numpy as np
import pytest

import jaxdnn
from support.shared import shared_folder

MODELS = shared_folder()
pytestmark = [
    pytest.mark.skipif(MODELS is None, reason="needs the shared networks: set JAXDNN_SHARED"),
    pytest.mark.long,
]

CAFFE = json.loads((MODELS / "caffe-zoo/manifest.json").read_text())["nets"] if MODELS else {}
GRAPHS = json.loads((MODELS / "tensorflow/manifest.json").read_text())["graphs"] if MODELS else {}
TRAINED = json.loads((MODELS / "manifest.json").read_text()) if MODELS else {}


def load(*paths: Path, **options) -> jaxdnn.Net:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", jaxdnn.JaxdnnWarning)
        return jaxdnn.load(*paths, **options)


def feeds_of(path: Path) -> dict[str, np.ndarray]:
    with np.load(path) as arrays:
        return {key.removeprefix("in:"): arrays[key] for key in arrays if key.startswith("in:")}


def check(net: jaxdnn.Net, feeds, folder: Path, *, executables: bool = False) -> None:
    path = folder / "net.jaxdnn"
    net.export(path, executables=executables)
    want = net(feeds)
    artifact = jaxdnn.load_artifact(path, trust=executables)
    if executables:
        assert artifact.origin_of(feeds) == "executable", artifact.notes
    assert_same(artifact(feeds), want, 0.0 if artifact.origin_of(feeds) != "StableHLO" else 1e-6)
    assert_same(artifact.net(feeds), want, 0.0)


def assert_same(got, want, tolerance: float) -> None:
    assert list(got) == list(want)
    for name, array in want.items():
        found, expected = np.asarray(got[name]), np.asarray(array)
        assert (found.shape, found.dtype) == (expected.shape, expected.dtype), name
        if expected.dtype.kind != "f" or not tolerance:
            np.testing.assert_array_equal(found, expected, name)
            continue
        finite = np.isfinite(expected)
        assert np.array_equal(np.isfinite(found), finite), name
        scale = max(1.0, float(np.abs(expected[finite]).max(initial=0)))
        np.testing.assert_allclose(
            found[finite], expected[finite], rtol=0, atol=tolerance * scale, err_msg=name
        )


@pytest.mark.parametrize("name", sorted(CAFFE))
def test_caffe(name, tmp_path):
    folder, entry = MODELS / "caffe-zoo", CAFFE[name]
    weights = folder / f"{name}.caffemodel"
    net = load(
        folder / f"{name}.prototxt",
        weights if weights.exists() else None,
        stages=entry.get("stages") or (),
        level=entry.get("level") or 0,
    )
    check(net, feeds_of(folder / f"{name}.npz"), tmp_path)


@pytest.mark.parametrize("name", sorted(GRAPHS))
def test_tensorflow(name, tmp_path):
    folder, entry = MODELS / "tensorflow", GRAPHS[name]
    feeds = feeds_of(folder / entry["npz"])
    inner = any("Placeholder" not in entry["inputs"][name]["op"] for name in feeds)
    with np.load(folder / entry["npz"]) as arrays:
        wanted = [key.removeprefix("out:") for key in arrays if key.startswith("out:")]
    net = load(folder / entry["pb"], inputs=list(feeds) if inner else None, outputs=wanted)
    check(net, {key: array for key, array in feeds.items() if key in net.inputs}, tmp_path)


@pytest.mark.parametrize("name", [name for name, entry in TRAINED.items() if "ref" in entry])
def test_trained(name, tmp_path):
    entry = TRAINED[name]
    net = load(MODELS / name, MODELS / entry["weights"])
    with np.load(MODELS / entry["ref"]) as arrays:
        feeds = np.moveaxis(arrays["input"], 1, -1) if name.startswith("tf/") else arrays["input"]
    (spec,) = net.inputs.values()
    check(net, feeds, tmp_path, executables=spec.shape == feeds.shape)
