"""Graphs as JSON: every layer comes back as it was, and what is written otherwise is an error."""

import json
import math
from dataclasses import replace

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxdnn import JaxdnnError, LayerError, Net
from jaxdnn.artifact.documents import write_json
from jaxdnn.artifact.graphs import read_graph, write_graph
from jaxdnn.ir import Graph, Model, Node, Source, Value
from jaxdnn.layers.activation import Relu
from jaxdnn.layers.arithmetic import Binary
from jaxdnn.layers.constant import Const
from jaxdnn.layers.control import While
from jaxdnn.layers.convolution import Conv
from jaxdnn.layers.custom import Custom
from jaxdnn.layers.late import Late
from jaxdnn.layers.shape import Reshape
from jaxdnn.lowering import LOWERINGS
from support.artifacts import classifier
from support.matrix import CASES


def again(graph: Graph) -> Graph:
    data, arrays = write_graph(graph)
    return read_graph(memoryview(data), memoryview(arrays))


def of(layer, *inputs: str) -> Graph:
    return Graph(
        "g", tuple(Value(name, (2,)) for name in inputs), ("y",), (Node("y", layer, inputs, ("y",)),)
    )


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, marks=[pytest.mark.long] * (index % 3 > 0)) for index, case in enumerate(CASES)],
    ids=[case.feature for case in CASES],
)
def test_every_feature(case):
    net, feeds = case.net, case.feeds
    graph = again(net.graph)
    assert repr(graph) == repr(net.graph)
    if not any(isinstance(node.layer, Const) for node in graph.nodes):
        assert graph == net.graph
    other = Net.from_model(Model(graph, net.stored, Source("test")))
    for name, want in net(feeds).items():
        np.testing.assert_array_equal(other(feeds)[name], want)


def test_names_of_layers_are_unique():
    assert len({layer.__name__ for layer in LOWERINGS}) == len(LOWERINGS)


def test_a_graph_of_several_nodes_keeps_everything():
    graph = replace(classifier().graph, aliases={"out": "prob"})
    values = (
        *graph.inputs,
        Value("state", (None, 3), "int8", True, 0.5),
        Value("given", None, "float64", True, None, np.arange(3.0)),
    )
    graph = replace(graph, inputs=values)
    assert again(graph) == graph
    np.testing.assert_array_equal(again(graph).inputs[-1].fallback, np.arange(3.0))


def test_folders_stay_at_home():
    graph = of(Relu(), "x")
    node = replace(graph.nodes[0], origin="/home/me/net.prototxt:12")
    assert again(replace(graph, nodes=(node,))).nodes[0].origin == "net.prototxt:12"


def loop() -> Graph:
    inputs = (Value("i", (), "int32"), Value("n", (), "int32"))
    condition = Graph("c", inputs, ("l",), (Node("l", Binary(function="less"), ("i", "n"), ("l",)),))
    one = Node("one", Const(value=np.array(1, np.int32)), (), ("one",))
    add = Node("j", Binary(function="add"), ("i", "one"), ("j",))
    body = Graph("b", inputs, ("j",), (one, add))
    node = Node("y", While(condition=condition, body=body), ("i", "n"), ("y",))
    return Graph("g", inputs, ("y",), (node,))


def test_graphs_within_graphs():
    net = Net.from_model(Model(again(loop()), {}, Source("test")))
    assert net({"i": np.int32(2), "n": np.int32(7)})["y"] == 7


def test_layers_within_layers():
    graph = of(Late(layer=Reshape(shape=(0, -1)), names=("shape",)), "x", "s")
    assert again(graph) == graph


ARRAYS = [
    np.float32(3),
    np.zeros((0, 3), np.int64),
    np.arange(6, dtype=np.uint16).reshape(2, 3).T,
    np.array([1.5, -math.inf, math.nan], ">f4"),
    np.array([[1 + 2j], [3 - 4j]], np.complex64),
    np.array(1 + 2j, np.complex128),
    np.array([True, False]),
    np.arange(3).astype(jax.numpy.bfloat16),
    np.array([b"a", b"\xff"], object),
    np.array([[b"abc"]], "S3"),
]


@pytest.mark.parametrize("array", ARRAYS, ids=lambda array: f"{np.asarray(array).dtype}")
def test_constants(array):
    array = np.asarray(array)
    read = again(of(Const(value=array))).nodes[0].layer.value
    assert read.dtype == array.dtype.newbyteorder("=")
    assert read.shape == array.shape
    np.testing.assert_array_equal(read, array)


def test_repeated_elements_are_stored_once():
    array = np.broadcast_to(np.float32([[1], [2]]), (2, 10**6))
    data, arrays = write_graph(of(Const(value=array)))
    assert len(data) + len(arrays) < 2000
    np.testing.assert_array_equal(again(of(Const(value=array))).nodes[0].layer.value, array)


PLAIN = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text() | st.binary()
ATTRIBUTES = st.recursive(PLAIN, lambda inner: st.lists(inner, max_size=3).map(tuple), max_leaves=8)


@given(ATTRIBUTES)
def test_attributes_of_custom_layers(value):
    layer = Custom(type="Any", fields=(("value", value),), weights=(("blob0", (2, 3)),))
    assert repr(again(of(layer, "x")).nodes[0].layer) == repr(layer)


def test_mappings_and_numpy_numbers():
    layer = Custom(type="Any", fields=(("a", {"b": (1, math.inf)}), ("c", np.float32(0.5))))
    assert again(of(layer, "x")).nodes[0].layer.fields == (("a", {"b": (1, math.inf)}), ("c", 0.5))


