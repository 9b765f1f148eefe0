"""Convolutions that are computed together with the sum and the activation behind them."""

import jax
import numpy as np
import pytest

from jaxdnn import Net, ShapeError
from jaxdnn.ir import Graph, Model, Node, Source, Value
from jaxdnn.layers.activation import Clip, Relu, Sigmoid
from jaxdnn.layers.convolution import Conv
from jaxdnn.layers.elementwise import Eltwise
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
