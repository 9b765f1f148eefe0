"""The corpus of frozen graphs with TensorFlow's own results."""

import json
import warnings

import numpy as np
import pytest

import jaxdnn
from support.shared import shared_folder

FOLDER = shared_folder() and shared_folder() / "tensorflow"
GRAPHS = json.loads((FOLDER / "manifest.json").read_text())["graphs"] if FOLDER else {}


def stored(entry) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return the feeds and the results of an entry."""
    arrays = np.load(FOLDER / entry["npz"])
    feeds = {key.removeprefix("in:"): arrays[key] for key in arrays if key.startswith("in:")}
    return feeds, {key.removeprefix("out:"): arrays[key] for key in arrays if key.startswith("out:")}


def run(paths, entry, prepare=lambda net: net) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return what the graph yields, after something was done to its net, and what it should."""
    feeds, wanted = stored(entry)
    inner = any("Placeholder" not in entry["inputs"][name]["op"] for name in feeds)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", jaxdnn.JaxdnnWarning)
        net = jaxdnn.load(*paths, inputs=list(feeds) if inner else None, outputs=list(wanted))
        net = prepare(net)
        got = net({name: array for name, array in feeds.items() if name in net.inputs})
    return {name: np.asarray(got[name]) for name in wanted}, wanted


def check(got, wanted, tolerance: float) -> None:
    for name, want in wanted.items():
        assert got[name].shape == want.shape, name
        assert got[name].dtype.kind == want.dtype.kind, name
        if want.dtype.kind != "f":
            np.testing.assert_array_equal(got[name], want, name)
            continue
        scale = max(1.0, np.abs(want[np.isfinite(want)]).max(initial=0))
        np.testing.assert_allclose(got[name], want, rtol=0, atol=tolerance * scale, err_msg=name)


@pytest.mark.skipif(FOLDER is None, reason="needs the shared networks: set JAXDNN_SHARED")
class TestGraphs:
    @pytest.mark.parametrize("name", GRAPHS)
    def test_it_computes_what_tensorflow_computes(self, name):
        entry = GRAPHS[name]
        check(*run([FOLDER / entry["pb"]], entry), entry.get("tol") or 1e-4)

    @pytest.mark.long
    @pytest.mark.parametrize(
        "name", [name for name, entry in GRAPHS.items() if entry["pb"].startswith("nets/")]
    )
    def test_the_optimised_net_does_so_too(self, name):
        entry = GRAPHS[name]
        removed = []

        def optimised(net):
            small, _ = jaxdnn.optimize(net)
            removed.append(len(net.graph.nodes) - len(small.graph.nodes))
            return small

        check(*run([FOLDER / entry["pb"]], entry, optimised), entry.get("tol") or 1e-4)
        assert removed[0] > 0

    @pytest.mark.parametrize("name", [name for name, entry in GRAPHS.items() if "pbtxt" in entry])
    def test_its_text_alone_and_with_weights(self, name):
        entry = GRAPHS[name]
        for paths in ([FOLDER / entry["pbtxt"]], [FOLDER / entry["pb"], FOLDER / entry["pbtxt"]]):
            check(*run(paths, entry), entry.get("tol") or 1e-4)
