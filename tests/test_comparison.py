"""Comparing two nets value by value."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import jaxdnn
from jaxdnn.comparison import HEADERS
from jaxdnn.ir import Graph, Model, Node, Source, Value
from jaxdnn.layers.activation import Relu, Softmax
from jaxdnn.layers.constant import Parameter
from jaxdnn.layers.dense import Dense
from jaxdnn.layers.shape import Filter

X = np.float32([[1, 2, 3, 4]])


def net_of(nodes, params=None, *, name="net", x=X, outputs=("y",)):
    graph = Graph(name, (Value("x", x.shape, str(x.dtype)),), outputs, tuple(nodes))
    return jaxdnn.Net.from_model(Model(graph, params or {}, Source("test")))


def holder(value, name="net"):
    """A net whose only layer gives an array."""
    value = np.asarray(value, np.float32)
    node = Node("p", Parameter(shape=value.shape), (), ("y",), {"value": "p/value"})
    return net_of([node], {"p": {"value": value}}, name=name)


def dense(name="net", layer="fc"):
    nodes = [
        Node(layer, Dense(units=3, bias=False), ("x",), ("h",), {"weight": "fc/weight"}),
        Node("prob", Softmax(), ("h",), ("y",)),
    ]
    weight = np.float32([[1, 0, 0, 0], [0, 1 / 3, 0, 0], [0, 0, -0.1, 0.7]])
    return net_of(nodes, {"fc": {"weight": weight}}, name=name)


class TestNumbers:
    floats = arrays.arrays(np.float32, (6,), elements=st.floats(-1e6, 1e6, width=32))

    @settings(max_examples=6)
    @given(floats, floats)
    def test_they_are_those_of_the_formulas(self, a, b):
        (row,) = jaxdnn.compare(holder(a), holder(b), X).rows
        a, b = a.astype(np.float64), b.astype(np.float64)
        assert row.max_abs == np.abs(a - b).max()
        if a.any():
            assert row.max_rel == pytest.approx(np.abs(a - b).max() / np.abs(a).max())
        if a.any() and b.any():
            cosine = (a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum())
            assert row.cosine == pytest.approx(cosine, abs=1e-9)

    @pytest.mark.parametrize(
        ("a", "b", "max_abs", "max_rel", "cosine"),
        [
            ([0, 0], [0, 0], 0, 0, 1),
            ([0, 0], [0, 2], 2, np.inf, 0),
            ([1, np.inf], [1, np.inf], 0, 0, None),
            ([np.nan, 1], [np.nan, 1], 0, 0, None),
            ([1, 1], [np.nan, 1], np.nan, np.nan, None),
            ([1, 2], [1, np.inf], np.inf, np.inf, None),
            ([1, np.inf], [1, -np.inf], np.inf, None, None),
        ],
    )
    def test_of_zeros_and_what_is_not_finite(self, a, b, max_abs, max_rel, cosine):
        (row,) = jaxdnn.compare(holder(a), holder(b), X).rows
        for got, want in ((row.max_abs, max_abs), (row.max_rel, max_rel), (row.cosine, cosine)):
            if want is not None:
                np.testing.assert_equal(got, want)

    def test_the_worst_value(self):
        nodes = [
            Node(f"p{i}", Parameter(shape=(1,)), (), (n,), {"value": f"p{i}/value"})
            for i, n in enumerate("abc")
        ]
        exact, rough, broken = (
            net_of(nodes, {f"p{i}": {"value": np.float32([v])} for i, v in enumerate(values)}, outputs=("c",))
            for values in ((1, 1, 1), (1, 1.5, 1.1), (1, 1.5, np.nan))
        )
        assert jaxdnn.compare(exact, rough, X).worst.value == "b"
        assert jaxdnn.compare(exact, broken, X).worst.value == "c"


class TestPolicies:
    def test_a_half_differs_by_its_rounding(self):
        net = dense()
        comparison = jaxdnn.compare(net, net.replace(policy="mixed_float16"), X)
        assert comparison.titles == ("float32", "mixed_float16")
        assert comparison.outputs == ("y",)
        fc, prob = comparison.rows
        assert (fc.layer, fc.type, fc.value, fc.dtypes) == ("fc", "Dense", "h", ("float32", "float16"))
        assert prob.dtypes == ("float32", "float32")  # an island
        assert fc.shapes == ((1, 3), (1, 3))
        for row in comparison.rows:
            assert 0 < row.max_rel < 1e-3
            assert 0.999999 < row.cosine <= 1 + 1e-12

    def test_text(self):
        net = dense()
        lines = str(jaxdnn.compare(net, net.replace(policy="mixed_float16"), X)).splitlines()
        assert lines[0] == "float32 and mixed_float16"
        assert lines[2].split() == " ".join(HEADERS).split()
        assert lines[4].split()[:6] == ["fc", "Dense", "h", "float32", "/", "float16"]
        assert lines[-1].startswith("the largest relative difference is ")
        assert lines[-1].endswith(", in 'h'") or lines[-1].endswith(", in 'y'")

    def test_plain_data(self):
        net = dense()
        comparison = jaxdnn.compare(net, net.replace(policy="mixed_bfloat16"), X)
        again = json.loads(json.dumps(comparison.to_dict()))
        assert [row["value"] for row in again["rows"]] == ["h", "y"]
        assert again["rows"][0]["max_abs"] == comparison.rows[0].max_abs

    def test_picture(self):
        net = dense()
        picture = jaxdnn.compare(net, net.replace(policy="mixed_float16"), X).picture()
        assert picture.mode == "RGB"
        assert len(picture.getcolors(1 << 20)) > 3  # bars of both groups, lines, letters


class TestOtherNets:
    def test_their_names_are_the_titles(self):
        first, second = dense("trained"), dense("converted", layer="renamed")
        comparison = jaxdnn.compare(first, second, X)
        assert comparison.titles == ("trained", "converted")
        assert [row.layer for row in comparison.rows] == ["fc", "prob"]  # the first net's names
        assert [row.max_abs for row in comparison.rows] == [0, 0]

    def test_only_common_values_count(self):
        relu = net_of([Node("relu", Relu(), ("x",), ("h",)), Node("s", Softmax(), ("h",), ("y",))])
        other = net_of([Node("s", Softmax(), ("x",), ("y",))])
        (row,) = jaxdnn.compare(relu, other, X).rows
        assert (row.value, row.max_abs) == ("y", 0)

    def test_nothing_in_common(self):
        one = net_of([Node("a", Relu(), ("x",), ("a",))], outputs=("a",), name="one")
        two = net_of([Node("b", Relu(), ("x",), ("b",))], outputs=("b",), name="two")
        with pytest.raises(jaxdnn.InputError, match="'one' and 'two' have no value of the same name"):
            jaxdnn.compare(one, two, X)

    def test_sizes_that_depend_on_the_data(self):
        def kept(scale):
            """Keep the rows of which the scaled first element is positive."""
            nodes = [
                Node("s", Dense(units=1, bias=False), ("x",), ("s",), {"weight": "s/weight"}),
                Node("r", Relu(), ("s",), ("r",)),
                Node("f", Filter(), ("x", "r"), ("y",)),
            ]
            return net_of(nodes, {"s": {"weight": np.float32([[scale]])}}, x=np.ones((3, 1), np.float32))

        rows = np.float32([[1], [-1], [2]])
        row = jaxdnn.compare(kept(1), kept(-1), rows).rows[-1]
        assert row.shapes == ((2, 1), (1, 1))
        assert np.isnan(row.max_rel)
        assert "(2, 1) / (1, 1)" in row.cells()


def test_missing_weights():
    nodes = [Node("fc", Dense(units=3), ("x",), ("y",), {"weight": "fc/weight", "bias": "fc/bias"})]
    net = net_of(nodes)
    with pytest.raises(jaxdnn.JaxdnnError, match="fc/weight"):
        jaxdnn.compare(net, net, X)
