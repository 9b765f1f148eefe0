"""Convolutions that are computed together with what is behind them: a sum, an activation, what joins several."""

import re

import jax
import numpy as np
import pytest

from jaxdnn import Net, ShapeError
from jaxdnn.ir import Graph, Model, Node, Source, Value
from jaxdnn.layers.activation import Clip, Relu, Sigmoid, Swish
from jaxdnn.layers.arithmetic import Binary
from jaxdnn.layers.convolution import Conv
from jaxdnn.layers.elementwise import Eltwise
from jaxdnn.layers.reduction import Reduce
from jaxdnn.layers.shape import Concat
from jaxdnn.lowering import native
from jaxdnn.lowering.chains import chains
from jaxdnn.lowering.recipes import Finish

RNG = np.random.default_rng(0)
X = RNG.standard_normal((2, 4, 6, 6)).astype(np.float32)
CONV = Conv(filters=4, kernel=3, padding=1)
WEIGHTS = {
    name: {
        "weight": (RNG.standard_normal((4, 4, 3, 3)) / 6).astype(np.float32),
        "bias": RNG.standard_normal(4).astype(np.float32),
    }
    for name in ("a", "b")
}
needs_kernels = pytest.mark.skipif(native.kernels() is None, reason="no compiler for the C++ kernels")


def conv(name, source, layer=CONV):
    params = {slot: f"{name}/{slot}" for slot in ("weight", "bias")}
    return Node(name, layer, (source,), (name,), params=params)


def node(name, layer, *sources):
    return Node(name, layer, sources, (name,))


BLOCK = [
    conv("a", "x"),
    node("act", Relu(), "a"),
    conv("b", "act"),
    node("sum", Eltwise(), "x", "b"),
    node("out", Clip(floor=-0.5, ceiling=1), "sum"),
]
"""A residual block."""


def net_of(nodes, channels_last=False, outputs=None):
    shape = (2, 6, 6, 4) if channels_last else (2, 4, 6, 6)
    graph = Graph(
        name="n", inputs=(Value("x", shape),), outputs=outputs or (nodes[-1].name,), nodes=tuple(nodes)
    )
    return Net.from_model(Model(graph, WEIGHTS, Source("test")))


def names(nodes, wanted=(), may_join=lambda node: True):
    return ["+".join(node.name for node in chain.nodes) for chain in chains(nodes, {*wanted}, may_join)]


def test_a_residual_block():
    first, second = chains(BLOCK, {"out"}, lambda node: True)
    assert [node.name for node in first.nodes] == ["a", "act"]
    assert (first.added, first.finish) == (None, Finish(low=0.0))
    assert [node.name for node in second.nodes] == ["b", "sum", "out"]
    assert (second.added, second.finish) == ("x", Finish(low=-0.5, high=1))


@pytest.mark.parametrize(
    ("nodes", "wanted", "expected"),
    [
        (BLOCK, {"a"}, ["a", "act", "b+sum+out"]),
        (BLOCK, {"sum"}, ["a+act", "b+sum", "out"]),
        (
            [conv("a", "x"), node("s", Binary(function="add"), "x", "a"), node("r", Relu(), "s")],
            (),
            ["a+s+r"],
        ),
        ([conv("a", "x"), node("s", Binary(function="subtract"), "a", "x")], (), ["a", "s"]),
        ([*BLOCK, node("more", Relu(), "b")], (), ["a+act", "b", "sum", "out", "more"]),
        ([conv("a", "x"), node("twice", Eltwise(), "a", "a")], (), ["a", "twice"]),
        ([conv("a", "x"), node("s", Eltwise(coefficients=(1, -1)), "a", "x")], (), ["a", "s"]),
        ([conv("a", "x"), node("s", Eltwise(operation="max"), "a", "x")], (), ["a", "s"]),
        ([conv("a", "x"), node("s", Eltwise(), "a", "x", "x")], (), ["a", "s"]),
        ([conv("a", "x"), node("s", Sigmoid(), "a")], (), ["a", "s"]),
        # Of two convolutions the later one need not wait: it is computed where the sum stands.
        ([conv("a", "x"), conv("b", "x"), node("s", Eltwise(), "a", "b")], (), ["b", "a+s"]),
    ],
)
def test_only_what_nobody_else_reads(nodes, wanted, expected):
    assert names(nodes, wanted) == expected


def test_what_may_not_join():
    assert names(BLOCK, may_join=lambda node: node.name != "sum") == ["a+act", "b", "sum", "out"]
    assert names(BLOCK, may_join=lambda node: node.name != "b") == ["a+act", "b", "sum", "out"]


