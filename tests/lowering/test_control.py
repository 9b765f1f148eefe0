"""Branches and loops against Python's own."""

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxdnn import LayerError, ShapeError
from jaxdnn.ir import Graph, Model, Node, Source, Value
from jaxdnn.layers.arithmetic import Binary
from jaxdnn.layers.constant import Const
from jaxdnn.layers.control import Branch, While
from jaxdnn.layers.dense import Dense
from jaxdnn.layers.lists import ListGet, ListReserve, ListSet
from jaxdnn.layers.shape import Concat
from jaxdnn.lowering.control import UNROLLED
from jaxdnn.net import Net
from support.layer import assert_close

X = np.float32([1, 2, 3])


def graph(inputs, outputs, *nodes):
    return Graph("part", tuple(map(Value, inputs)), tuple(outputs), nodes)


def node(layer, inputs, output, **params):
    return Node(output, layer, tuple(inputs), (output,), params)


def const(name, value):
    return node(Const(value=np.asarray(value)), (), name)


def binary(function, inputs, output):
    return node(Binary(function=function), inputs, output)


def net_of(nodes, outputs, inputs, params=None):
    """Build a net of nodes; inputs are arrays by name."""
    values = tuple(Value(name, array.shape, str(array.dtype)) for name, array in inputs.items())
    return Net.from_model(
        Model(Graph("test", values, tuple(outputs), tuple(nodes)), params or {}, Source("test"))
    )


def counted(rounds_less_than="n"):
    """A loop that doubles x while i is less than n."""
    condition = graph("ixn", ["go"], binary("less", ["i", rounds_less_than], "go"))
    body = graph(
        "ixn",
        ["j", "y"],
        const("one", np.int32(1)),
        binary("add", ["i", "one"], "j"),
        binary("add", ["x", "x"], "y"),
    )
    return Node("loop", While(condition=condition, body=body), ("zero", "x", "n"), ("count", "result"))