@pytest.mark.parametrize("value", [object(), {1}, np.array(["text"]), np.array([1.5], np.longdouble)])
def test_what_has_no_form(value):
    with pytest.raises(LayerError, match=r"'y' \(Custom\).* cannot be written to an artifact"):
        write_graph(of(Custom(type="Any", fields=(("a", value),)), "x"))


def changed(change, graph: Graph | None = None) -> str:
    """Return the error of a graph whose JSON a function changed."""
    data, arrays = write_graph(graph or of(Conv(filters=2, kernel=3), "x"))
    document = json.loads(data)
    change(document)
    with pytest.raises(JaxdnnError) as error:
        read_graph(memoryview(write_json(document)), memoryview(arrays))
    return str(error.value)


def layer_of(document):
    return document["nodes"][0]["layer"]


def set_attribute(name, value):
    return lambda document: layer_of(document)["attributes"].update({name: value})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.pop("nodes"), "the graph has no 'nodes'"),
        (lambda d: d.update(more=1), "the graph has an unknown field 'more'"),
        (lambda d: d.update(name=1), "'name' of the graph must be a string, got 1"),
        (lambda d: d.update(nodes={}), "'nodes' of the graph must be a list"),
        (lambda d: d.update(nodes=[3]), "'nodes' of the graph[0] must be an object, got 3"),
        (lambda d: d.update(outputs=["z"]), "output 'z' of graph 'g' is produced by no layer"),
        (lambda d: d["inputs"][0].update(dtype="quaternion"), "has the unknown type 'quaternion'"),
        (lambda d: d["inputs"][0].update(dtype="O"), "has the unknown type 'O'"),
        (lambda d: d["inputs"][0].update(dtype="<f4"), "has the unknown type '<f4'"),
        (lambda d: d["inputs"][0].update(shape=[-1]), "must be a size, got -1"),
        (lambda d: d["inputs"][0].update(optional=1), "must be true or false, got 1"),
        (lambda d: d["inputs"][0].update(default="0"), "must be a number, got '0'"),
        (lambda d: d["inputs"][0].update(fallback=1), "the fallback of 'inputs' of the graph[0] is no array"),
        (lambda d: d["nodes"][0].update(params={"weight": "w"}), "not to owner/slot"),
        (lambda d: layer_of(d).update(type="Exec"), "layer 'y' is of the unknown type 'Exec'"),
        (lambda d: layer_of(d).update(type="__class__"), "is of the unknown type '__class__'"),
        (lambda d: layer_of(d)["attributes"].pop("filters"), "is a Conv without the attribute 'filters'"),
        (set_attribute("more", 1), "is a Conv, which has no attribute 'more'"),
        (set_attribute("filters", "2"), "attribute 'filters' of layer 'y' is of another type"),
        (set_attribute("filters", True), "attribute 'filters' of layer 'y' is of another type"),
        (set_attribute("filters", 2.0), "attribute 'filters' of layer 'y' is of another type"),
        (set_attribute("filters", 0), "filters must be at least 1, got 0"),
        (set_attribute("kernel", {"float": "big"}), "must be one of inf, -inf, nan, got 'big'"),
        (set_attribute("kernel", {"eval": "1"}), "is an object of none of the kinds"),
        (set_attribute("kernel", {"bytes": "%"}), "is not base64"),
        (set_attribute("kernel", {"array": "7", "shape": [], "type": "int32"}), "names an array '7'"),
        (set_attribute("kernel", {"float": "inf", "more": 1}), "has an unknown field 'more'"),
        (set_attribute("kernel", {"strings": [], "shape": [2], "type": "|O"}), "has 0 strings for the shape"),
        (set_attribute("kernel", {"strings": [], "shape": [0], "type": "<f4"}), "unknown type '<f4'"),
    ],
)
def test_errors(change, message):
    assert message in changed(change)


@pytest.mark.parametrize(
    ("array", "change", "message"),
    [
        (np.zeros(2, np.float32), {"shape": [3]}, "of shape (3,) has an array of shape (2,)"),
        (np.zeros(2, np.float32), {"type": "int32"}, "is int32, and its array float32"),
        (np.zeros(3, np.float32), {"type": "complex64"}, "is complex64, and its array float32 of shape (3,)"),
        (np.zeros((1, 2), np.int8), {"type": "complex64"}, "is complex64, and its array int8"),
        (
            np.zeros((1, 2), np.float64),
            {"type": "complex64", "shape": [1]},
            "is complex64, and its array complex128",
        ),
        (np.zeros(1, np.float32), {"shape": [10**20]}, "has an array of shape (1,)"),
    ],
)
def test_errors_of_arrays(array, change, message):
    text = changed(lambda d: layer_of(d)["attributes"]["value"].update(change), of(Const(value=array)))
    assert message in text


def test_other_errors_of_a_layer_are_its_own():
    bad = {"attributes": {"weights": [], "condition": {"graph": None}, "body": None}, "type": "While"}
    assert "must be an object, got None" in changed(lambda d: d["nodes"][0].update(layer=bad))


def test_nesting_has_an_end():
    data, arrays = write_graph(of(Relu(), "x"))
    for text in (
        b"[" * 100_000,
        data.replace(b'"negative_slope":0.0', b'"negative_slope":' + b"[" * 900 + b"]" * 900),
    ):
        with pytest.raises(JaxdnnError):
            read_graph(memoryview(text), memoryview(arrays))


@given(st.integers(0, 10_000), st.binary(min_size=1, max_size=3))
def test_mutated_graphs_raise_nothing_else(position, replacement):
    data, arrays = write_graph(loop())
    position %= len(data)
    try:
        read_graph(memoryview(data[:position] + replacement + data[position + 1 :]), memoryview(arrays))
    except JaxdnnError:
        return
