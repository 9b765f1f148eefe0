"""Writing caffemodels."""

import numpy as np
import pytest

import jaxdnn
from jaxdnn.importers.caffe import save_weights
from support import caffe

TEXT = caffe.inputs(data=(1, 2, 4, 4)) + (
    'layer { name: "conv" type: "Convolution" bottom: "data" top: "conv" '
    "convolution_param { num_output: 3 kernel_size: 3 } }"
)
X = np.random.default_rng(0).standard_normal((2, 2, 4, 4)).astype(np.float32)


@pytest.fixture
def net(tmp_path):
    random = np.random.default_rng(1)
    weight, bias = random.standard_normal((3, 2, 3, 3)), random.standard_normal(3)
    return caffe.load(tmp_path, TEXT, {"conv": [weight.astype(np.float32), bias.astype(np.float32)]})


def test_what_is_written_is_read(net, tmp_path):
    save_weights(net, tmp_path / "saved.caffemodel")
    again = jaxdnn.load(tmp_path / "net.prototxt", tmp_path / "saved.caffemodel")
    for slot, array in net.params["conv"].items():
        np.testing.assert_array_equal(again.params["conv"][slot], array)
    np.testing.assert_array_equal(again(X)["conv"], net(X)["conv"])


def test_half_precision_is_written_as_float32(net, tmp_path):
    save_weights(net.replace(policy="float16"), tmp_path / "saved.caffemodel")
    again = jaxdnn.load(tmp_path / "net.prototxt", tmp_path / "saved.caffemodel")
    want = np.asarray(net.params["conv"]["weight"]).astype(np.float16).astype(np.float32)
    np.testing.assert_array_equal(again.params["conv"]["weight"], want)


def test_a_quantised_net_is_refused(net, tmp_path):
    small, _ = jaxdnn.quantize(net, weights_only=True)
    path = tmp_path / "saved.caffemodel"
    with pytest.raises(jaxdnn.InputError, match="weight of 'conv' is int8: a caffemodel cannot hold"):
        save_weights(small, path)
    assert not path.exists()