class TestWhile:
    @given(st.sampled_from([0, 1, 3, UNROLLED, UNROLLED + 1, 50]))
    def test_known_rounds(self, rounds):
        net = net_of(
            [const("zero", np.int32(0)), const("n", np.int32(rounds)), counted()],
            ["count", "result"],
            {"x": X},
        )
        got = net(X)
        assert_close(np.asarray(got["result"]), X * 2.0**rounds)
        assert int(got["count"]) == rounds

    @given(st.integers(0, 30))
    def test_rounds_that_depend_on_data(self, rounds):
        n = np.full((1, 1), rounds, np.int32)
        net = net_of([const("zero", np.zeros((1, 1), np.int32)), counted()], ["result"], {"x": X, "n": n})
        assert_close(np.asarray(net({"x": X, "n": n})["result"]), X * 2.0**rounds)

    @pytest.mark.parametrize("rounds", [3, UNROLLED + 4])
    def test_loops_of_known_length_have_gradients(self, rounds):
        net = net_of(
            [const("zero", np.int32(0)), const("n", np.int32(rounds)), counted()], ["result"], {"x": X}
        )
        gradient = jax.grad(lambda x: net.apply(net.params, x)["result"].sum())(X)
        assert_close(np.asarray(gradient), np.full(3, 2.0**rounds))

    @pytest.mark.parametrize("rounds", [2, UNROLLED + 1])
    def test_weights_inside_are_parameters_of_the_net(self, rounds):
        dense = Node("dense", Dense(units=3, bias=False), ("x",), ("y",), {"weight": "w/weight"})
        one, step = const("one", np.int32(1)), binary("add", ["i", "one"], "j")
        condition = graph("ixn", ["go"], binary("less", ["i", "n"], "go"))
        body = graph("ixn", ["j", "y"], one, step, dense)
        layer = While(condition=condition, body=body, weights=(("w/weight", (3, 3)),))
        inputs, params = ("zero", "x", "n"), {"w/weight": "w/weight"}
        loop = Node("loop", layer, inputs, ("count", "result"), params)
        weight = np.eye(3, k=1, dtype=np.float32) / 2 + np.eye(3, dtype=np.float32)
        nodes = [const("zero", np.int32(0)), const("n", np.int32(rounds)), loop]
        net = net_of(nodes, ["result"], {"x": X[None]}, {"w": {"weight": weight}})
        want = X.astype(np.float64) @ np.linalg.matrix_power(weight.T.astype(np.float64), rounds)
        assert_close(np.asarray(net(X[None])["result"]), want[None])

    def test_shapes_may_change_in_a_short_loop_whose_rounds_are_known(self):
        body = graph(
            "ixn",
            ["j", "y"],
            const("one", np.int32(1)),
            binary("add", ["i", "one"], "j"),
            node(Concat(axis=0), ["x", "x"], "y"),
        )
        layer = While(condition=graph("ixn", ["go"], binary("less", ["i", "n"], "go")), body=body)
        loop = Node("loop", layer, ("zero", "x", "n"), ("count", "result"))
        zero = const("zero", np.int32(0))
        net = net_of([zero, const("n", np.int32(2)), loop], ["result"], {"x": X})
        assert_close(np.asarray(net(X)["result"]), np.tile(X, 4))
        with pytest.raises(ShapeError, match="variable 1 is float32 3 before a round and float32 6 after it"):
            net_of([zero, loop], ["result"], {"x": X, "n": np.zeros((1, 1), np.int32)})

    @pytest.mark.parametrize("known", [True, False])
    def test_a_list_takes_the_shape_of_what_is_put_in(self, known):
        body = graph(
            "iln",
            ["j", "m"],
            const("one", np.int32(1)),
            binary("add", ["i", "one"], "j"),
            node(ListSet(), ["l", "i", "x"], "m"),
        )
        body = Graph("body", (*body.inputs, Value("x")), body.outputs, body.nodes)
        condition = graph("ilnx", ["go"], binary("less", ["i", "n"], "go"))
        loop = Node("loop", While(condition=condition, body=body), ("zero", "l", "n", "x"), ("count", "m"))
        reserve = node(ListReserve(count=4, shape=(-1,)), (), "l")
        if known:
            nodes = [const("zero", np.int32(0)), const("n", np.int32(3)), reserve, loop]
            got = net_of(nodes, ["m"], {"x": X})(X)["m"]
        else:
            n = np.full((1, 1), 3, np.int32)
            nodes = [const("zero", np.zeros((1, 1), np.int32)), reserve, loop]
            got = net_of(nodes, ["m"], {"x": X, "n": n})({"x": X, "n": n})["m"]
        assert_close(np.asarray(got), np.stack([X, X, X, 0 * X]))

    def test_the_condition_is_one_truth_value(self):
        body = graph("x", ["y"], binary("add", ["x", "x"], "y"))
        condition = graph("x", ["go"], binary("less", ["x", "x"], "go"))
        loop = Node("loop", While(condition=condition, body=body), ("x",), ("y",))
        with pytest.raises(
            ShapeError, match=r"'loop' \(While\): the condition is 3, one truth value expected"
        ):
            net_of([loop], ["y"], {"x": X})
        with pytest.raises(ShapeError, match="the condition is 3, one truth value expected"):
            net_of([const("x", X), loop], ["y"], {})

    def test_a_loop_whose_rounds_depend_on_data_has_forward_derivatives_only(self):
        n = np.full((1, 1), 5, np.int32)
        net = net_of([const("zero", np.zeros((1, 1), np.int32)), counted()], ["result"], {"x": X, "n": n})

        def total(x):
            return net.apply(net.params, {"x": x, "n": n})["result"].sum()

        _, slope = jax.jvp(total, (X,), (np.float32([1, 0, 0]),))
        assert float(slope) == 32
        for function in (jax.grad(total), jax.jit(jax.grad(total))):
            with pytest.raises(
                LayerError, match="'part' has no gradient: how often the loop runs depends on the data"
            ):
                function(X)

    def test_what_it_is_made_of_is_checked(self):
        one, two = graph("a", "a"), graph("ab", "ab")
        with pytest.raises(LayerError, match="condition must be one value"):
            While(condition=two, body=two)
        with pytest.raises(LayerError, match="condition has 1 inputs, the body 2"):
            While(condition=one, body=two)
        with pytest.raises(LayerError, match="body yields 2 values, but has 1 inputs"):
            While(condition=one, body=graph("a", "aa"))


