"""Models as a whole: what is read, sorted, pruned, fed, named and refused."""

import numpy as np
import onnx
import pytest
from onnx import helper

import jaxdnn
from jaxdnn import GraphError, InputError, JaxdnnWarning, LayerError, ParseError, UnsupportedLayerError
from support.onnx_graphs import load, model, node, save, tensor

X = np.arange(6, dtype=np.float32).reshape(2, 3) - 2
C = np.float32([1, 2, 3])
INPUTS = [tensor("x", (2, 3))]


def test_names_are_those_of_the_file(tmp_path):
    nodes = [node("Relu", "x", "h", name="first"), node("Tanh", "h", "y")]
    net = load(tmp_path, nodes, [tensor("x", ("batch", 3))])
    assert [layer.name for layer in net.graph.nodes] == ["first", "y"]
    assert (str(net.inputs["x"]), net.graph.outputs) == ("float32[?, 3]", ("y",))
    np.testing.assert_allclose(net(X, outputs=["h", "y"])["h"], np.maximum(X, 0))


def test_only_what_outputs_need_is_imported(tmp_path):
    nodes = [
        node("NeverHeardOf", "y", "strange"),
        node("Relu", "x", "y"),
        node("Relu", "nowhere", "dangling"),
        node("If", "nothing", "also_dangling"),
    ]
    np.testing.assert_array_equal(load(tmp_path, nodes, INPUTS)(X)["y"], np.maximum(X, 0))
    with pytest.raises(UnsupportedLayerError, match="NeverHeardOf: layer 'strange'"):
        load(tmp_path, nodes, INPUTS, ("strange",))


def test_all_unknown_operators_are_named_with_their_domains(tmp_path):
    nodes = [node("Odd", "x", "a", domain="com.acme"), node("Even", "a", "y")]
    path = save(tmp_path, nodes, INPUTS, opset={"": 21, "com.acme": 3})
    with pytest.raises(UnsupportedLayerError, match=r"(?s)com\.acme::Odd.*Even: layer 'y'"):
        jaxdnn.load(path)
    functions = {"Odd": lambda weights, x: x + 1, "Even": lambda weights, x, scale: x * scale}
    nodes[1] = node("Even", "a", "y", scale=3.0)
    path = save(tmp_path, nodes, INPUTS, opset={"": 21, "com.acme": 3})
    for name in ("Odd", "com.acme::Odd"):
        functions = {name: lambda weights, x: x + 1, "Even": lambda weights, x, scale: x * scale}
        np.testing.assert_array_equal(jaxdnn.load(path, custom_layers=functions)(X)["y"], 3 * X + 3)


def test_the_order_of_the_file_does_not_matter(tmp_path):
    nodes = [node("Tanh", "h", "y"), node("Relu", "x", "h")]
    net = load(tmp_path, nodes, INPUTS)
    np.testing.assert_allclose(net(X)["y"], np.tanh(np.maximum(X, 0)), rtol=1e-6)


def test_any_value_can_be_fed_or_returned(tmp_path):
    nodes = [node("Mystery", "x", "h"), node("Add", ["h", "c"], "s"), node("Relu", "s", "y")]
    path = save(tmp_path, nodes, INPUTS, initializers={"c": C})
    net = jaxdnn.load(path, inputs=["h"], outputs=["s"])
    np.testing.assert_array_equal(net(X)["s"], X + C)
    net = jaxdnn.load(path, inputs=["h", "c"], outputs=["y"])
    assert str(net.inputs["c"]) == "float32[3]"
    got = net({"h": X, "c": np.float32([5, 5, 5])})["y"]
    np.testing.assert_array_equal(got, np.maximum(X + 5, 0))
    with pytest.raises(InputError, match="the graph has no value 'z'; it has 'h', 's', 'y'"):
        jaxdnn.load(path, outputs=["z"])


def test_an_inner_input_has_the_type_that_the_file_states(tmp_path):
    made = model([node("Mystery", "x", "h"), node("Relu", "h", "y")], INPUTS)
    made.graph.value_info.append(tensor("h", (None, 4), "float16"))
    (tmp_path / "m.onnx").write_bytes(made.SerializeToString())
    assert str(jaxdnn.load(tmp_path / "m.onnx", inputs=["h"]).inputs["h"]) == "float16[?, 4]"


