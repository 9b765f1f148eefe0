"""Nets: how they are called, differentiated and changed, and what they refuse."""

import threading

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdnn import InputError, Padded, ShapeError, UnsupportedLayerError
from support import averages, caffe

X = np.random.default_rng(0).standard_normal((2, 3, 4, 4)).astype(np.float32)
MEANS = X.mean((2, 3)).reshape(2, 3, 1, 1)
TAIL = 'layer { name: "relu" type: "ReLU" bottom: "fc" top: "out" }\n'


@pytest.fixture
def net(tmp_path):
    return caffe.load(tmp_path, f'name: "n" {averages.PROTOTXT}{TAIL}', averages.WEIGHTS)


@pytest.fixture
def pair(tmp_path):
    text = caffe.inputs(a=(1, 2), b=(1, 2)) + "".join(
        f'layer {{ name: "r{name}" type: "ReLU" bottom: "{name}" top: "r{name}" }}\n' for name in "ab"
    )
    return caffe.load(tmp_path, f'name: "pair" {text}')


def close(got, want):
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


def test_ways_to_call(net):
    want = np.maximum(MEANS, 0)
    for got in (net(X), net({"data": X}), net(data=X), net(jnp.asarray(X)), net(X.tolist())):
        assert list(got) == ["out"]
        close(got["out"], want)
    close(net.apply(net.params, {"data": X})["out"], want)
    close(net.apply(net.params, X)["out"], want)


def test_any_value_may_be_an_output(net):
    got = net(X, outputs=["relu", "fc", "data", "fc"])
    assert list(got) == ["relu", "fc", "data"]
    close(got["fc"], MEANS)
    close(got["relu"], np.maximum(MEANS, 0))
    close(got["data"], X)
    assert list(net(X, outputs="fc")) == ["fc"]
    with pytest.raises(InputError, match="nothing in 'n' is called 'conv'"):
        net(X, outputs=["conv"])


def test_asking_for_one_output_does_not_change_another(net):
    both = net(X, outputs=["fc", "out"])
    np.testing.assert_array_equal(net(X, outputs=["fc"])["fc"], both["fc"])
    np.testing.assert_array_equal(net(X)["out"], both["out"])


def test_specs(net):
    assert {name: str(spec) for name, spec in net.inputs.items()} == {"data": "float32[1, 3, 4, 4]"}
    assert {name: str(spec) for name, spec in net.outputs.items()} == {"out": "float32[1, 3, 1, 1]"}
    assert repr(net) == "Net('n', data: float32[1, 3, 4, 4] -> out; 2 layers, 144 parameters, float32)"
    assert net.name == "n"
    assert str(net.policy) == "float32"


def test_integers_become_what_the_input_takes(net):
    close(net(np.ones((1, 3, 4, 4), np.uint8))["out"], np.ones((1, 3, 1, 1)))


@pytest.mark.parametrize(
    ("feed", "message"),
    [
        ({}, "input 'data' of 'n' is missing"),
        ({"image": X}, "'n' has no input 'image'; its inputs are data"),
        (
            {"data": X[0]},
            r"input 'data' has 4 axes \(float32\[1, 3, 4, 4\]\), got an array of shape \(3, 4, 4\)",
        ),
        ({"data": np.array("cat")}, "input 'data' takes numbers, got <U3"),
        ({"data": np.array(None)}, "input 'data' takes numbers, got object"),
    ],
)
def test_bad_inputs(net, feed, message):
    with pytest.raises(InputError, match=message):
        net(feed)


def test_trailing_axes_of_size_one_may_be_left_out_or_added(tmp_path):
    text = 'layer { name: "r" type: "ReLU" bottom: "x" top: "y" }'
    net = caffe.load(tmp_path, caffe.inputs(x=(1, 5, 1, 1)) + text)
    assert net(np.ones((3, 5)))["y"].shape == (3, 5, 1, 1)
    net = caffe.load(tmp_path, caffe.inputs(x=(1, 5)) + text)
    assert net(np.ones((3, 5, 1, 1)))["y"].shape == (3, 5)


def test_several_inputs(pair):
    a, b = np.array([[1.0, -1]]), np.array([[-2.0, 2]])
    for got in (pair({"a": a, "b": b}), pair(a=a, b=b), pair({"a": a}, b=b)):
        close(got["ra"], [[1, 0]])
        close(got["rb"], [[0, 2]])
    with pytest.raises(InputError, match="'pair' has 2 inputs, 'a', 'b': name them in a dict"):
        pair(a)


def test_shapes_that_do_not_fit_name_layer_and_line(net):
    with pytest.raises(ShapeError, match=r"net\.prototxt:2: layer 'fc' \(Conv\): the kernel 4x4 is larger"):
        net(X[:, :, :2])