@pytest.mark.parametrize("channels_last", [False, True])
def test_values(channels_last, monkeypatch):
    """Those of the nodes one by one, whatever else is asked for."""
    layer = Conv(filters=4, kernel=3, padding=1, channels_last=channels_last)
    nodes = [conv(n.name, n.inputs[0], layer) if n.layer is CONV else n for n in BLOCK]
    x = X.transpose(0, 2, 3, 1) if channels_last else X
    net = net_of(nodes, channels_last)
    got = net(x)["out"]
    everything = net(x, outputs=["a", "act", "b", "sum", "out"])
    np.testing.assert_allclose(got, everything["out"], rtol=0, atol=1e-6)
    np.testing.assert_allclose(everything["act"], np.maximum(everything["a"], 0), rtol=0, atol=1e-6)
    np.testing.assert_allclose(everything["sum"], everything["b"] + x, rtol=0, atol=1e-6)
    monkeypatch.setenv(native.SETTING, "off")
    np.testing.assert_allclose(got, net_of(nodes, channels_last)(x)["out"], rtol=0, atol=1e-5)


@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("added", ["x", "row", "one"])
def test_sums_by_name(channels_last, added):
    """What has another shape than the convolution's result is added behind it."""
    layer = Conv(filters=4, kernel=3, padding=1, channels_last=channels_last)
    nodes = [
        node("row", Reduce(axes=(2,), keepdims=True), "x"),
        node("one", Reduce(axes=(1, 2, 3), keepdims=True), "x"),
        conv("a", "x", layer),
        node("out", Binary(function="add"), added, "a"),
    ]
    x = X.transpose(0, 2, 3, 1) if channels_last else X
    everything = net_of(nodes, channels_last)(x, outputs=["a", added, "out"])
    got = net_of(nodes, channels_last)(x)["out"]
    np.testing.assert_allclose(got, everything["a"] + everything[added], rtol=0, atol=1e-5)


def fire(axis, layers=(CONV, CONV, CONV)):
    """Convolutions of one input, some with an activation, joined."""
    return [
        *(conv(name, "x", layer) for name, layer in zip("abc", layers, strict=True)),
        node("act", Relu(), "a"),
        node("bent", Sigmoid(), "c"),
        node("swish", Swish(), "b"),
        node("joined", Concat(axis=axis), "act", "swish"),
        node("out", Concat(axis=axis), "joined", "bent"),
    ]


def test_what_is_joined():
    first, *rest = chains(fire(1)[:4] + fire(1)[5:7], {"joined"}, lambda node: True)
    assert [node.name for node in first.nodes] == ["c"]
    (chain,) = rest
    assert [node.name for node in chain.nodes] == ["a", "act", "b", "swish", "joined"]
    assert [part.finish for part in chain.parts] == [Finish(low=0.0), Finish(curve="swish")]


@pytest.mark.parametrize(
    ("nodes", "wanted", "expected"),
    [
        ([conv("a", "x"), conv("b", "x"), node("s", Concat(), "a", "b")], (), ["a+b+s"]),
        ([conv("a", "x"), conv("b", "x"), node("s", Concat(), "a", "b")], {"a"}, ["a", "b", "s"]),
        ([conv("a", "x"), node("s", Concat(), "a", "a")], (), ["a", "s"]),
        ([conv("a", "x"), node("s", Concat(), "a")], (), ["a", "s"]),
        ([conv("a", "x"), node("s", Concat(), "a", "x")], (), ["a", "s"]),
        ([conv("a", "x"), conv("b", "a"), node("s", Concat(), "a", "b")], (), ["a", "b", "s"]),
        (
            [
                *[conv("a", "x"), conv("b", "x"), node("t", Eltwise(), "a", "x")],
                node("s", Concat(), "b", "t"),
            ],
            (),
            ["b", "a+t", "s"],
        ),
    ],
)
def test_only_convolutions_that_nobody_else_reads_are_joined(nodes, wanted, expected):
    assert sorted(names(nodes, wanted)) == sorted(expected)