def test_initializers_that_are_inputs_too_are_constants(tmp_path):
    inputs = [*INPUTS, tensor("c", (3,))]
    path = save(tmp_path, [node("Add", ["x", "c"])], inputs, initializers={"c": C})
    assert list(jaxdnn.load(path).inputs) == ["x"]
    np.testing.assert_array_equal(jaxdnn.load(path)(X)["y"], X + C)


def test_outputs_that_no_node_computes(tmp_path):
    net = load(tmp_path, [], INPUTS, ("x", "c"), {"c": np.float32([1, 2])})
    got = net(X)
    np.testing.assert_array_equal(got["x"], X)
    np.testing.assert_array_equal(got["c"], [1, 2])


def test_parameters_are_called_like_initializers(tmp_path):
    weights = {
        "head/conv.weight": np.ones((4, 3, 1, 1), np.float32),
        "head/conv.bias": np.ones(4, np.float32),
        "plain": np.ones((4, 4, 1, 1), np.float32),
        "head/conv.other": np.ones((4, 4, 1, 1), np.float32),
    }
    nodes = [
        node("Conv", ["x", "head/conv.weight", "head/conv.bias"], "a"),
        node("Conv", ["a", "plain"], "b"),
        node("Conv", ["b", "head/conv.other"], "y"),
    ]
    net = load(tmp_path, nodes, [tensor("x", (1, 3, 2, 2))], initializers=weights)
    assert {owner: sorted(slots) for owner, slots in net.params.items()} == {
        "head/conv": ["bias", "weight"],
        "plain": ["weight"],
        "head/conv.other": ["weight"],
    }


def test_sizes_that_the_file_leaves_open(tmp_path):
    inputs = [tensor("x"), tensor("z", (-1, "n", None, 0))]
    net = load(tmp_path, [node("Relu", "x"), node("Relu", "z", "w")], inputs, ("y", "w"))
    assert (str(net.inputs["x"]), str(net.inputs["z"])) == ("float32[...]", "float32[?, ?, ?, 0]")
    assert net({"x": np.zeros((2, 5)), "z": np.zeros((1, 2, 3, 0))})["w"].shape == (1, 2, 3, 0)


def test_strings_refuse_only_what_needs_them(tmp_path):
    inputs = [*INPUTS, tensor("s", (2,), onnx.TensorProto.STRING)]
    stored = helper.make_tensor("words", onnx.TensorProto.STRING, [1], [b"a"])
    nodes = [node("Relu", "x"), node("Tanh", "words", "z")]
    path = save(tmp_path, nodes, inputs, ("y", "z"), {"words": stored})
    np.testing.assert_array_equal(jaxdnn.load(path, outputs=["y"])(X)["y"], np.maximum(X, 0))
    with pytest.raises(LayerError, match="reads 'words', which holds strings"):
        jaxdnn.load(path)


def test_what_the_file_says_of_pictures(tmp_path):
    made = model([node("Relu", "x")], INPUTS)
    helper.set_model_props(made, {"preprocessing": '{"scale": 0.5}', "other": "x"})
    (tmp_path / "m.onnx").write_bytes(made.SerializeToString())
    assert jaxdnn.load(tmp_path / "m.onnx").source.preprocessing == {"scale": 0.5}


def test_old_models_need_no_operator_set(tmp_path):
    made = model([node("Relu", "x", curious=1)], INPUTS, ir_version=2)
    del made.opset_import[:]
    path = tmp_path / "m.onnx"
    path.write_bytes(made.SerializeToString())
    with pytest.warns(JaxdnnWarning, match=r"'y' \(Relu\): attribute 'curious' is not known"):
        net = jaxdnn.load(path)
    np.testing.assert_array_equal(net(X)["y"], np.maximum(X, 0))
    made.ir_version = 8
    path.write_bytes(made.SerializeToString())
    with pytest.raises(GraphError, match="does not say which version of the standard's operators it uses"):
        jaxdnn.load(path)


