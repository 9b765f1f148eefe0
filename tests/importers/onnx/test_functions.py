"""Functions of the model, and operators that the standard defines by functions."""

import numpy as np
import onnx
import pytest
from onnx import helper
from onnx.defs import onnx_opset_version

import jaxdnn
from jaxdnn import GraphError
from jaxdnn.importers.onnx.registry import RULES
from support.onnx_graphs import graph, load, node, one_op, reference, tensor

X = np.arange(6, dtype=np.float32).reshape(2, 3) - 2
INPUTS = [tensor("x", (2, 3))]
VERSIONS = {"": 21, "local": 1}


def function(name, inputs, outputs, nodes, **options):
    versions = [helper.make_opsetid(domain, version) for domain, version in VERSIONS.items()]
    return helper.make_function("local", name, inputs, outputs, nodes, versions, **options)


def refers(made, attribute, of, kind=onnx.AttributeProto.FLOAT):
    made.attribute.append(onnx.AttributeProto(name=attribute, ref_attr_name=of, type=kind))
    return made


def test_a_function_is_imported_in_place_of_each_call(tmp_path):
    double = function("Double", ["a"], ["b"], [node("Add", ["a", "a"], "b")])
    nodes = [node("Double", "x", "h", domain="local", name="one"), node("Double", "h", domain="local")]
    net = load(tmp_path, nodes, INPUTS, opset=VERSIONS, functions=[double])
    np.testing.assert_array_equal(net(X)["y"], 4 * X)
    assert [layer.name for layer in net.graph.nodes] == ["one/b", "y/b"]


def test_attributes_of_calls_and_their_defaults(tmp_path):
    body = [refers(node("LeakyRelu", "a", "b"), "alpha", "slope")]
    leaky = function("Leaky", ["a"], ["b"], body, attributes=["slope"])
    with_default = function(
        "Quarter", ["a"], ["b"], body, attribute_protos=[helper.make_attribute("slope", 0.25)]
    )
    nodes = [
        node("Leaky", "x", "a", domain="local", slope=0.5),
        node("Leaky", "x", "b", domain="local"),
        node("Quarter", "x", "c", domain="local"),
        node("Quarter", "x", "d", domain="local", slope=0.75),
    ]
    net = load(tmp_path, nodes, INPUTS, "abcd", opset=VERSIONS, functions=[leaky, with_default])
    for name, slope in zip("abcd", (0.5, 0.01, 0.25, 0.75), strict=True):
        np.testing.assert_allclose(net(X)[name], np.where(X > 0, X, slope * X), rtol=1e-6)


def test_attributes_reach_graphs_inside_and_functions_nest(tmp_path):
    inside = graph([refers(node("LeakyRelu", "a", "r"), "alpha", "slope")], [], ["r"])
    other = graph([node("Inner", "a", "r", domain="local")], [], ["r"])
    outer = function(
        "Outer",
        ["a", "c"],
        ["b"],
        [node("If", "c", "b", then_branch=inside, else_branch=other)],
        attributes=["slope"],
    )
    inner = function("Inner", ["a"], ["b"], [node("Neg", "a", "b")])
    nodes = [node("Outer", ["x", "c"], domain="local", slope=0.5)]
    inputs = [*INPUTS, tensor("c", (), "bool")]
    net = load(tmp_path, nodes, inputs, opset=VERSIONS, functions=[outer, inner])
    np.testing.assert_array_equal(net({"x": X, "c": True})["y"], np.where(X > 0, X, 0.5 * X))
    np.testing.assert_array_equal(net({"x": X, "c": False})["y"], -X)


def test_optional_inputs_and_unused_outputs(tmp_path):
    clip = function(
        "Limit",
        ["a", "low", "high"],
        ["b", "odd"],
        [node("Clip", ["a", "low", "high"], "b"), node("NeverHeardOf", "a", "odd")],
    )
    nodes = [node("Limit", ["x", "", "top"], domain="local"), node("Limit", ["x"], "z", domain="local")]
    net = load(tmp_path, nodes, INPUTS, ("y", "z"), {"top": np.float32(1)}, opset=VERSIONS, functions=[clip])
    np.testing.assert_array_equal(net(X)["y"], np.minimum(X, 1))
    np.testing.assert_array_equal(net(X)["z"], X)


