"""flax modules of nets: the same numbers, training with frozen parts, saving; and nets as plain pytrees."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxdnn
from jaxdnn import InputError, WeightsError
from jaxdnn.ir import Graph, Model, Node, Source, Value
from jaxdnn.layers.activation import Relu, Softmax
from jaxdnn.layers.convolution import Conv
from jaxdnn.layers.dense import Dense
from jaxdnn.layers.normalization import BatchNorm

linen = pytest.importorskip("flax.linen")
nnx = pytest.importorskip("flax.nnx")

from jaxdnn.flax import named, to_linen, to_nnx  # noqa: E402  (needs flax)

RNG = np.random.default_rng(0)
X = RNG.standard_normal((6, 2, 4, 4)).astype(np.float32)
LABELS = np.arange(6) % 3
OPTAX_TYPES = jax.numpy_dtype_promotion("standard")
"""optax multiplies integers and floats."""


def normal(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


def network(names=("conv", "norm", "fc")):
    """x -> conv -> norm -> relu -> fc -> prob"""
    conv, norm, fc = names
    nodes = (
        Node("c", Conv(filters=3, kernel=3), ("x",), ("c",), slots(conv, "weight", "bias")),
        Node("n", BatchNorm(), ("c",), ("n",), slots(norm, "mean", "variance")),
        Node("relu", Relu(), ("n",), ("relu",)),
        Node("f", Dense(units=3), ("relu",), ("logits",), slots(fc, "weight", "bias")),
        Node("prob", Softmax(), ("logits",), ("prob",)),
    )
    params = {
        conv: {"weight": normal(3, 2, 3, 3), "bias": normal(3)},
        norm: {"mean": normal(3), "variance": np.abs(normal(3)) + np.float32(0.5)},
        fc: {"weight": normal(3, 12), "bias": normal(3)},
    }
    graph = Graph("n", (Value("x", (1, 2, 4, 4)),), ("prob",), nodes)
    return jaxdnn.Net.from_model(Model(graph, params, Source("test")))


def slots(owner, *names):
    return {name: f"{owner}/{name}" for name in names}


def cross_entropy(outputs):
    return -jnp.log(outputs["prob"][np.arange(6), LABELS]).mean()


def changed(before, after):
    """The parameters that differ, as owner/slot."""
    return {
        f"{owner}/{slot}"
        for owner, values in before.items()
        for slot, value in values.items()
        if not np.array_equal(value, after[owner][slot])
    }


def test_linen_has_the_nets_parameters():
    net = network()
    module = to_linen(net)
    variables = module.init(jax.random.key(0), X)
    assert jax.tree.all(jax.tree.map(np.array_equal, dict(variables["params"]), net.params))
    assert list(variables) == ["params"]
    got = module.apply(variables, X, outputs=["logits", "prob"])
    want = net.apply(net.params, X, outputs=["logits", "prob"])
    for name in ("logits", "prob"):
        np.testing.assert_array_equal(got[name], want[name])


def test_nnx_has_the_nets_parameters():
    net = network()
    module = to_nnx(net)
    assert jax.tree.all(jax.tree.map(np.array_equal, module.arrays, net.params))
    np.testing.assert_array_equal(module(X)["prob"], net.apply(net.params, X)["prob"])
    jitted = nnx.jit(lambda module, x: module(x)["prob"])
    np.testing.assert_allclose(jitted(module, X), net(X)["prob"], rtol=1e-5, atol=1e-6)
    assert sum(leaf.size for leaf in jax.tree.leaves(nnx.state(module, nnx.Param))) == 57 + 6 + 39


def test_layers_may_be_called_like_attributes_of_modules():
    net = network(("name", "a/b", "net"))
    variables = to_linen(net).init(jax.random.key(0), X)
    assert set(variables["params"]) == {"name", "a/b", "net"}
    np.testing.assert_array_equal(to_linen(net).apply(variables, X)["prob"], to_nnx(net)(X)["prob"])


def test_a_part_of_a_larger_linen_module():
    net = network().subnet(outputs=["relu"])

    class Head(linen.Module):
        @linen.compact
        def __call__(self, x):
            features = to_linen(net)(x)["relu"]
            return linen.Dense(2)(features.reshape(features.shape[0], -1))

    variables = Head().init(jax.random.key(0), X)
    assert variables["params"]["LinenNet_0"]["conv"]["weight"].shape == (3, 2, 3, 3)
    assert Head().apply(variables, X).shape == (6, 2)


def test_training_with_linen_and_a_frozen_part():
    net = network()
    module = to_linen(net)
    params = module.init(jax.random.key(0), X)["params"]
    mask = jaxdnn.trainable(params, "fc*", "norm")
    labels = jax.tree.map(lambda chosen: "train" if chosen else "freeze", mask)
    optimizer = optax.multi_transform({"train": optax.adam(0.1), "freeze": optax.set_to_zero()}, labels)

    @jax.jit
    def step(params, state):
        loss, gradient = jax.value_and_grad(lambda p: cross_entropy(module.apply({"params": p}, X)))(params)
        updates, state = optimizer.update(gradient, state, params)
        return optax.apply_updates(params, updates), state, loss

    state, losses = optimizer.init(params), []
    with OPTAX_TYPES:
        for _ in range(20):
            params, state, loss = step(params, state)
            losses.append(float(loss))
    assert losses[-1] < losses[0] / 2
    assert changed(net.params, params) == {"fc/weight", "fc/bias"}
    trained = net.replace(params=params)
    np.testing.assert_allclose(cross_entropy(trained(X)), cross_entropy(module.apply({"params": params}, X)))


def test_training_with_nnx_and_a_frozen_part():
    net = network()
    module = to_nnx(net)
    chosen = named(module, "fc", "*/weight")
    optimizer = nnx.Optimizer(module, optax.adam(0.1), wrt=chosen)

    @nnx.jit
    def step(module, optimizer):
        loss, gradient = nnx.value_and_grad(
            lambda module: cross_entropy(module(X)), argnums=nnx.DiffState(0, chosen)
        )(module)
        optimizer.update(module, gradient)
        return loss

    with OPTAX_TYPES:
        losses = [float(step(module, optimizer)) for _ in range(20)]
    assert losses[-1] < losses[0] / 2
    assert changed(net.params, module.arrays) == {"conv/weight", "fc/weight", "fc/bias"}


def test_a_mask_for_optax_masked():
    net = network()
    optimizer = optax.masked(optax.sgd(0.1), jaxdnn.trainable(net.params))
    gradient = jax.grad(lambda params: cross_entropy(net.apply(params, X)))(net.params)
    updates, _ = optimizer.update(gradient, optimizer.init(net.params))
    assert changed(gradient, updates) == {"conv/weight", "conv/bias", "fc/weight", "fc/bias"}


def test_a_mask_tells_statistics_and_integers_from_what_is_trained():
    params = {"a": {"weight": np.zeros(2, np.float32), "table": np.zeros(2, np.int32)}, "b": {"mean": X}}
    assert jaxdnn.trainable(params) == {"a": {"weight": True, "table": False}, "b": {"mean": False}}
    assert jaxdnn.trainable(params, "b")["a"] == {"weight": False, "table": False}
    for function in (lambda *p: jaxdnn.trainable(params, *p), lambda *p: named(to_nnx(network()), *p)):
        with pytest.raises(InputError, match=r"no parameter is called 'z\*'; their layers are "):
            function("z*")


@pytest.mark.parametrize("names", [("conv", "norm", "fc"), ("a/b", "a/c", "a")])
def test_saving_with_orbax(tmp_path, names):
    checkpoint = pytest.importorskip("orbax.checkpoint")
    net = network(names)
    with checkpoint.StandardCheckpointer() as checkpointer:
        checkpointer.save(tmp_path / "params", net.params)
        checkpointer.save(tmp_path / "nnx", nnx.state(to_nnx(net)))
        checkpointer.wait_until_finished()
        zeros = jax.tree.map(jnp.zeros_like, net)
        params = checkpointer.restore(tmp_path / "params", zeros.params)
        module = to_nnx(zeros)
        nnx.update(module, checkpointer.restore(tmp_path / "nnx", nnx.state(module)))
    np.testing.assert_array_equal(net.replace(params=params)(X)["prob"], net(X)["prob"])
    assert changed(net.params, module.arrays) == set()


def test_missing_parameters():
    bare = network().with_layer("f", Dense(units=7))
    for convert in (to_linen, to_nnx):
        with pytest.raises(WeightsError, match=r"no values for 2 parameters \('fc/weight', 'fc/bias'\)"):
            convert(bare)


def test_a_net_is_a_pytree_as_equinox_has_it():
    """``filter_jit`` and ``filter_grad`` split a tree by ``is_array`` and put it together again."""
    net = network()

    def partition(tree):
        is_array = jax.tree.map(lambda leaf: isinstance(leaf, jax.Array), tree)
        arrays = jax.tree.map(lambda leaf, chosen: leaf if chosen else None, tree, is_array)
        rest = jax.tree.map(lambda leaf, chosen: None if chosen else leaf, tree, is_array)
        return arrays, rest

    def combine(arrays, rest):
        return jax.tree.map(
            lambda a, b: b if a is None else a, arrays, rest, is_leaf=lambda leaf: leaf is None
        )

    model = {"net": net, "scale": jnp.float32(2), "name": "m"}
    arrays, rest = partition(model)
    assert rest["name"] == "m"
    assert jax.tree.leaves(rest) == ["m"]

    @jax.jit
    @jax.grad
    def gradient(arrays):
        model = combine(arrays, rest)
        return cross_entropy(model["net"].apply(model["net"].params, X)) * model["scale"]

    got = gradient(arrays)["net"]
    want = jax.grad(lambda params: 2 * cross_entropy(net.apply(params, X)))(net.params)
    assert isinstance(got, jaxdnn.Net)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6), got.params, want)
    stepped = jax.tree.map(lambda p, g: p - jnp.float32(0.01) * g, net, got)
    assert cross_entropy(stepped(X)) < cross_entropy(net(X))