@pytest.mark.parametrize(
    ("parts", "options", "message"),
    [
        (([node("Relu", "z")],), {}, r"'y' \(Relu\): reads 'z', which no node yields"),
        (([node("Relu", "y", "a"), node("Relu", "a")],), {}, "in a circle: (a -> y -> a|y -> a -> y)"),
        (([node("Relu", "x"), node("Tanh", "x")],), {}, "two nodes yield 'y'"),
        (([node("Relu", "x", "x")], INPUTS, ("x",)), {}, "'x' is an input, and a node yields it"),
        (([node("Relu", "x", "c")], INPUTS, ("c",), {"c": X}), {}, "'c' is an initializer, and a node"),
        (([node("Relu", "x")], INPUTS * 2), {}, "input 'x' is declared twice"),
        (([node("Relu", "x")], INPUTS, ()), {}, "the graph has no outputs"),
        (([node("Relu", "x")], INPUTS, ("y", "y")), {}, "output 'y' occurs 2 times"),
        (([node("Relu", ["x", "x"])],), {}, r"'y' \(Relu\): takes 1 input, 2 given"),
        (([node("Relu", "x")],), {"opset": 99}, "operator set 99 of 'ai.onnx' is unknown"),
        (([node("Relu", "x")],), {"opset": 0}, "operator set 0 of 'ai.onnx' is unknown"),
        (([node("Relu", "x")],), {"opset": {"": 9, "ai.onnx": 10}}, "two versions .* 9 and 10"),
        (([node("Relu", "x")],), {"ir_version": 99}, "version 99 of the format is newer than"),
        (([node("Relu", "x")],), {"functions": "twice"}, "two functions are called 'f'"),
    ],
)
def test_models_that_make_no_sense(tmp_path, parts, options, message):
    nodes, inputs, *rest = (*parts, INPUTS)[: max(2, len(parts))]
    if options.get("functions"):
        versions = [helper.make_opsetid("", 21)]
        options = {"functions": [helper.make_function("d", "f", ["a"], ["b"], [], versions)] * 2}
    with pytest.raises(GraphError, match=message):
        load(tmp_path, nodes, inputs, *rest, **options)


def test_inputs_of_types_that_are_none(tmp_path):
    kind = helper.make_map_type_proto(onnx.TensorProto.INT64, helper.make_tensor_type_proto(1, [2]))
    inputs = [onnx.ValueInfoProto(name="x", type=kind)]
    with pytest.raises(GraphError, match="input 'x' is neither a tensor nor a sequence of tensors"):
        load(tmp_path, [node("Relu", "x")], inputs)
    with pytest.raises(ParseError, match="input 'x': its type has the number 77, which is unknown"):
        load(tmp_path, [node("Relu", "x")], [tensor("x", (1,), 77)])


def test_two_files_are_no_model(tmp_path):
    path = save(tmp_path, [node("Relu", "x")], INPUTS)
    with pytest.raises(InputError, match="an ONNX model is one file"):
        jaxdnn.load(path, path)


def test_files_are_told_by_what_they_hold(tmp_path):
    from support import tensorflow
    from support.caffe import field

    made = model([node("Relu", "x")], INPUTS).SerializeToString()
    graph = tensorflow.graph(tensorflow.placeholder("x", (2, 3)), tensorflow.node("y", "Relu", "x"))
    for name, data, wanted in (
        ("no_suffix", made, "onnx"),
        ("m.pb", made, "onnx"),
        ("g.pb", graph, "tensorflow"),
        (
            "saved_model.pb",
            b"\x08\x01" + field(2, field(1, field(4, b"serve")) + field(2, graph)),
            "tensorflow",
        ),
    ):
        (tmp_path / name).write_bytes(data)
        assert jaxdnn.load(tmp_path / name).source.format == wanted
    caffemodel = tmp_path / "c.caffemodel"
    caffemodel.write_bytes(field(1, b"net") + field(100, field(1, b"y") + field(2, b"ReLU")))
    with pytest.raises(jaxdnn.JaxdnnError) as raised:
        jaxdnn.load(caffemodel)
    assert "ONNX" not in str(raised.value)
