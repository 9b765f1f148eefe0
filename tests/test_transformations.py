"""A net computes the same inside jax's transformations, and equal arguments are traced once."""

import json
import os
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxdnn
from jaxdnn import InputError
from support import caffe, small_nets

SHARDED = """
import json, sys
import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec as P
import jaxdnn

jax.config.update("jax_num_cpu_devices", 8)
jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")
for name, files in json.loads(sys.argv[1]).items():
    net = jaxdnn.load(*files)
    (spec,) = net.inputs.values()
    x = np.random.default_rng(1).standard_normal((8, *spec.shape[1:])).astype(np.float32)
    (output,) = net.outputs
    mesh = Mesh(np.array(jax.devices()).reshape(8), ("batch",))

    def apply(params, x):
        return net.apply(params, x)[output]

    def loss(params, x):
        return (apply(params, x) ** 2).mean()

    def sharded(function, out_specs):
        return jax.jit(jax.shard_map(function, mesh=mesh, in_specs=(P(), P("batch")), out_specs=out_specs))

    def mean_gradient(params, x):
        return jax.lax.pmean(jax.grad(loss)(jax.lax.pcast(params, "batch", to="varying"), x), "batch")

    want = apply(net.params, x)
    np.testing.assert_allclose(sharded(apply, P("batch"))(net.params, x), want, rtol=1e-4, atol=1e-5)
    placed = jax.device_put(x, NamedSharding(mesh, P("batch")))
    params = jax.device_put(net.params, NamedSharding(mesh, P()))
    got = jax.jit(apply)(params, placed)
    assert len(got.sharding.device_set) == 8
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)
    gradients = sharded(mean_gradient, P())(net.params, x), jax.grad(loss)(net.params, x)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5), *gradients)
    print(name)
"""


@pytest.fixture(scope="module", params=small_nets.FORMATS)
def case(request, tmp_path_factory):
    """A net, a batch of eight and the name of its output."""
    net, x = small_nets.load(request.param, tmp_path_factory.mktemp(request.param))
    (output,) = net.outputs
    return net, x, output


def close(got, want, rtol=1e-4):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=rtol, atol=1e-5), got, want)


def loss_of(net, output):
    return lambda params, x: (net.apply(params, x)[output] ** 2).mean()


def test_jit(case):
    net, x, output = case
    eager = net.apply(net.params, x)[output]
    assert np.ptp(np.asarray(eager)) > 1e-3
    close(jax.jit(net.apply)(net.params, x)[output], eager)
    close(net(x)[output], eager)


def test_vmap_over_examples(case):
    net, x, output = case
    got = jax.vmap(lambda x: net.apply(net.params, x[None])[output])(x)
    want = net(x)[output]
    close(got.reshape(want.shape), want)


def test_vmap_over_parameters(case):
    net, x, output = case
    pair = jax.tree.map(lambda p: jnp.stack([p, p / 2]), net.params)
    got = jax.vmap(lambda params: net.apply(params, x)[output])(pair)
    close(got[1], net.replace(params=jax.tree.map(lambda p: p / 2, net.params))(x)[output])


def test_scan_over_frames(case):
    net, x, output = case

    def step(total, frame):
        value = net.apply(net.params, frame[None])[output]
        return total + value.sum(), value

    total, values = jax.lax.scan(step, jnp.float32(0), x)
    want = net(x)[output]
    close(values.reshape(want.shape), want)
    close(total, np.asarray(want).sum())


@pytest.mark.long
def test_gradients_under_jit_and_checkpoint(case):
    net, x, output = case
    loss = loss_of(net, output)
    want = jax.grad(loss, argnums=(0, 1))(net.params, jnp.asarray(x))
    assert all(np.abs(leaf).max() > 0 for leaf in jax.tree.leaves(want))
    for transformed in (jax.jit(loss), jax.checkpoint(loss), jax.jit(jax.checkpoint(loss))):
        close(jax.grad(transformed, argnums=(0, 1))(net.params, jnp.asarray(x)), want, rtol=1e-3)


@pytest.mark.long
def test_gradients_per_example(case):
    net, x, output = case
    loss = loss_of(net, output)
    each = jax.vmap(jax.grad(loss), (None, 0))(net.params, x[:, None])
    close(jax.tree.map(lambda g: g.mean(0), each), jax.grad(loss)(net.params, x), rtol=1e-3)


