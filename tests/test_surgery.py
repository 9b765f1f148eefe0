"""Parts of nets, other layers in them, other names, and joined nets: what they compute, share and refuse."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxdnn
from jaxdnn import GraphError, InputError, LayerError, ShapeError, WeightsError
from jaxdnn.ir import Graph, Model, Node, Source, Value, verify
from jaxdnn.layers.activation import Relu, Sigmoid, Softmax
from jaxdnn.layers.convolution import Conv
from jaxdnn.layers.dense import Dense
from jaxdnn.layers.elementwise import Dropout, Eltwise
from support import averages, caffe

KEY = jax.random.key(3)
X = np.random.default_rng(1).standard_normal((2, 3, 4, 4)).astype(np.float32)


def classifier(name="n", *, shape=(1, 3, 4, 4), policy="float32", units=5, shared=False):
    """x -> conv -> relu -> drop -> fc -> prob, and fc2 beside fc."""
    rng = np.random.default_rng(0)
    nodes = (
        Node("conv", Conv(filters=2, kernel=1), ("x",), ("conv",), slots("conv")),
        Node("relu", Relu(), ("conv",), ("relu",)),
        Node("drop", Dropout(), ("relu",), ("dropped",)),
        Node("fc", Dense(units=units), ("dropped",), ("fc",), slots("fc")),
        Node("fc2", Dense(units=units), ("dropped",), ("fc2",), slots("fc" if shared else "fc2")),
        Node("prob", Softmax(), ("fc",), ("prob",)),
    )
    fc = {"weight": normal(rng, units, 32), "bias": normal(rng, units)}
    params = {"conv": {"weight": normal(rng, 2, 3, 1, 1), "bias": normal(rng, 2)}, "fc": fc}
    if not shared:
        params["fc2"] = {"weight": normal(rng, units, 32), "bias": normal(rng, units)}
    graph = Graph(name, (Value("x", shape),), ("prob", "fc2"), nodes)
    model = Model(graph, params, Source("test"), open_shapes=True)
    return jaxdnn.Net.from_model(model, policy=policy)


def head(name="head", *, units=3, inputs=5, output="prob"):
    """x -> dense -> output"""
    node = Node("dense", Dense(units=units), ("x",), (output,), slots("dense"))
    weights = {"weight": np.ones((units, inputs), np.float32), "bias": np.arange(units, dtype=np.float32)}
    graph = Graph(name, (Value("x", (1, inputs)),), (output,), (node,))
    return jaxdnn.Net.from_model(Model(graph, {"dense": weights}, Source("test")))


def slots(owner):
    return {"weight": f"{owner}/weight", "bias": f"{owner}/bias"}


def normal(rng, *shape):
    return rng.standard_normal(shape).astype(np.float32)


def close(got, want):
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


def assert_shares(part, whole, *layers):
    """The parameters are the same arrays, and the graph is legal."""
    verify(part.graph)
    for layer in layers:
        assert part.params[layer]["weight"] is whole.params[layer]["weight"]


# Parts


def test_features():
    net = classifier()
    part = net.subnet(outputs=["relu"])
    assert list(part.params) == ["conv"]
    assert_shares(part, net, "conv")
    np.testing.assert_array_equal(part(X)["relu"], net(X, outputs=["relu"])["relu"])
    assert list(net.subnet(outputs="fc")(X)) == ["fc"]


@pytest.mark.parametrize("shape", [(1, 3, 4, 4), (None, 3, 4, 4)])
def test_second_half_needs_no_shapes(shape):
    net = classifier(shape=shape)
    part = net.subnet(inputs=["relu"])
    assert str(part.inputs["relu"]) == f"float32[{shape[0] or '?'}, 2, 4, 4]"
    assert_shares(part, net, "fc", "fc2")
    assert "conv" not in part.params
    whole = net(X, outputs=["relu", "prob", "fc2"])
    got = part(whole["relu"])
    np.testing.assert_array_equal(got["prob"], whole["prob"])
    np.testing.assert_array_equal(got["fc2"], whole["fc2"])


def test_halves_put_together_are_the_whole():
    net = classifier()
    both = jaxdnn.join(net.subnet(outputs=["relu"]), net.subnet(inputs=["relu"]))
    assert list(both(X)) == ["prob", "fc2"]
    close(both(X)["prob"], net(X)["prob"])


def test_a_part_of_a_half_precision_net_computes_in_its_types():
    net = classifier(policy={"default": "mixed_float16", "fc*": "float32", "conv": "bfloat16"})
    part = net.subnet(inputs=["relu"], outputs=["fc"])
    assert part.inputs["relu"].dtype == "float16"
    assert {pattern for pattern, _ in part.policy.layers} == {"fc*"}
    whole = net(X, outputs=["relu", "fc"])
    np.testing.assert_array_equal(part(whole["relu"])["fc"], whole["fc"])


def test_a_part_of_a_net_without_weights_lacks_its_own(tmp_path):
    net = caffe.load(tmp_path, averages.PROTOTXT + 'layer { name: "r" type: "ReLU" bottom: "fc" top: "r" }')
    assert net.subnet(outputs=["fc"]).missing == ("fc/weight",)
    assert net.subnet(inputs=["fc"]).missing == ()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"outputs": ["q"]}, "nothing in 'n' is called 'q'"),
        ({"inputs": ["q"]}, "nothing in 'n' is called 'q'"),
        ({"inputs": ["fc"], "outputs": ["fc2"]}, "'fc2' also needs 'x', which is not among the inputs"),
    ],
)
def test_bad_parts(arguments, message):
    with pytest.raises(InputError, match=message):
        classifier().subnet(**arguments)


# Other layers


@pytest.mark.parametrize("shape", [(1, 3, 4, 4), (None, 3, 4, 4)])
def test_a_new_head_is_drawn(shape):
    net = classifier(shape=shape)
    new = net.with_layer("fc", Dense(units=10), key=KEY)
    assert_shares(new, net, "conv", "fc2")
    assert new.params["fc"]["weight"].shape == (10, 32)
    assert new(X)["prob"].shape == (2, 10)
    again = net.with_layer("fc", Dense(units=10), key=KEY)
    np.testing.assert_array_equal(again.params["fc"]["weight"], new.params["fc"]["weight"])
    assert net.params["fc"]["weight"].shape == (5, 32), "the old net is as it was"


def test_a_new_head_is_given():
    params = {"weight": np.ones((4, 32), np.float32), "bias": np.arange(4, dtype=np.float32)}
    new = classifier().with_layer("fc", Dense(units=4), params=params)
    dropped = new(X, outputs=["dropped"])["dropped"]
    close(new(X, outputs=["fc"])["fc"], np.asarray(dropped).sum((1, 2, 3))[:, None] + np.arange(4))


def test_parameters_that_fit_stay_and_others_are_missing():
    net = classifier()
    kept = net.with_layer("conv", Conv(filters=2, kernel=1, padding=2, stride=2), inputs="x")
    assert_shares(kept.subnet(outputs="conv"), net, "conv")
    assert kept(X, outputs=["conv"])["conv"].shape == (2, 2, 4, 4)
    assert (
        np.asarray(kept(X, outputs=["conv"])["conv"])[:, :, 0]
        == np.asarray(kept.params["conv"]["bias"])[:, None]
    ).all()
    wider = net.with_layer("fc", Dense(units=6))
    assert wider.missing == ("fc/weight", "fc/bias")
    with pytest.raises(WeightsError, match="no values for 2 parameters"):
        wider(X)


def test_a_layer_that_shares_its_parameters_leaves_them_to_the_other():
    net = classifier(shared=True)
    new = net.with_layer("fc", Dense(units=5), key=KEY)
    close(new(X)["fc2"], net(X)["fc2"])
    assert not np.allclose(new(X, outputs=["fc"])["fc"], net(X, outputs=["fc"])["fc"])


def test_a_function_gets_the_old_parameters():
    def halved(weights, x):
        return x.reshape(x.shape[0], -1) @ weights["weight"].T / 2

    net = classifier()
    new = net.with_layer("fc", halved)
    assert_shares(new, net, "fc")
    old = np.asarray(net(X, outputs=["fc"])["fc"])
    close(new(X, outputs=["fc"])["fc"], (old - np.asarray(net.params["fc"]["bias"])) / 2)


def test_a_function_with_parameters_of_its_own():
    def gain(weights, x):
        return x * jnp.broadcast_to(weights["gain"], x.shape)

    net = classifier()
    given = net.insert("gain", gain, after="relu", params={"gain": np.float32(3)})
    close(given(X, outputs=["gain"])["gain"], 3 * np.asarray(net(X, outputs=["relu"])["relu"]))
    layer = jaxdnn.CustomLayer(gain, weights=lambda shape, attributes: {"gain": shape[1:]})
    drawn = net.insert("gain", layer, after="relu", key=KEY)
    assert drawn.params["gain"]["gain"].shape == (2, 4, 4)
    gradient = jax.grad(lambda p: given.apply(p, X)["prob"][:, 0].sum())(given.params)
    assert float(gradient["gain"]["gain"]) != 0


def test_two_functions_of_one_name_are_two_types():
    net = classifier()
    for factor in (2.0, 3.0):
        net = net.insert(f"times{factor}", lambda weights, x, f=factor: x * jnp.float32(f), after="relu")
    values = net(X, outputs=["relu", "times2.0", "times3.0", "dropped"])
    close(values["times3.0"], 3 * np.asarray(values["relu"]))
    close(values["dropped"], 6 * np.asarray(values["relu"]))


def test_insert():
    net = classifier()
    new = net.insert("gate", Sigmoid(), after="conv")
    verify(new.graph)
    values = new(X, outputs=["conv", "gate", "relu"])
    close(values["gate"], 1 / (1 + np.exp(-np.asarray(values["conv"]))))
    close(values["relu"], values["gate"])
    assert list(net.insert("more", Relu(), after="prob")(X)) == ["more", "fc2"]
    assert list(net.insert("image", Relu(), after="x").inputs) == ["x"]


def test_insert_a_layer_that_reads_more():
    net = classifier()
    new = net.insert("sum", Eltwise(operation="sum"), after="fc", inputs=["fc", "fc2"])
    values = new(X, outputs=["fc", "fc2", "sum", "prob"])
    close(values["sum"], np.asarray(values["fc"]) + np.asarray(values["fc2"]))
    close(values["prob"], jax.nn.softmax(values["sum"]))


def test_without():
    net = classifier()
    bare = net.without("drop")
    verify(bare.graph)
    assert "drop" not in [node.name for node in bare.graph.nodes]
    close(bare(X)["prob"], net(X)["prob"])
    close(bare(X, outputs=["dropped"])["dropped"], net(X, outputs=["relu"])["relu"])
    assert "prob" in net.without("prob")(X), "an output keeps its name"


def test_rename():
    net = classifier(policy={"default": "float32", "fc": "mixed_bfloat16"})
    new = net.rename({"fc": "logits", "prob": "fc", "x": "image"})
    assert_shares(new, net, "conv")
    assert new.params["logits"]["weight"] is net.params["fc"]["weight"]
    assert new.policy.of("logits").compute == "bfloat16"
    got, want = new(image=X), net(X)
    assert list(got) == ["fc", "fc2"]
    np.testing.assert_array_equal(got["fc"], want["prob"])
    brackets = classifier(policy="float32; fc: mixed_bfloat16").rename({"fc": "a[1]"})
    assert brackets.policy.of("a[1]").compute == "bfloat16"


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda n: n.with_layer("q", Relu()), InputError, "nothing in 'n' is called 'q'"),
        (lambda n: n.with_layer("x", Relu()), InputError, "'x' is an input of 'n', not a layer"),
        (lambda n: n.with_layer("fc", 3), InputError, "custom layer 'fc' must be a function, got 3"),
        (
            lambda n: n.with_layer("relu", Relu(), inputs=["fc"]),
            GraphError,
            "layer 'relu' reads 'fc', which is computed from its own output",
        ),
        (
            lambda n: n.with_layer("fc", Dense(units=4), params={"gain": X}),
            InputError,
            "layer 'fc': Dense has no parameter 'gain'; it has 'weight', 'bias'",
        ),
        (
            lambda n: n.with_layer("fc", Dense(units=4), params={"weight": X}),
            WeightsError,
            "layer 'fc': weight is 2x3x4x4, 4x32 expected",
        ),
        (
            lambda n: n.with_layer("fc", Dense(units=4), key=jax.random.PRNGKey(0)),
            InputError,
            r"key must be one typed key, jax.random.key\(seed\), got an array uint32\[2\]",
        ),
        (
            lambda n: n.with_layer("fc", Dense(units=4), key=jax.random.split(KEY)),
            InputError,
            r"key must be one typed key, jax.random.key\(seed\), got an array key<fry>\[2\]",
        ),
        (
            lambda n: n.with_layer("fc", Dense(units=4), key=7),
            InputError,
            "key must be one typed key, .*, got 7",
        ),
        (
            lambda n: n.insert("fc", Relu(), after="conv"),
            InputError,
            "the new layer cannot be called 'fc': that name is taken in 'n'",
        ),
        (lambda n: n.insert("new", Relu(), after="q"), InputError, "nothing in 'n' is called 'q'"),
        (
            lambda n: n.insert("new", Eltwise(operation="sum"), after="conv", inputs=["conv", "fc"]),
            GraphError,
            "layer 'new' reads 'fc', which is computed from its own output",
        ),
        (
            lambda n: n.insert("new", Conv(filters=2, kernel=9), after="conv", key=KEY),
            ShapeError,
            r"layer 'new' \(Conv\): the kernel 9x9 is larger",
        ),
        (
            lambda n: n.insert("new", lambda weights: 0, after="conv"),
            LayerError,
            "layer 'new' .*does not take weights and 1 inputs",
        ),
        (
            lambda n: n.insert("s", Eltwise(operation="sum"), after="fc", inputs=["fc", "fc2"]).without("s"),
            InputError,
            r"layer 's' \(Eltwise\) has 2 inputs and 1 outputs: only a layer with one of each",
        ),
        (lambda n: n.rename({"q": "r"}), InputError, "nothing in 'n' is called 'q'"),
        (
            lambda n: n.rename({"fc": "conv"}),
            InputError,
            "'fc' cannot be called 'conv': that name is taken in 'n'",
        ),
        (
            lambda n: n.rename({"fc": "r", "conv": "r"}),
            InputError,
            "'conv' cannot be called 'r': that name is",
        ),
    ],
)
def test_bad_changes(change, error, message):
    with pytest.raises(error, match=message):
        change(classifier())


def test_a_new_layer_behind_open_sizes():
    net = classifier(shape=(None, 3, None, None)).subnet(outputs=["dropped"])
    with pytest.raises(
        ShapeError, match="layer 'fc': the shapes of its parameters depend on sizes that are not"
    ):
        net.insert("fc", Dense(units=2), after="dropped", key=KEY)
    assert net.insert("c", Conv(filters=7, kernel=1), after="dropped", key=KEY)(X)["c"].shape == (2, 7, 4, 4)


# Joined nets


def test_names_that_are_taken_get_the_second_nets_name():
    first, second = classifier(), head()
    both = jaxdnn.join(first, second, {"fc": "x"})
    verify(both.graph)
    assert both.name == "n+head"
    assert both.params["dense"]["weight"] is second.params["dense"]["weight"]
    got = both(X, outputs=["fc", "prob", "head/prob", "head/x"])
    close(got["head/prob"], second(got["fc"])["prob"])
    np.testing.assert_array_equal(got["head/x"], got["fc"])
    assert both.graph.outputs == ("prob", "fc2", "head/prob")


def test_outputs_that_feed_something_are_no_outputs():
    both = jaxdnn.join(classifier().subnet(outputs="fc"), head(output="scores"))
    assert list(both(X)) == ["scores"]
    close(both(X, outputs=["x", "fc"])["x"], X)


def test_a_net_may_be_joined_to_itself():
    net = head(units=5, output="y")
    twice = jaxdnn.join(net, net)
    x = np.arange(5, dtype=np.float32)[None]
    close(twice(x)["head/y"], net(net(x)["y"])["y"])
    assert sorted(twice.params) == ["dense", "head/dense"]


def test_inputs_that_nothing_feeds_stay():
    two = Graph("sum", (Value("a", (1, 5)), Value("b", (1, 5))), ("s",), ())
    node = Node("s", Eltwise(operation="sum"), ("a", "b"), ("s",))
    pair = jaxdnn.Net.from_model(Model(Graph("sum", two.inputs, ("s",), (node,)), {}, Source("test")))
    both = jaxdnn.join(head(units=5, output="y"), pair, {"y": "a"})
    assert list(both.inputs) == ["x", "b"]
    x = np.ones((1, 5), np.float32)
    close(both(x=x, b=x)["s"], [[6, 7, 8, 9, 10]])


def test_functions_of_one_name_in_two_nets():
    first = head(units=5, output="y").insert("f", lambda weights, x: x + 1, after="y")
    second = head(name="m", units=5, output="z").insert("g", lambda weights, x: x * 2, after="z")
    x = np.ones((1, 5), np.float32)
    close(jaxdnn.join(first, second)(x)["g"], second(first(x)["f"])["g"])


def test_each_net_keeps_its_policy():
    first = head(units=5, output="y").replace(policy="mixed_float16")
    second = head(name="m", output="z")
    both = jaxdnn.join(first, second)
    assert both.policy.of("dense").compute == "float16"
    assert both.policy.of("m/dense").compute == "float32"


@pytest.mark.parametrize(
    ("connections", "message"),
    [
        (None, "'n' has 2 outputs and 'head' 1 inputs: say which output feeds which input"),
        ({}, "nothing of 'n' feeds an input of 'head'"),
        ({"q": "x"}, "nothing in 'n' is called 'q'"),
        ({"fc": "q"}, "'head' has no input 'q'; its inputs are 'x'"),
        ({"fc": "x", "prob": "x"}, "input 'x' of 'head' is fed by 'fc' and 'prob'"),
        ({"relu": "x"}, r"'relu' is float32\[1, 2, 4, 4\], input 'x' of 'head' takes float32\[1, 5\]"),
    ],
)
def test_bad_connections(connections, message):
    with pytest.raises(InputError, match=message):
        jaxdnn.join(classifier(), head(), connections)


def test_nets_that_do_not_fit():
    with pytest.raises(
        WeightsError, match=r"layer 'dense' \(Dense\): weight is 3x4 in the weights file, 3x5"
    ):
        jaxdnn.join(classifier(), head(inputs=4), {"fc": "x"})
    with pytest.raises(InputError, match="'n' yields float32 and 'head' float16: give them policies"):
        jaxdnn.join(classifier(), head().replace(policy="float16"), {"fc": "x"})


def test_a_changed_net_of_a_file(tmp_path):
    tail = "".join(
        f'layer {{ name: "{name}" type: "{kind}" bottom: "fc" top: "fc" }}\n'
        for name, kind in (("r", "ReLU"), ("d", "Dropout"))
    )
    net = caffe.load(tmp_path, averages.PROTOTXT + tail, averages.WEIGHTS)
    x = np.abs(X) * np.sign(X[:, :, :1, :1])
    close(net.without("r")(x)["fc"], x.mean((2, 3)).reshape(2, 3, 1, 1))
    close(net.with_layer("r", Sigmoid())(x)["fc"], 1 / (1 + np.exp(-x.mean((2, 3)).reshape(2, 3, 1, 1))))
    close(net.rename({"fc": "means"})(x)["means"], net(x)["fc"])
