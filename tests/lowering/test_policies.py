"""What a policy promises: which values are rounded to a half type, and which are not."""

from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import jaxdnn
from jaxdnn.ir import Graph, Model, Node, Source, Value
from jaxdnn.layers.activation import Relu, Softmax
from jaxdnn.layers.arithmetic import Binary, Cast, Unary
from jaxdnn.layers.constant import Const, Parameter
from jaxdnn.layers.control import Branch, While
from jaxdnn.layers.convolution import Conv
from jaxdnn.layers.dense import Dense, Embed, MatMul
from jaxdnn.layers.detection import PriorBox
from jaxdnn.layers.elementwise import Exp, Log
from jaxdnn.layers.indexing import ScatterNd
from jaxdnn.layers.lists import ListGet, ListReserve, ListSet
from jaxdnn.layers.normalization import BatchNorm
from jaxdnn.layers.pooling import MaxUnpool, Pool
from jaxdnn.layers.reduction import ArgMax, Reduce
from jaxdnn.layers.shape import Concat, Gather, Permute
from support.layer import net_of

halves = pytest.mark.parametrize("half", ["float16", "bfloat16"])


def node(name, layer, *inputs, **params):
    return Node(name, layer, inputs, (name,), params)


def network(nodes, params=None, *, outputs=None, policy="float32", **inputs):
    """Build a net; its outputs are the last node's unless others are named."""
    values = tuple(Value(name, array.shape, str(array.dtype)) for name, array in inputs.items())
    graph = Graph("test", values, tuple(outputs or nodes[-1].outputs), tuple(nodes))
    return jaxdnn.Net.from_model(Model(graph, params or {}, Source("test")), policy=policy)


def computed(net, **inputs):
    """Return all values in the types that they are computed in."""
    names = tuple(name for node in net.graph.nodes for name in node.outputs)
    return jax.jit(lambda params, feeds: net.program.evaluate(params, feeds, names))(net.params, inputs)


