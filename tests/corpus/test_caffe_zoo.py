"""The corpus of small Caffe networks, with the outputs of real Caffe."""

import json
import warnings

import numpy as np
import pytest

import jaxdnn
from support.shared import shared_folder

FOLDER = shared_folder() and shared_folder() / "caffe-zoo"
MANIFEST = json.loads((FOLDER / "manifest.json").read_text()) if FOLDER else {"nets": {}}
needs_corpus = pytest.mark.skipif(FOLDER is None, reason="needs the shared networks: set JAXDNN_SHARED")
EXACT = ("ArgMax", "Accuracy", "Filter", "Embed", "Threshold", "Permute")


def load(name, entry):
    weights = FOLDER / f"{name}.caffemodel"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", jaxdnn.JaxdnnWarning)
        return jaxdnn.load(
            FOLDER / f"{name}.prototxt",
            weights if weights.exists() else None,
            stages=entry.get("stages") or (),
            level=entry.get("level") or 0,
        )


def compare(name, got, want, exact):
    assert got.shape == want.shape, name
    if exact:
        np.testing.assert_array_equal(got, want, name)
        return
    finite = np.isfinite(want)
    assert np.array_equal(np.isfinite(got), finite), name
    scale = max(1.0, float(np.abs(want[finite]).max(initial=0)))
    np.testing.assert_allclose(got[finite], want[finite], rtol=0, atol=2e-5 * scale, err_msg=name)


@needs_corpus
@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(MANIFEST["nets"]))
def test_net(name):
    entry = MANIFEST["nets"][name]
    net = load(name, entry)
    with np.load(FOLDER / f"{name}.npz") as arrays:
        feeds = {key[3:]: arrays[key] for key in arrays if key.startswith("in:")}
        wanted = {key[4:]: arrays[key] for key in arrays if key.startswith("out:")}
    assert set(entry["outputs"]) <= set(net.graph.outputs)
    got = net(feeds, outputs=list(wanted))
    computing = [layer for layer in entry["layers"] if layer != "Input"]
    exact = len(computing) == 1 and computing[0] in EXACT
    for blob, want in wanted.items():
        compare(blob, np.asarray(got[blob]), want, exact)