def test_a_function_has_versions_of_its_own(tmp_path):
    versions = [helper.make_opsetid("", 9)]
    old = helper.make_function(
        "local", "Old", ["a"], ["b"], [node("Unsqueeze", "a", "b", axes=[0])], versions
    )
    net = load(tmp_path, [node("Old", "x", domain="local")], INPUTS, opset=VERSIONS, functions=[old])
    assert net(X)["y"].shape == (1, 2, 3)


def test_the_function_of_the_user_goes_first(tmp_path):
    double = function("Double", ["a"], ["b"], [node("Add", ["a", "a"], "b")])
    nodes = [node("Double", "x", domain="local")]
    loading = {"custom_layers": {"local::Double": lambda weights, x: 5 * x}}
    net = load(tmp_path, nodes, INPUTS, opset=VERSIONS, functions=[double], loading=loading)
    np.testing.assert_array_equal(net(X)["y"], 5 * X)


def test_functions_without_a_bound(tmp_path):
    nodes = [node("F", "x", domain="local")]
    other = function("G", ["a"], ["b"], [node("F", "a", "b", domain="local")])
    loop = function("F", ["a"], ["b"], [node("G", "a", "b", domain="local")])
    with pytest.raises(GraphError, match="function 'F' calls itself without a bound: F -> G -> F"):
        load(tmp_path, nodes, INPUTS, opset=VERSIONS, functions=[loop, other])
    many = [
        function(
            f"F{i}",
            ["a"],
            ["b"],
            [node(f"F{i + 1}", "a", "h", domain="local"), node(f"F{i + 1}", "h", "b", domain="local")],
        )
        for i in range(40)
    ]
    many.append(function("F40", ["a"], ["b"], [node("Neg", "a", "b")]))
    with pytest.raises(GraphError, match="stand for more than 32768 nodes"):
        load(tmp_path, [node("F0", "x", domain="local")], INPUTS, opset=VERSIONS, functions=many)


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ([node("F", ["x", "x"], domain="local")], "has 2 inputs, function 'F' has 1"),
        ([node("F", "x", ["y", "z"], domain="local")], "has 2 outputs, function 'F' has 1"),
        ([node("F", "", domain="local")], r"takes 1 input, 0 given"),
    ],
)
def test_calls_that_make_no_sense(tmp_path, nodes, message):
    made = function("F", ["a"], ["b"], [node("Neg", "a", "b")])
    with pytest.raises(GraphError, match=message):
        load(tmp_path, nodes, INPUTS, opset=VERSIONS, functions=[made])


@pytest.mark.parametrize(
    ("op", "shape", "version", "attributes"),
    [
        ("MeanVarianceNormalization", (2, 3, 4, 5), 13, {}),
        ("Celu", (3, 4), 12, {"alpha": 0.5}),
        ("LayerNormalization", (2, 3, 4), 17, {"axis": -1}),
        ("Swish", (3, 4), 24, {"alpha": 0.5}),
        ("ReduceLogSumExp", (3, 4), 18, {}),
    ],
)
def test_operators_that_the_standard_defines_by_others(tmp_path, monkeypatch, op, shape, version, attributes):
    if version > onnx_opset_version():
        pytest.skip("the installed onnx does not know it")
    monkeypatch.delitem(RULES, ("", op), raising=False)
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(shape).astype(np.float32)]
    if op == "LayerNormalization":
        arrays += [np.float32([1, 2, 3, 4]), np.float32([4, 3, 2, 1])]
    made, fed = one_op(op, arrays, opset=version, **attributes)
    path = tmp_path / "m.onnx"
    path.write_bytes(made.SerializeToString())
    (want,) = reference(made, fed)
    np.testing.assert_allclose(jaxdnn.load(path)(fed)["o0"], want, rtol=1e-5, atol=1e-6)