def test_gradients_flow_to_parameters_and_inputs(net):
    def loss(params, x):
        return net.apply(params, {"data": x}, outputs=["fc"])["fc"].sum()

    by_params, by_x = jax.grad(loss, argnums=(0, 1))(net.params, jnp.asarray(X))
    close(by_x, np.full_like(X, 1 / 16))
    close(by_params["fc"]["weight"], np.broadcast_to(X.sum(0), (3, 3, 4, 4)))


def test_vmap_and_jit(net):
    got = jax.jit(jax.vmap(lambda x: net.apply(net.params, x[None])["out"][0]))(jnp.asarray(X))
    close(got, np.maximum(MEANS, 0))


def test_params_that_are_first_read_inside_of_jit_are_no_tracers_of_it(net):
    inside = jax.jit(lambda x: net.apply(net.params, x)["out"])(X)
    close(net(X)["out"], inside)
    assert not any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(net.params))


def test_a_net_is_a_pytree_of_its_parameters(net):
    assert [leaf.shape for leaf in jax.tree.leaves(net)] == [(3, 3, 4, 4)]
    doubled = jax.tree.map(lambda leaf: 2 * leaf, net)
    close(doubled(X)["out"], 2 * np.maximum(MEANS, 0))
    close(jax.jit(lambda n, x: n.apply(n.params, x)["out"])(net, X), np.maximum(MEANS, 0))


def test_replace_makes_another_net(net):
    params = jax.tree.map(lambda leaf: -leaf, net.params)
    other = net.replace(params=params)
    close(other(X)["out"], np.maximum(-MEANS, 0))
    close(net(X)["out"], np.maximum(MEANS, 0))
    half = net.replace(policy="float16")
    assert half(X)["out"].dtype == "float16"
    assert half.params["fc"]["weight"].dtype == "float16"
    np.testing.assert_allclose(half(X)["out"], np.maximum(MEANS, 0), atol=1e-2)


def test_replace_gives_a_net_without_weights_its_weights(tmp_path):
    bare = caffe.load(tmp_path, averages.PROTOTXT)
    close(bare.replace(params={"fc": {"weight": averages.WEIGHTS["fc"][0]}})(X)["fc"], MEANS)


def test_a_mixed_policy_returns_float32(net):
    assert net.replace(policy="mixed_bfloat16")(X)["out"].dtype == "float32"


def test_several_threads_share_a_net(net):
    results = {}

    def work(index):
        results[index] = net(X + np.float32(index), outputs=["fc"])["fc"]

    threads = [threading.Thread(target=work, args=(index,)) for index in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for index, got in results.items():
        close(got, MEANS + index)
    assert len(results) == 8


CUSTOM = (
    caffe.inputs(data=(1, 3, 4, 4))
    + """
layer { name: "a" type: "Twice" bottom: "data" top: "a" twice_param { offset: 1.5 } }
layer { name: "b" type: "Firsts" bottom: "a" top: "b" }
"""
)


def test_unknown_layers_are_listed_all_at_once(tmp_path):
    with pytest.raises(UnsupportedLayerError) as error:
        caffe.load(tmp_path, CUSTOM)
    assert "Twice: layer 'a' at" in str(error.value)
    assert "Firsts: layer 'b' at" in str(error.value)


def test_custom_layers_and_sizes_that_depend_on_the_data(tmp_path):
    def twice(weights, x, offset):
        del weights
        return 2 * x + offset

    def firsts(weights, x):
        del weights
        return Padded(x, (x[:, 0, 0, 0] > 0).sum(), 0)

    net = caffe.load(tmp_path, CUSTOM, custom_layers={"Twice": twice, "Firsts": firsts})
    assert str(net.outputs["b"]) == "float32[?, 3, 4, 4]"
    x = np.ones((3, 3, 4, 4), np.float32) * np.array([1, -5, -5], np.float32).reshape(3, 1, 1, 1)
    close(net(x)["b"], 2 * x[:1] + 1.5)
    padded = net.apply(net.params, x)["b"]
    assert isinstance(padded, Padded)
    assert padded.shape == (3, 3, 4, 4)
    assert int(padded.count) == 1


def test_labels_may_be_left_out(tmp_path):
    text = (
        caffe.inputs(data=(1, 3, 4, 4), label=(1,))
        + averages.LAYER
        + ('layer { name: "loss" type: "SoftmaxWithLoss" bottom: "fc" bottom: "label" top: "loss" }\n')
    )
    net = caffe.load(tmp_path, text, averages.WEIGHTS)
    assert "fc" in net(X, outputs=["fc"])
    assert net(X, label=np.zeros(2))["loss"].shape == ()
    with pytest.raises(InputError, match="input 'label' is needed for 'loss'"):
        net(X, outputs=["loss"])


def test_summary_is_of_this_net(net):
    assert net.summary().parameters == 144
