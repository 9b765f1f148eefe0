"""Well-known prototxts with seeded random weights, layer by layer against OpenCV."""

import warnings
from pathlib import Path

import cv2
import jax
import numpy as np
import pytest

import jaxdnn
from jaxdnn.importers.caffe import save_weights
from support.shared import shared_folder

MODELS = shared_folder()
PROTOTXTS = sorted(MODELS.glob("nets/caffe/*.prototxt")) if MODELS else []
LARGE = (
    *("MobileNetSSD_deploy", "bvlc_alexnet", "bvlc_googlenet", "bvlc_googlenet_train_val"),
    *("mobilenet_v1", "squeezenet_v1.1"),
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(MODELS is None, reason="needs the shared networks: set JAXDNN_SHARED"),
]


def with_random_params(net: jaxdnn.Net) -> jaxdnn.Net:
    """Give every parameter a value that keeps activations of order one through the whole net."""
    rng = np.random.default_rng(0)

    def draw(path, array):
        slot = path[-1].key
        if slot == "variance":
            return rng.uniform(0.5, 1.5, array.shape).astype(np.float32)
        if slot == "scale":
            return rng.uniform(0.5, 1.5, array.shape).astype(np.float32)
        fan = max(1, int(np.prod(array.shape[1:])))
        return (rng.standard_normal(array.shape) * np.sqrt(2 / fan)).astype(np.float32)

    return net.replace(params=jax.tree_util.tree_map_with_path(draw, net.params))


def feeds_of(net: jaxdnn.Net) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    return {
        value.name: rng.standard_normal((1, *value.shape[1:])).astype(np.float32)
        for value in net.graph.inputs
        if not value.optional
    }


@pytest.mark.parametrize(
    "path",
    [pytest.param(path, marks=[pytest.mark.long] * (path.stem in LARGE)) for path in PROTOTXTS],
    ids=lambda path: path.stem,
)
def test_layer_by_layer(path: Path, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", jaxdnn.JaxdnnWarning)
        net = with_random_params(jaxdnn.load(path, key=jax.random.key(0)))
    feeds = feeds_of(net)
    computable = set(net.program.computable(feeds))
    nodes = [node for node in net.graph.nodes if node.outputs[0] in computable]
    got = net(feeds, outputs=[node.outputs[0] for node in nodes])
    assert all(np.isfinite(np.asarray(value)).all() for value in got.values())

    save_weights(net, tmp_path / "net.caffemodel")
    try:
        reference = cv2.dnn.readNetFromCaffe(str(path), str(tmp_path / "net.caffemodel"))
    except cv2.error:
        assert "train_val" in path.stem, "OpenCV reads every deploy file here"
        return
    reference.enableFusion(False)
    for name, array in feeds.items():
        reference.setInput(array, name)
    names = [node.name for node in nodes if type(node.layer).__name__ != "PriorBox"]
    for node in nodes:
        if node.name not in names:
            continue
        want = reference.forward(node.name)
        value = np.asarray(got[node.outputs[0]])
        if node.name == "detection_out":
            continue
        assert value.size == want.size, node.name
        error = np.abs(value.ravel() - want.ravel()).max() / max(1.0, np.abs(want).max())
        assert error <= 1e-4, (node.name, error)


@pytest.mark.long
def test_train_val_is_the_deploy_net():
    folder = MODELS / "nets" / "caffe"
    deploy = with_random_params(jaxdnn.load(folder / "bvlc_googlenet.prototxt", key=jax.random.key(0)))
    train_val = jaxdnn.load(folder / "bvlc_googlenet_train_val.prototxt", key=jax.random.key(0))
    train_val = train_val.replace(params={**train_val.params, **deploy.params})
    x = feeds_of(deploy)["data"]
    got = train_val(x, outputs=["loss3/classifier"])["loss3/classifier"]
    np.testing.assert_allclose(
        got, deploy(x, outputs=["loss3/classifier"])["loss3/classifier"], rtol=1e-4, atol=1e-4
    )
