"""Calls that repeat earlier ones give what the first gave, and nothing is taken for a repetition that is none."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdnn import InputError, calls
from jaxdnn.policy import Tuning
from support import averages, caffe

X = np.random.default_rng(0).standard_normal((2, 3, 4, 4)).astype(np.float32)
TAIL = 'layer { name: "relu" type: "ReLU" bottom: "fc" top: "out" }\n'


@pytest.fixture
def net(tmp_path):
    return caffe.load(tmp_path, f'name: "n" {averages.PROTOTXT}{TAIL}', averages.WEIGHTS)


def means(x):
    return np.asarray(x, np.float32).mean((2, 3)).reshape(-1, 3, 1, 1)


def remembered(net):
    return len(net._calls._known)


@pytest.mark.parametrize(
    "convert",
    [np.asarray, jnp.asarray, np.float64, lambda x: x.astype(np.int8), lambda x: x[:1], lambda x: x[:, ::-1]],
)
@pytest.mark.parametrize("name", [None, lambda x: {"data": x}, "data"])
def test_each_kind_of_input(net, convert, name):
    x = convert(X * 9)
    for factor in (1, 2, 2):
        fed = x if factor == 1 else (x * factor).astype(x.dtype)
        got = net(fed) if name is None else net(name(fed)) if callable(name) else net(**{name: fed})
        np.testing.assert_allclose(got["out"], np.maximum(means(fed), 0), rtol=1e-5, atol=1e-5)
    assert remembered(net) == 1


@pytest.mark.parametrize(
    ("asked", "names"),
    [(None, ["out"]), ("fc", ["fc"]), (["fc", "data"], ["fc", "data"]), (("data", "fc"), ["data", "fc"])],
)
def test_outputs_are_those_of_the_call(net, asked, names):
    for _ in range(2):
        net(X, outputs="out")
        assert list(net(X, outputs=asked)) == names
        assert list(net(X, outputs=iter(names))) == names


def test_lists_are_read_anew(net):
    for x in (X, 2 * X):
        np.testing.assert_allclose(net(x.tolist())["out"], net(x)["out"], rtol=1e-6)


def test_errors_are_those_of_a_first_call(net):
    for _ in range(2):
        net(X)
        with pytest.raises(InputError, match="axes"):
            net(X[0])
        with pytest.raises(InputError, match="no input 'date'"):
            net({"date": X})
        with pytest.raises(InputError, match="nothing in 'n' is called 'conv'"):
            net(X, outputs="conv")
        for bad in (5, [["fc"]], [None]):
            with pytest.raises(InputError, match="asked for by name, got"):
                net(X, outputs=bad)
        with pytest.raises(InputError, match=r"input 'data' takes an array: .*inhomogeneous"):
            net([[1, 2], [3]])


def test_transformations_before_and_after(net):
    want = np.maximum(means(X), 0)

    def total(x):
        return net(x)["out"].sum()

    for _ in range(2):
        np.testing.assert_allclose(jax.jit(lambda x: net(x)["out"])(X), want, rtol=1e-5)
        np.testing.assert_allclose(jax.jit(lambda: net(X)["out"])(), want, rtol=1e-5)
        np.testing.assert_allclose(jax.vmap(lambda x: net(x)["out"])(X[None])[0], want, rtol=1e-5)
        np.testing.assert_allclose(
            jax.grad(total)(X), np.broadcast_to((want > 0) / 16, X.shape), rtol=1e-5, atol=1e-7
        )
        np.testing.assert_allclose(net(X)["out"], want, rtol=1e-5)


def test_nets_of_one_program_keep_their_own_weights(net):
    weights = jax.tree.map(lambda array: 2 * array, net.params)
    other = net.replace(params=weights)
    for _ in range(3):
        np.testing.assert_allclose(other(X)["out"], 2 * net(X)["out"], rtol=1e-5)


def test_a_dict_of_params_is_not_the_nets(net):
    want = net(X)["out"]
    params = net.params
    params["fc"]["weight"] = jnp.zeros_like(params["fc"]["weight"])
    del params["fc"]
    np.testing.assert_array_equal(net(X)["out"], want)
    assert "fc" in net.params


def test_chunks_are_computed_as_tuned(net):
    tuned = net.replace(policy=replace(net.policy, tuning=Tuning(chunks=((2, 2),))))
    for _ in range(2):
        np.testing.assert_allclose(tuned(X)["out"], net(X)["out"], rtol=1e-5)
    assert remembered(tuned) == 0


def test_only_so_many_kinds_are_remembered(net, monkeypatch):
    monkeypatch.setattr(calls, "_KEPT", 3)
    for rows in (1, 2, 3, 4, 5, 1):
        x = np.repeat(X[:1], rows, 0)
        np.testing.assert_allclose(net(x)["out"], np.maximum(means(x), 0), rtol=1e-5)
    assert remembered(net) == 3
