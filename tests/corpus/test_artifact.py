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

OTHER_ORDER = 2e-5
"""How far a stored program may be from the net's call, relative to the largest value: XLA gets it with the graph's own
order of axes and without C++ kernels, and sums in another order than a CPU's recipes do. It is what the same networks
may differ by inside jax's transformations, and what the zoo's may from Caffe."""

LAST_BIT = 1e-6
"""The same for machine code: XLA computes the weights of Winograd's algorithm in it, and numpy for a net's call, which
may round the last bit otherwise.
"""


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
    artifact = jaxdnn.load_artifact(path, trust=True)
    origin = artifact.origin_of(feeds)
    if executables:
        assert origin == "executable", artifact.notes
    assert_same(artifact(feeds), want, {"StableHLO": OTHER_ORDER, "executable": LAST_BIT}.get(origin, 0.0))
    assert_same(jaxdnn.load_artifact(path)(feeds), want, 0.0)


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


ANY_SIZE = {
    "caffe/ultraface/RFB-320.prototxt": ("height", "width"),
    "caffe/mtcnn/12net.prototxt": ("2*rows", "2*columns"),
    "caffe/mbv2-yolov3-nano/MobileNetV2-YOLOv3-Nano-voc.prototxt": ("32*rows", "32*columns"),
    "darknet/yolo-fastest-1.1.cfg": ("32*rows", "32*columns"),
    "darknet/yoloface-500k.cfg": ("32*rows", "32*columns"),
}


@pytest.mark.parametrize("name", ANY_SIZE)
def test_one_program_for_any_batch_height_and_width(name, tmp_path):
    net = load(MODELS / name, MODELS / TRAINED[name]["weights"])
    ((picture, spec),) = net.inputs.items()
    net.export(
        tmp_path / "net.jaxdnn", shapes={picture: ("b", spec.shape[1], *ANY_SIZE[name])}, executables=False
    )
    artifact = jaxdnn.load_artifact(tmp_path / "net.jaxdnn", trust=True)
    for size in ((1, 160, 192), (2, 256, 224)):
        feeds = np.random.default_rng(0).uniform(0, 1, (size[0], spec.shape[1], *size[1:])).astype(np.float32)
        assert artifact.origin_of(feeds) == "StableHLO", artifact.notes
        assert_same(artifact(feeds), net(feeds), OTHER_ORDER)


def test_any_batch_of_a_detector(tmp_path):
    name = "caffe/wechat_qrcode/detect.prototxt"
    net = load(MODELS / name, MODELS / TRAINED[name]["weights"])
    manifest = net.export(tmp_path / "net.jaxdnn", executables=False)
    assert manifest.programs[0].inputs == {"data": ("b", 1, 384, 384)}
    with np.load(MODELS / TRAINED[name]["ref"]) as arrays:
        feeds = np.concatenate([arrays["input"], np.zeros_like(arrays["input"]), arrays["input"]])
    artifact = jaxdnn.load_artifact(tmp_path / "net.jaxdnn", trust=True)
    assert artifact.origin_of(feeds) == "StableHLO", artifact.notes
    assert_same(artifact(feeds), net(feeds), OTHER_ORDER)


def test_sizes_that_priors_are_computed_from(tmp_path):
    name = "caffe/wechat_qrcode/detect.prototxt"
    net = load(MODELS / name, MODELS / TRAINED[name]["weights"])
    with pytest.raises(jaxdnn.InputError, match="'detect' cannot be exported as asked: ") as error:
        net.export(tmp_path / "net.jaxdnn", shapes={"data": ("b", 1, "32*rows", "32*columns")})
    assert "\n" not in str(error.value)