def branches(*outputs):
    """A layer with one branch for each function of x and x."""
    parts = tuple(graph("x", ["y"], binary(function, ["x", "x"], "y")) for function in outputs)
    return Node("choice", Branch(branches=parts), ("index", "x"), ("y",))


class TestBranch:
    @given(st.integers(-2, 5), st.booleans())
    def test_the_number_chooses_and_others_mean_the_last(self, index, known):
        choice = branches("add", "multiply", "subtract")
        want = [X + X, X * X, X - X][index if 0 <= index <= 2 else 2]
        index = np.int32(index)
        nodes = [const("index", index), choice] if known else [choice]
        feeds = {"x": X} if known else {"index": index, "x": X}
        assert_close(np.asarray(net_of(nodes, ["y"], feeds)(feeds)["y"]), want)

    @pytest.mark.parametrize("truth", [True, False])
    def test_truth_counts_as_one(self, truth):
        feeds = {"index": np.bool_(truth), "x": X}
        got = net_of([branches("add", "multiply")], ["y"], feeds)(feeds)["y"]
        assert_close(np.asarray(got), X * X if truth else X + X)

    def test_only_the_branch_that_is_known_to_be_chosen_has_to_fit(self):
        parts = graph("x", ["x"]), graph("x", ["y"], node(Concat(axis=0), ["x", "x"], "y"))
        choice = Node("choice", Branch(branches=parts), ("index", "x"), ("z",))
        net = net_of([const("index", np.int32(1)), choice], ["z"], {"x": X})
        assert_close(np.asarray(net(X)["z"]), np.tile(X, 2))
        net = net_of([choice], ["z"], {"index": np.int32(0), "x": X})
        for index, times in ((0, 1), (1, 2)):
            assert_close(np.asarray(net(index=np.int32(index), x=X)["z"]), np.tile(X, times))
        said = r"which branch is chosen \(0 gives float32 3, 1 gives float32 6\) depends on the data"
        with pytest.raises(ShapeError, match=said):
            jax.jit(lambda index: net.apply(net.params, {"index": index, "x": X}))(0)

    def test_the_number_is_a_scalar(self):
        with pytest.raises(ShapeError, match="chosen by one number, not by 2"):
            net_of([branches("add", "multiply")], ["y"], {"index": np.zeros(2, np.int32), "x": X})

    def test_what_it_is_made_of_is_checked(self):
        with pytest.raises(LayerError, match="must be a branch"):
            Branch(branches=())
        with pytest.raises(LayerError, match="as many inputs and outputs"):
            Branch(branches=(graph("a", "a"), graph("ab", "a")))


def test_elements_are_taken_in_a_loop():
    body = graph(
        "itxn",
        ["j", "s"],
        const("one", np.int32(1)),
        binary("add", ["i", "one"], "j"),
        node(ListGet(), ["x", "i"], "e"),
        binary("add", ["t", "e"], "s"),
    )
    condition = graph("itxn", ["go"], binary("less", ["i", "n"], "go"))
    loop = Node("loop", While(condition=condition, body=body), ("zero", "t", "x", "n"), ("count", "s"))
    x = np.random.default_rng(0).standard_normal((40, 3)).astype(np.float32)
    nodes = [const("zero", np.int32(0)), const("t", np.zeros(3, np.float32)), const("n", np.int32(40)), loop]
    assert_close(np.asarray(net_of(nodes, ["s"], {"x": x})(x)["s"]), x.sum(0))
