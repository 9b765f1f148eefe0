"""Optimised networks of the corpora compute what they computed before.

The tolerance is the rounding of float32: folding a batch norm rounds each weight once more, and a sum over a few
thousand of them then differs by some units of 6e-8 of the largest value; 1e-5 leaves room for fifty layers of that.
"""

import json
import warnings
from collections import Counter

import numpy as np
import pytest

import jaxdnn
from jaxdnn.ir import verify
from support.shared import shared_folder

MODELS = shared_folder()
pytestmark = pytest.mark.skipif(MODELS is None, reason="needs the shared networks: set JAXDNN_SHARED")

CAFFE = json.loads((MODELS / "caffe-zoo/manifest.json").read_text())["nets"] if MODELS else {}
GRAPHS = json.loads((MODELS / "tensorflow/manifest.json").read_text())["graphs"] if MODELS else {}
TRAINED = json.loads((MODELS / "manifest.json").read_text()) if MODELS else {}
KNOWN = {
    "batch_dim_mixing": 0,
    "bn_dense_2d": 1,
    "conv_atrous_dynamic_pads": 13,
    "multi_consumer_fusion_trap": 0,
    "pad_multi_consumer_trap": 0,
    "shared_weights_twice": 0,
    "unfused_bn_nogamma": 6,
}
"""Of the TensorFlow corpus: graphs with something to fold or with traps, and how many layers at least go."""
FAMILIES = ("net", "dropout", "loss", "phase", "priorbox", "bnfork", "batchnorm")
"""Of the Caffe corpus: whole networks, and what passes are made for."""


def feeds_of(path) -> dict[str, np.ndarray]:
    with np.load(path) as arrays:
        return {key.removeprefix("in:"): arrays[key] for key in arrays if key.startswith("in:")}


def load(*paths, **options) -> jaxdnn.Net:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", jaxdnn.JaxdnnWarning)
        return jaxdnn.load(*paths, **options)


def removed_by_passes(net: jaxdnn.Net, feeds) -> Counter[str]:
    """Optimise, compare the outputs, and return how many layers of each type were removed."""
    small, report = jaxdnn.optimize(net)
    verify(small.graph)
    feeds = feeds if isinstance(feeds, np.ndarray) else {k: v for k, v in feeds.items() if k in small.inputs}
    want, got = net(feeds), small(feeds)
    assert list(got) == list(want)
    for name, array in want.items():
        compare(name, np.asarray(got[name]), np.asarray(array))
    removed: Counter[str] = Counter()
    for change in report.changes:
        removed.update({kind: len(names) for kind, names in change.removed.items()})
    return removed


def compare(name, got, want) -> None:
    assert (got.shape, got.dtype) == (want.shape, want.dtype), name
    if want.dtype.kind != "f":
        np.testing.assert_array_equal(got, want, name)
        return
    scale = np.abs(want[np.isfinite(want)]).max(initial=0)
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-5 * scale, err_msg=name)


@pytest.mark.long
@pytest.mark.parametrize("name", [name for name, entry in CAFFE.items() if entry["family"] in FAMILIES])
def test_caffe(name):
    entry = CAFFE[name]
    stem = MODELS / "caffe-zoo" / name
    weights = stem.with_name(f"{name}.caffemodel")
    net = load(
        stem.with_name(f"{name}.prototxt"),
        weights if weights.exists() else None,
        stages=entry.get("stages") or (),
        level=entry.get("level") or 0,
    )
    before = Counter(type(node.layer).__name__ for node in net.graph.nodes)
    removed = removed_by_passes(net, feeds_of(stem.with_name(f"{name}.npz")))
    for kind in ("PriorBox", "CrossEntropyLoss"):
        assert removed[kind] == before[kind]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "least"), KNOWN.items() if GRAPHS else ())
def test_tensorflow(name, least):
    entry = GRAPHS[name]
    feeds = feeds_of(MODELS / "tensorflow" / entry["npz"])
    net = load(MODELS / "tensorflow" / entry["pb"])
    small, _ = jaxdnn.optimize(net)
    assert len(net.graph.nodes) - len(small.graph.nodes) >= least
    removed_by_passes(net, feeds)


@pytest.mark.long
@pytest.mark.parametrize(
    "name", [name for name, entry in TRAINED.items() if name.startswith("caffe/") and "ref" in entry]
)
def test_trained(name):
    entry = TRAINED[name]
    with np.load(MODELS / entry["ref"]) as reference:
        removed_by_passes(load(MODELS / name, MODELS / entry["weights"]), reference["input"])
