"""``jaxdnn.load``: files in, net out."""

from pathlib import Path

import jax
import numpy as np
import pytest

import jaxdnn
from jaxdnn import FileError, InputError, WeightsError
from support import averages, caffe

X = np.random.default_rng(0).standard_normal((1, 3, 4, 4)).astype(np.float32)


@pytest.fixture
def paths(tmp_path):
    return caffe.write(tmp_path, averages.PROTOTXT, averages.WEIGHTS)


def test_files_in_either_order_and_as_paths(paths):
    want = X.mean((2, 3))
    for arguments in (paths, paths[::-1], map(Path, paths)):
        got = jaxdnn.load(*arguments)(X)["fc"]
        np.testing.assert_allclose(got[..., 0, 0], want, rtol=1e-5, atol=1e-6)


def test_format(paths):
    assert jaxdnn.load(*paths, format="caffe").source.format == "caffe"
    with pytest.raises(InputError, match="format 'pytorch' is unknown; the formats are"):
        jaxdnn.load(*paths, format="pytorch")


def test_a_missing_file():
    with pytest.raises(FileError, match=r"no\.prototxt: cannot be read: No such file"):
        jaxdnn.load("no.prototxt")


def test_without_weights_a_net_can_be_looked_at_but_not_run(paths):
    net = jaxdnn.load(paths[0])
    assert net.missing == ("fc/weight",)
    assert net.outputs["fc"].shape == (1, 3, 1, 1)
    with pytest.raises(WeightsError, match=r"'fc/weight'.*key=jax\.random\.key"):
        net(X)


def test_a_key_draws_the_weights(paths):
    one, two, other = (jaxdnn.load(paths[0], key=jax.random.key(seed)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one(X)["fc"], two(X)["fc"])
    assert (one(X)["fc"] != other(X)["fc"]).any()


def test_input_shapes(tmp_path, paths):
    assert jaxdnn.load(*paths, input_shapes={"data": (2, 3, 8, 4)}).outputs["fc"].shape == (2, 3, 5, 1)
    with pytest.raises(InputError, match="input_shapes names 'image'; the inputs are data"):
        jaxdnn.load(*paths, input_shapes={"image": (1, 3, 4, 4)})
    layer = 'layer { name: "data" type: "Input" top: "data" }'
    paths = caffe.write(tmp_path, layer + averages.LAYER, averages.WEIGHTS)
    with pytest.raises(InputError, match="input 'data' has no complete shape"):
        jaxdnn.load(*paths)
    assert jaxdnn.load(*paths, input_shapes={"data": (1, 3, 4, 4)})(X)["fc"].shape == (1, 3, 1, 1)


def test_parts(tmp_path):
    more = 'layer { name: "r" type: "ReLU" bottom: "fc" top: "r" }'
    paths = caffe.write(tmp_path, averages.PROTOTXT + more, averages.WEIGHTS)
    assert list(jaxdnn.load(*paths, outputs=["fc"])(X)) == ["fc"]
    tail = jaxdnn.load(*paths, inputs=["fc"], outputs=["r"], input_shapes={"fc": (1, 3, 1, 1)})
    np.testing.assert_array_equal(tail(np.array([[-1.0, 0, 2]]).reshape(1, 3, 1, 1))["r"].ravel(), [0, 0, 2])


def test_policy(paths):
    net = jaxdnn.load(*paths, policy="params=float16,compute=float32,output=bfloat16")
    assert net.params["fc"]["weight"].dtype == "float16"
    assert net(X)["fc"].dtype == "bfloat16"