def test_sharded_over_eight_devices(tmp_path):
    files = {}
    for name in small_nets.FORMATS:
        (tmp_path / name).mkdir()
        files[name] = small_nets.paths(name, tmp_path / name)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    command = [sys.executable, "-c", SHARDED, json.dumps(files)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.split() == list(small_nets.FORMATS), done.stderr[-3000:]


# Tracing


@pytest.fixture
def counted(tmp_path):
    """A net with a layer that counts how often it is traced, its counter, a loader of equal nets, and an input."""
    traces = []

    def count(weights, x):
        traces.append(x.shape)
        return x * 2

    text = small_nets.PROTOTXT.replace('type: "ReLU"', 'type: "Count"')
    rng = np.random.default_rng(0)
    shapes = {"conv": [(4, 3, 3, 3), (4,)], "fc": [(5, 36), (5,)]}
    blobs = {
        name: [rng.standard_normal(shape).astype(np.float32) for shape in each]
        for name, each in shapes.items()
    }
    files = caffe.write(tmp_path, text, blobs)

    def load():
        return jaxdnn.load(*files, custom_layers={"Count": count})

    net = load()
    traces.clear()
    return net, traces, load, np.ones((2, 3, 8, 8), np.float32)


def test_equal_calls_are_traced_once(counted):
    net, traces, _, x = counted
    for array in (x, x + 1, jnp.asarray(x), x.astype(np.uint8), x.astype(np.float64)):
        net(array)
    net(data=x)
    net({"data": x})
    net(x, outputs=["prob"])
    assert len(traces) == 1
    net(x[:1])
    assert len(traces) == 2


def test_replaced_parameters_are_traced_once(counted):
    net, traces, _, x = counted
    net(x)
    for factor in (2, 3):
        net.replace(params=jax.tree.map(lambda p, f=factor: p * f, net.params))(x)
    jax.tree.map(lambda p: p + 1, net)(x)
    assert len(traces) == 1


def test_a_jitted_apply_is_traced_once(counted):
    net, traces, _, x = counted
    apply = jax.jit(net.apply)
    for factor in (1, 2):
        apply(jax.tree.map(lambda p, f=factor: p * f, net.params), x * factor)
    assert len(traces) == 1


def test_equal_nets_as_arguments_are_traced_once(counted):
    net, traces, load, x = counted
    again = load()
    assert again == net
    assert hash(again) == hash(net)
    traces.clear()
    as_tree = jax.jit(lambda net, x: net.apply(net.params, x)["prob"])
    first, second = as_tree(net, x), as_tree(again, x)
    as_tree(jax.tree.map(lambda p: p * 2, again), x)
    assert len(traces) == 1
    np.testing.assert_array_equal(first, second)
    static = jax.jit(lambda net, x: net.apply(net.params, x)["prob"], static_argnums=0)
    np.testing.assert_allclose(static(net, x), static(again, x))
    assert len(traces) == 2


def test_nets_that_differ_are_not_equal(counted):
    net, _, load, _ = counted
    assert net != net.replace(policy="float16")
    assert net != net.replace(params=jax.tree.map(lambda p: p + 1, net.params))
    assert net != net.subnet(outputs=["fc"])
    assert net != load().with_layer("relu", lambda weights, x: x)
    assert net != "net"


def test_constants_make_nets_differ(tmp_path):
    def constant(value):
        folder = tmp_path / str(value)
        folder.mkdir()
        tensorflow = small_nets.tensorflow
        parts = (
            tensorflow.placeholder("x", (2,)),
            tensorflow.const("c", np.array([value, 2], np.float32)),
            tensorflow.node("y", "Maximum", "x", "c"),
        )
        return tensorflow.load(folder, *parts).program

    assert constant(1.0) != constant(3.0)


@pytest.mark.parametrize("key", [jax.random.PRNGKey(0), 0, np.zeros(2, np.uint32)])
def test_only_typed_keys(tmp_path, key):
    with pytest.raises(InputError, match=r"key must be one typed key, jax.random.key\(seed\), got "):
        caffe.load(tmp_path, small_nets.PROTOTXT, key=key)