@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("depthwise", [False, True])
def test_values_that_are_joined(channels_last, depthwise, monkeypatch):
    options = {"kernel": 3, "padding": 1, "channels_last": channels_last}
    layers = [Conv(filters=4, **options), Conv(filters=4, groups=4 if depthwise else 2, **options)] * 2
    axis = 3 if channels_last else 1
    weights = {
        name: {
            "weight": RNG.standard_normal((4, 4 // (layer.groups or 1), 3, 3)).astype(np.float32),
            "bias": RNG.standard_normal(4).astype(np.float32),
        }
        for name, layer in zip("abc", layers, strict=False)
    }
    x = X.transpose(0, 2, 3, 1) if channels_last else X
    nodes = fire(axis, layers[:3])

    def computed(**asked):
        graph = Graph("n", (Value("x", x.shape),), ("out",), tuple(nodes))
        return Net.from_model(Model(graph, weights, Source("test")))(x, **asked)

    got = computed()["out"]
    parts = computed(outputs=["act", "swish", "bent"])
    want = np.concatenate([parts[name] for name in ("act", "swish", "bent")], axis)
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-5)
    monkeypatch.setenv(native.SETTING, "off")
    np.testing.assert_allclose(got, computed()["out"], rtol=0, atol=1e-4)


PAIR = [conv("a", "x"), conv("b", "x"), node("s", Concat(), "a", "b")]


@needs_kernels
def test_nothing_is_copied_to_be_joined():
    text = net_of(PAIR).to_hlo({"x": X.shape})
    first, second = re.findall(
        r"%(\S+) = .* custom-call\((.*)\), custom_call_target=\"jaxdnn_convolution", text
    )
    assert second[1].endswith(f"%{first[0]}")
    assert text.count("output_to_operand_aliasing={{}: (3, {})}") == 1
    assert "concatenate" not in text


def test_rows_are_joined_as_before():
    nodes = [*PAIR[:2], node("s", Concat(axis=2), "a", "b")]
    net = net_of(nodes)
    want = np.concatenate([net(X, outputs=[name])[name] for name in ("a", "b")], 2)
    np.testing.assert_allclose(net(X)["s"], want, rtol=0, atol=1e-6)


def test_sizes_that_differ_cannot_be_joined():
    with pytest.raises(ShapeError, match="differ outside axis 1"):
        net_of([conv("a", "x"), conv("b", "x", Conv(filters=4, kernel=3)), PAIR[2]])(X)


def test_gradients_and_vmap_of_what_is_joined(monkeypatch):
    def gradients():
        net = net_of(PAIR)
        weight = jax.random.normal(jax.random.key(0), (2, 8, 6, 6))

        def energy(params, x):
            return (net.apply(params, x)["s"] * weight).sum()

        rows = jax.jit(jax.vmap(lambda x: net.apply(net.params, x[None])["s"]))(X)
        return jax.jit(jax.grad(energy, (0, 1)))(net.params, X), rows

    got = gradients()
    monkeypatch.setenv(native.SETTING, "off")
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4), got, gradients())


@needs_kernels
def test_one_kernel_computes_a_chain():
    text = net_of(BLOCK).to_hlo({"x": X.shape})
    assert text.count('custom_call_target="jaxdnn_convolution') == 2
    assert "maximum" not in text


@needs_kernels
def test_a_text_for_others_has_no_kernels():
    text = net_of(BLOCK).to_stablehlo({"x": X.shape})
    assert "custom_call" not in text
    assert text.count("stablehlo.convolution") == 2


def test_sums_that_broadcast():
    nodes = [
        node("mean", Relu(), "row"),
        conv("a", "x"),
        node("s", Eltwise(broadcast=True), "a", "mean"),
    ]
    inputs = (Value("x", (2, 4, 6, 6)), Value("row", (1, 4, 1, 6)))
    graph = Graph(name="n", inputs=inputs, outputs=("s",), nodes=tuple(nodes))
    net = Net.from_model(Model(graph, WEIGHTS, Source("test")))
    row = RNG.standard_normal((1, 4, 1, 6)).astype(np.float32)
    want = net_of([conv("a", "x")])(X)["a"] + np.maximum(row, 0)
    np.testing.assert_allclose(net({"x": X, "row": row})["s"], want, rtol=0, atol=1e-6)


def test_sums_that_do_not_fit():
    nodes = [conv("a", "x"), conv("b", "x", Conv(filters=4, kernel=3)), node("s", Eltwise(), "b", "a")]
    with pytest.raises(ShapeError, match="shapes differ"):
        net_of(nodes)(X)


def test_half_types_are_rounded_as_before():
    policy = {"default": "float32", "a": "mixed_float16"}
    net = net_of(BLOCK).replace(policy=policy)
    assert np.abs(np.asarray(net(X)["out"]) - np.asarray(net_of(BLOCK)(X)["out"])).max() > 0
    half = np.asarray(net(X, outputs=["a"])["a"])
    np.testing.assert_array_equal(half, half.astype(np.float16).astype(np.float32))


def test_gradients():
    net = net_of(BLOCK)
    direct = jax.grad(lambda params: net.apply(params, X)["out"].sum())(net.params)
    jitted = jax.jit(jax.grad(lambda params: net.apply(params, X)["out"].sum()))(net.params)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4), direct, jitted)
    assert float(np.abs(direct["a"]["weight"]).max()) > 0