def noise(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def in_half(array, half):
    """Round to a half type; the result is float32."""
    return np.asarray(jnp.asarray(array).astype(half).astype(jnp.float32))


class TestIslands:
    X = noise(1, 3, 6, 6)
    PARAMS: ClassVar = {
        "conv": {"weight": noise(4, 3, 3, 3), "bias": noise(4)},
        "norm": {"mean": noise(4), "variance": np.abs(noise(4)) + np.float32(1)},
    }

    def net(self, policy):
        norm = node("norm", BatchNorm(), "conv", mean="norm/mean", variance="norm/variance")
        conv = node("conv", Conv(filters=4, kernel=3), "x", weight="conv/weight", bias="conv/bias")
        nodes = [conv, norm, node("relu", Relu(), "norm"), node("prob", Softmax(), "relu")]
        return network(nodes, self.PARAMS, policy=policy, x=self.X)

    @halves
    def test_they_compute_in_float32_between_halves(self, half):
        types = {name: str(value.dtype) for name, value in computed(self.net(half), x=self.X).items()}
        assert types == {"conv": half, "norm": "float32", "relu": half, "prob": "float32"}

    @halves
    def test_their_params_stay_float32(self, half):
        net = self.net(half)
        types = {owner: {str(a.dtype) for a in slots.values()} for owner, slots in net.params.items()}
        assert types == {"conv": {half}, "norm": {"float32"}}
        np.testing.assert_array_equal(net.params["norm"]["mean"], self.PARAMS["norm"]["mean"])
        assert net(self.X)["prob"].dtype == half

    @halves
    def test_mixed_policies_keep_params_and_outputs(self, half):
        net = self.net(f"mixed_{half}")
        assert {str(leaf.dtype) for leaf in jax.tree.leaves(net.params)} == {"float32"}
        assert net(self.X)["prob"].dtype == "float32"
        assert computed(net, x=self.X)["conv"].dtype == half

    def test_a_largest_element_is_exact_in_half(self):
        for statistic, dtype in (("max", "float16"), ("average", "float32")):
            pool = node("y", Pool(statistic=statistic, kernel=2, stride=2), "conv")
            conv = node("conv", Conv(filters=4, kernel=3), "x", weight="conv/weight", bias="conv/bias")
            net = network([conv, pool], self.PARAMS, policy="float16", x=self.X)
            assert computed(net, x=self.X)["y"].dtype == dtype


class TestNothingIsLost:
    @halves
    def test_by_constants_and_arithmetic_on_them(self, half):
        nodes = [
            node("a", Const(value=np.float32(4097.25))),
            node("b", Binary(function="multiply"), "a", "a"),
            node("y", Unary(function="sqrt"), "b"),
        ]
        assert float(network(nodes, policy=f"mixed_{half}")()["y"]) == 4097.25

    @halves
    def test_by_a_constant_that_is_left_to_xla(self, half):
        mask = np.broadcast_to(np.float32(-1e9), (100, 100))
        nodes = [node("a", Const(value=mask)), node("y", Binary(function="multiply"), "a", "x")]
        x = np.zeros((100, 100), np.float32)
        assert not np.asarray(network(nodes, policy=f"mixed_{half}", x=x)(x)["y"]).any()

    @halves
    def test_by_prior_boxes(self, half):
        inputs = {"map": noise(1, 1, 37, 53), "image": noise(1, 3, 300, 421)}
        nodes = [node("y", PriorBox(sizes=((31.0, 63.0),)), "map", "image")]
        want = network(nodes, **inputs)(inputs)["y"]
        np.testing.assert_array_equal(network(nodes, policy=f"mixed_{half}", **inputs)(inputs)["y"], want)

    @halves
    def test_where_values_are_only_moved(self, half):
        x = np.linspace(0, 30, 12, dtype=np.float32).reshape(3, 4)
        nodes = [
            node("exp", Exp(), "x"),  # reaches 1e13
            node("moved", Permute(order=(1, 0)), "exp"),
            node("joined", Concat(axis=0), "moved", "moved"),
            node("y", Log(), "joined"),
        ]
        got = network(nodes, policy=f"mixed_{half}", x=in_half(x, half))(in_half(x, half))["y"]
        np.testing.assert_allclose(got, np.tile(in_half(x, half).T, (2, 1)), rtol=1e-6)

    @halves
    def test_where_a_half_is_joined_with_an_island_it_is_half(self, half):
        x = noise(2, 3)
        nodes = [node("a", Relu(), "x"), node("b", Exp(), "x"), node("y", Concat(axis=0), "a", "b")]
        assert computed(network(nodes, policy=half, x=x), x=x)["y"].dtype == half

    @halves
    def test_by_a_param_that_an_island_reads(self, half):
        value = np.float32([4097.25, 1e-9])
        nodes = [
            node("p", Parameter(shape=(2,)), value="p/value"),
            node("y", Binary(function="subtract"), "p", "x"),
        ]
        x = np.float32([4097, 0])
        net = network(nodes, {"p": {"value": value}}, policy=f"mixed_{half}", x=x)
        np.testing.assert_array_equal(net(x)["y"], value - x)

    @halves
    def test_where_integers_become_floating(self, half):
        x = np.int32([2049, 100_003])
        nodes = [node("a", Cast(dtype="float32"), "x"), node("y", Binary(function="add"), "a", "a")]
        np.testing.assert_array_equal(network(nodes, policy=f"mixed_{half}", x=x)(x)["y"], [4098, 200_006])


class TestIndices:
    """Formats write indices as floating numbers; float16 is exact up to 2048, bfloat16 up to 256."""

    PLACES = np.float32([2049, 4099, 8190])

    def run(self, layer, *inputs, half, **weights):
        net = net_of(layer, *inputs, **weights).replace(policy=f"mixed_{half}")
        return np.asarray(net({f"x{i}": x for i, x in enumerate(inputs)})["y0"])

    @halves
    def test_embed(self, half):
        weight = np.arange(8192, dtype=np.float32).reshape(-1, 1) % 128
        got = self.run(Embed(rows=8192, units=1, bias=False), self.PLACES, half=half, weight=weight)
        np.testing.assert_array_equal(got.ravel(), self.PLACES % 128)

    @halves
    def test_batch_reindex(self, half):
        x = np.arange(8192, dtype=np.float32).reshape(-1, 1) % 128
        got = self.run(Gather(axis=0), x, self.PLACES, half=half)
        np.testing.assert_array_equal(got.ravel(), self.PLACES % 128)

    @halves
    def test_max_unpool(self, half):
        x = np.float32([1, 2, 3]).reshape(1, 1, 1, 3)
        got = self.run(MaxUnpool(size=(1, 8192)), x, self.PLACES.reshape(x.shape), half=half)
        np.testing.assert_array_equal(np.flatnonzero(got), self.PLACES)

    @halves
    @pytest.mark.parametrize("output", ["indices", "both"])
    def test_arg_max(self, half, output):
        x = np.zeros((1, 8192), np.float32)
        x[0, 4099] = 1
        got = self.run(ArgMax(axis=None, output=output, dtype="float32"), x, half=half)
        assert got.ravel()[0] == 4099


class TestLayers:
    """Policies of single layers."""

    PARAMS: ClassVar = {"a": {"weight": noise(4, 3)}, "b": {"weight": noise(2, 4)}}
    NODES: ClassVar = [
        node("a", Dense(units=4, bias=False), "x", weight="a/weight"),
        node("b", Dense(units=2, bias=False), "a", weight="b/weight"),
    ]
    X = noise(1, 3)

    @halves
    def test_one_stays_float32(self, half):
        net = network(self.NODES, self.PARAMS, policy={"default": half, "b": "float32"}, x=self.X)
        assert {o: str(p["weight"].dtype) for o, p in net.params.items()} == {"a": half, "b": "float32"}
        types = {name: str(value.dtype) for name, value in computed(net, x=self.X).items()}
        assert types == {"a": half, "b": "float32"}
        assert net(self.X)["b"].dtype == half  # what patterns say of outputs means nothing

    def test_a_shared_param_is_kept_in_the_widest_type(self):
        weight = {"w": {"weight": noise(3, 3)}}
        nodes = [
            node("a", Dense(units=3, bias=False), "x", weight="w/weight"),
            node("b", Dense(units=3, bias=False), "a", weight="w/weight"),
        ]
        net = network(nodes, weight, policy="float16; b: float32", x=self.X)
        assert net.params["w"]["weight"].dtype == "float32"

    def test_a_name_that_no_layer_has(self):
        with pytest.raises(
            jaxdnn.InputError, match="no layer of 'test' is called 'c', which the policy names"
        ):
            network(self.NODES, self.PARAMS, policy="float16; c: float32", x=self.X)

    @halves
    def test_layers_inside_a_branch(self, half):
        def part(name):
            dense = node(name, Dense(units=3, bias=False), "x", weight="w/weight")
            return Graph("part", (Value("x"),), (name,), (dense,))

        layer = Branch(branches=(part("exact"), part("rounded")), weights=(("w/weight", (3, 3)),))
        branch = Node("branch", layer, ("which", "x"), ("y",), {"w/weight": "w/weight"})
        weight, x = noise(3, 3), np.float32([[1, 2, 4]])
        inputs = {"which": np.int32(0), "x": x}
        policy = {"default": half, "exact": "float32"}
        net = network([branch], {"w": {"weight": weight}}, policy=policy, outputs=["y"], **inputs)
        assert net.params["w"]["weight"].dtype == "float32"  # the widest of the two layers
        y = {which: np.asarray(computed(net, which=which, x=x)["y"]) for which in np.int32([0, 1])}
        np.testing.assert_allclose(y[0], x @ weight.T, rtol=1e-6)
        rounded = in_half(in_half(x, half) @ in_half(weight, half).T, half)
        np.testing.assert_allclose(y[1], rounded, rtol=1e-2)
        assert np.abs(y[1] - y[0]).max() > 1e-5

    def test_params_inside_a_loop_are_kept_as_their_layers_say(self):
        for policy, dtype in (("float16", "float16"), ("float16; y: float32", "float32")):
            net = network(**loop_of_products(), policy=policy)
            assert net.params["w"]["weight"].dtype == dtype


def loop_of_products():
    """A loop that multiplies x with a weight n times."""
    inputs = tuple(map(Value, "ixn"))
    go = Graph("condition", inputs, ("go",), (node("go", Binary(function="less"), "i", "n"),))
    body = (
        node("one", Const(value=np.float32(1))),
        node("j", Binary(function="add"), "i", "one"),
        node("y", Dense(units=3, bias=False), "x", weight="w/weight"),
    )
    layer = While(condition=go, body=Graph("body", inputs, ("j", "y"), body), weights=(("w/weight", (3, 3)),))
    nodes = [
        node("zero", Const(value=np.float32(0))),
        Node("loop", layer, ("zero", "x", "n"), ("count", "result"), {"w/weight": "w/weight"}),
    ]
    params = {"w": {"weight": np.eye(3, dtype=np.float32)}}
    inputs = {"x": np.float32([[1, 2, 3]]), "n": np.float32(3000)}
    return {"nodes": nodes, "params": params, "outputs": ["count", "result"], **inputs}


class TestLoops:
    @halves
    def test_a_counter_goes_on_counting(self, half):
        given = loop_of_products()
        got = network(**given, policy=half)({"x": given["x"], "n": given["n"]})
        assert float(got["count"]) == float(jnp.asarray(3000, half))
        np.testing.assert_array_equal(got["result"], given["x"])

    @halves
    @pytest.mark.parametrize("rounds", [3, 40])
    def test_a_loop_collects_what_islands_and_halves_compute(self, half, rounds):
        inputs = tuple(map(Value, ("i", "t", "x", "n")))
        go = Graph("condition", inputs, ("go",), (node("go", Binary(function="less"), "i", "n"),))
        body = (
            node("one", Const(value=np.int32(1))),
            node("j", Binary(function="add"), "i", "one"),
            node("a", Relu(), "x"),
            node("tanh", Unary(function="tanh"), "a"),
            node("u", ListSet(), "t", "i", "a"),
        )
        layer = While(condition=go, body=Graph("body", inputs, ("j", "u", "tanh"), body))
        x = noise(2, 3)
        nodes = [
            node("zero", Const(value=np.int32(0))),
            node("n", Const(value=np.int32(rounds))),
            node("list", ListReserve(shape=x.shape, dtype="float32", count=rounds)),
            Node("loop", layer, ("zero", "list", "x", "n"), ("count", "filled", "last")),
            node("y", ListGet(), "filled", "one"),
            node("one", Const(value=np.int32(1))),
        ]
        nodes[4:] = nodes[:3:-1]
        got = network(nodes, outputs=["y", "last"], policy=f"mixed_{half}", x=x)(x)
        want = np.tanh(in_half(np.maximum(x, 0), half))
        np.testing.assert_allclose(got["y"], in_half(want, half), rtol=1e-6)
        assert got["last"].shape == x.shape

    def test_branches_of_different_types(self):
        def part(name, layer):
            return Graph("part", (Value("x"),), (name,), (node(name, layer, "x"),))

        layer = Branch(branches=(part("a", Relu()), part("b", Exp())))
        branch = Node("branch", layer, ("which", "x"), ("y",))
        inputs = {"which": np.int32(1), "x": np.float32([0, 20])}
        net = network([branch], outputs=["y"], policy="mixed_float16", **inputs)
        np.testing.assert_allclose(net(inputs)["y"], np.exp(inputs["x"]), rtol=1e-6)


class TestAccumulation:
    """Products of halves are summed in float32 and rounded once."""

    @halves
    @settings(max_examples=6)
    @given(st.integers(1000, 20_000), st.integers(0, 9))
    def test_a_long_product(self, half, length, seed):
        x, weight = (in_half(noise(3, length, seed=seed + i), half) for i in range(2))
        got = net_of(Dense(units=3, bias=False), x, weight=weight).replace(policy=f"mixed_{half}")(x)["y0"]
        self.check(got, x @ weight.T, np.abs(x) @ np.abs(weight.T), half)

    @halves
    def test_a_sum_that_stops_growing_in_half(self, half):
        x = np.ones((1, 10_000), np.float32)
        for layer in (MatMul(transpose_b=True), Binary(function="multiply")):
            net = net_of(layer, x, x).replace(policy=f"mixed_{half}")
            total = np.asarray(net({"x0": x, "x1": x})["y0"]).sum()
            assert abs(total - 10_000) <= 10_000 * 2.0**-8

    @halves
    @settings(max_examples=4)
    @given(st.integers(64, 300), st.integers(0, 9))
    def test_a_convolution(self, half, channels, seed):
        x = in_half(noise(1, channels, 5, 5, seed=seed), half)
        weight = in_half(noise(4, channels, 3, 3, seed=seed + 1), half)
        layer = Conv(filters=4, kernel=3, bias=False)
        got = net_of(layer, x, weight=weight).replace(policy=f"mixed_{half}")(x)["y0"]
        windows = np.lib.stride_tricks.sliding_window_view(x[0], (3, 3), axis=(1, 2))
        want, size = (
            np.einsum("chwij,fcij->fhw", a, b)
            for a, b in ((windows, weight[:]), (np.abs(windows), np.abs(weight)))
        )
        self.check(got[0], want, size, half)

    def check(self, got, want, size, half):
        """Compare with sums in float32, up to one rounding; ``size`` is what a sum without signs would be."""
        rounding = np.abs(want) * float(jnp.finfo(half).eps) / 2
        excess = np.abs(np.asarray(got) - want) - rounding
        assert (excess <= 1e-5 * size).all()

    @halves
    def test_rows_that_are_added_to_one_place(self, half):
        places, values = np.zeros((5000, 1), np.int32), np.ones(5000, np.float32)
        net = net_of(ScatterNd(shape=(2,)), places, values).replace(policy=f"mixed_{half}")
        np.testing.assert_array_equal(net({"x0": places, "x1": values})["y0"], [5000, 0])

    @halves
    def test_a_long_mean(self, half):
        x = in_half(np.full((1, 50_000), 1000), half)
        net = net_of(Reduce(operation="mean", axes=(1,)), x).replace(policy=f"mixed_{half}")
        np.testing.assert_allclose(net(x)["y0"].ravel(), [1000], rtol=1e-6)


class TestDoublePrecision:
    WEIGHT = np.float64([[1 + 1e-12]])

    def test_it_needs_x64(self):
        x = np.ones((1, 1), np.float32)
        net = net_of(Dense(units=1, bias=False), x, weight=self.WEIGHT.astype(np.float32))
        for policy in ("float64", "compute=float64", {"default": "float32", "layer": "mixed_float64"}):
            with pytest.raises(jaxdnn.InputError, match="has float64, which needs jax_enable_x64"):
                net.replace(policy=policy)

    def test_it_computes_in_float64(self):
        with jax.enable_x64(True):
            x = np.float64([[1 - 1e-12]])
            layer = node("y", Dense(units=1, bias=False), "x", weight="w/weight")
            net = network([layer], {"w": {"weight": self.WEIGHT}}, policy="float64", x=x)
            got = net(x)["y"]
        assert got.dtype == np.float64
        np.testing.assert_allclose(got, 1, rtol=0, atol=1e-15)


def test_another_policy_starts_from_the_stored_params():
    net = TestIslands().net("float32")
    half = net.replace(policy="float16")
    assert half.params["conv"]["weight"].dtype == np.float16
    assert str(half.policy) == "float16"
    assert net.params["conv"]["weight"].dtype == np.float32  # the first net is what it was
    again = half.replace(policy="float32")
    want = np.asarray(net.params["conv"]["weight"]).astype(np.float16).astype(np.float32)
    np.testing.assert_array_equal(again.params["conv"]["weight"], want)
    mixed = net.replace(policy="mixed_float16")
    np.testing.assert_array_equal(mixed.params["conv"]["weight"], net.params["conv"]["weight"])
