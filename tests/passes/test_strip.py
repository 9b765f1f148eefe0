"""Stripping training and identities: less is left, and it computes the same."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxdnn import Net
from jaxdnn.ir import Graph, Model, Node, Source, Value, verify
from jaxdnn.layers.activation import Clip, Relu, Sigmoid, Softmax
from jaxdnn.layers.arithmetic import Binary, Cast
from jaxdnn.layers.constant import Const
from jaxdnn.layers.control import While
from jaxdnn.layers.dense import Dense
from jaxdnn.layers.elementwise import Dropout, Eltwise, Identity, Power
from jaxdnn.layers.loss import Accuracy, CrossEntropyLoss
from jaxdnn.layers.shape import Concat, Flatten, Pad, Permute, Reshape, Reverse, Slice, Tile
from jaxdnn.layers.tensor import ExpandDims, Roll, SpaceToBatch, SplitSizes
from jaxdnn.passes import strip_identities, strip_training

X = np.random.default_rng(0).standard_normal((2, 3, 4, 4)).astype(np.float32)


INPUTS = (Value("x", X.shape),)


def model(*nodes, inputs=INPUTS, outputs=("y",), aliases=None, params=None):
    return Model(Graph("n", inputs, outputs, nodes, aliases or {}), params or {}, Source("test"))


def node(name, layer, *inputs, outputs=None):
    return Node(name, layer, inputs, outputs or (name,))


def classifier(**changes):
    """x -> fc -> d -> p, with a loss and an accuracy behind."""
    rng = np.random.default_rng(1)
    fc = Node("fc", Dense(units=5, bias=False), ("x",), ("fc",), {"weight": "fc/weight"})
    nodes = (
        fc,
        node("d", Dropout(), "fc"),
        node("p", Softmax(), "d"),
        node("loss", CrossEntropyLoss(), "p", "label"),
        node("accuracy", Accuracy(), "d", "label"),
    )
    inputs = (Value("x", X.shape), Value("label", (2,), optional=True))
    params = {"fc": {"weight": rng.standard_normal((5, 48)).astype(np.float32)}}
    whole = model(*nodes, inputs=inputs, outputs=("loss", "accuracy"), aliases={"t": "label"}, params=params)
    return Model(
        Graph(**{**{k: getattr(whole.graph, k) for k in Graph.__dataclass_fields__}, **changes}),
        params,
        whole.source,
    )


def same_results(before, after, feeds, outputs=None):
    """Verify the graph and compare what calls yield, by name and in order."""
    verify(after.graph)
    one = Net.from_model(before)(feeds, outputs=outputs)
    other = Net.from_model(after)(feeds, outputs=outputs)
    assert list(one) == list(other)
    for name, want in one.items():
        np.testing.assert_array_equal(other[name], want)


class TestTraining:
    def test_losses_go_with_their_labels(self):
        after = strip_training(classifier())
        assert after.graph.outputs == ("p",)
        assert [value.name for value in after.graph.inputs] == ["x"]
        assert [n.name for n in after.graph.nodes] == ["fc", "d", "p"]
        assert not after.graph.aliases
        same_results(classifier(), after, X)

    def test_what_only_a_loss_needs_goes_too(self):
        before = classifier()
        nodes = (*before.graph.nodes, node("double", Power(scale=2.0), "loss"))
        after = strip_training(classifier(nodes=nodes, outputs=("p", "double")))
        assert after.graph.outputs == ("p",)
        assert [n.name for n in after.graph.nodes] == ["fc", "d", "p"]

    def test_a_net_without_labels_stays(self):
        before = classifier(outputs=("p",))
        assert strip_training(before) is before

    def test_a_net_that_is_all_loss_stays(self):
        inputs = (Value("x", (2, 3), optional=True), Value("label", (2,), optional=True))
        before = model(node("y", CrossEntropyLoss(), "x", "label"), inputs=inputs)
        assert strip_training(before) is before

    def test_optional_inputs_with_defaults_are_no_labels(self):
        inputs = (
            Value("x", X.shape),
            Value("state", X.shape, optional=True, default=0.0),
            Value("one", (), optional=True, fallback=np.ones((), np.float32)),
        )
        before = model(
            node("s", Eltwise(), "x", "state"), node("y", Binary(function="add"), "s", "one"), inputs=inputs
        )
        assert strip_training(before) is before


IDENTITIES = [
    Concat(axis=2),
    Dropout(),
    Dropout(ratio=0.0, scale_train=False),
    Eltwise(),
    Eltwise(operation="product"),
    Eltwise(coefficients=(1.0,)),
    ExpandDims(axes=()),
    Flatten(axis=2, end_axis=2),
    Identity(),
    Pad(before=(0, 0), after=(0, 0), axis=2),
    Permute(order=()),
    Permute(order=(0, 1, 2)),
    Power(),
    Reshape(shape=(-1,), axis=1, num_axes=1),
    Reshape(shape=(0, -1, 0), axis=1, num_axes=3),
    Reverse(axes=()),
    Roll(shift=(0, 0), axes=(1, 2)),
    Slice(parts=1),
    SpaceToBatch(block=(1, 1), padding=((0, 0), (0, 0))),
    SplitSizes(sizes=(3,), axis=1),
    Tile(repeats=(1, 1)),
]
OTHERS = [
    Dropout(scale_train=False),
    Eltwise(coefficients=(2.0,)),
    ExpandDims(axes=(0,)),
    Flatten(axis=2),
    Pad(before=(0, 0), after=(0, 1), axis=2),
    Permute(order=(0, 1, 3)),
    Power(scale=2.0),
    Power(shift=1.0),
    Power(power=2.0),
    Relu(),
    Reshape(shape=(-1,)),
    Reshape(shape=(0, -1), axis=1),
    Reshape(shape=(4, 4), axis=2, num_axes=2),
    Reverse(axes=(3,)),
    Roll(shift=(0, 1), axes=(1, 2)),
    SpaceToBatch(block=(1, 2), padding=((0, 0), (0, 0))),
    Tile(repeats=(1, 2)),
]


class TestIdentities:
    @pytest.mark.parametrize("layer", IDENTITIES, ids=repr)
    def test_it_is_removed(self, layer):
        before = model(node("h", Relu(), "x"), node("i", layer, "h"), node("y", Power(scale=2.0), "i"))
        after = strip_identities(before)
        assert [n.name for n in after.graph.nodes] == ["h", "y"]
        assert after.graph.resolve("i") == "h"
        same_results(before, after, X, outputs=("y", "i"))

    @pytest.mark.parametrize("layer", OTHERS, ids=repr)
    def test_what_may_change_its_input_stays(self, layer):
        before = model(node("y", layer, "x"))
        assert strip_identities(before) is before

    @given(st.lists(st.sampled_from(IDENTITIES + OTHERS), max_size=6), st.data())
    def test_any_chain(self, layers, data):
        chain = [node(f"v{i + 1}", layer, f"v{i}") for i, layer in enumerate(layers)]
        names = [f"v{i}" for i in range(len(layers) + 1)]
        outputs = data.draw(st.lists(st.sampled_from(names), min_size=1, unique=True))
        before = model(*chain, inputs=(Value("v0", X.shape),), outputs=tuple(outputs))
        try:
            Net.from_model(before)
        except Exception:
            return  # the layers do not fit each other
        after = strip_identities(before)
        assert not any(n.layer in IDENTITIES for n in after.graph.nodes)
        assert strip_identities(after) is after
        assert after.graph.outputs == before.graph.outputs
        same_results(before, after, X)
        same_results(before, after, X, outputs=names)

    def test_an_output_may_be_an_input(self):
        before = model(node("y", Identity(), "x"), node("z", Identity(), "x"), outputs=("z", "y", "x"))
        after = strip_identities(before)
        assert after.graph.nodes == ()
        same_results(before, after, X)

    def test_names_of_layers_that_work_in_place(self):
        before = model(
            node("relu", Relu(), "x", outputs=("y@relu",)),
            node("drop", Dropout(), "y@relu", outputs=("y",)),
            aliases={"x": "y"},
        )
        after = strip_identities(before)
        assert dict(after.graph.aliases) == dict.fromkeys(("x", "y", "drop"), "y@relu")
        same_results(before, after, X, outputs=("x", "y", "drop", "relu"))

    def test_a_removed_layer_does_not_take_the_name_of_a_value(self):
        before = model(
            node("h", Relu(), "x"),
            node("h@2", Identity(), "h", outputs=("i",)),
            Node("x", Identity(), ("i",), ("j",)),
            node("y", Power(scale=2.0), "j"),
        )
        after = strip_identities(before)
        assert "x" not in after.graph.aliases
        same_results(before, after, X, outputs=("x", "y"))

    def test_a_cast_to_the_type_of_the_cast_before(self):
        before = model(
            node("a", Cast(dtype="int32"), "x"),
            node("b", Cast(dtype="int32"), "a"),
            node("y", Cast(dtype="float32"), "b"),
        )
        after = strip_identities(before)
        assert [n.name for n in after.graph.nodes] == ["a", "y"]
        same_results(before, after, X)

    @pytest.mark.parametrize("layer", [Relu(), Clip(floor=0, ceiling=6)])
    def test_what_does_nothing_a_second_time(self, layer):
        before = model(node("a", layer, "x"), node("b", layer, "a"), node("y", Softmax(), "b"))
        after = strip_identities(before)
        assert [n.name for n in after.graph.nodes] == ["a", "y"]
        same_results(before, after, X)
        for first, second in (
            (Relu(negative_slope=0.5), Relu(negative_slope=0.5)),
            (Clip(ceiling=6), Clip(ceiling=5)),
            (Sigmoid(), Sigmoid()),
        ):
            stays = model(node("a", first, "x"), node("y", second, "a"))
            assert strip_identities(stays) is stays

    def test_what_a_call_without_labels_yields_keeps_its_name(self):
        nodes = classifier().graph.nodes
        before = classifier(nodes=(nodes[0], nodes[1], nodes[4]), outputs=("accuracy",))
        assert strip_identities(before) is before

    def test_bodies_of_loops(self):
        count = (Value("i", ()), Value("v", X.shape))
        condition = Graph(
            "condition",
            count,
            ("more",),
            (
                node("limit", Const(value=np.int32(3))),
                node("more", Binary(function="less"), "i", "limit"),
            ),
        )
        body = Graph(
            "body",
            count,
            ("next", "w"),
            (
                node("one", Const(value=np.int32(1))),
                node("next", Binary(function="add"), "i", "one"),
                node("u", Power(scale=2.0), "v"),
                node("w", Dropout(), "u"),
            ),
        )
        loop = Node("loop", While(condition=condition, body=body), ("start", "x"), ("count", "y"))
        before = model(node("start", Const(value=np.int32(0))), loop)
        after = strip_identities(before)
        inner = after.graph.nodes[1].layer.body
        assert inner.outputs == ("next", "u")
        assert [n.name for n in inner.nodes] == ["one", "next", "u"]
        assert after.graph.nodes[1].layer.condition is condition
        same_results(before, after, X)
        np.testing.assert_array_equal(Net.from_model(after)(X)["y"], 8 * X)
