"""Graphs as a whole: what is read, pruned, fed, named and refused."""

import numpy as np
import pytest

import jaxdnn
from jaxdnn.errors import GraphError, InputError, JaxdnnWarning, LayerError, UnsupportedLayerError
from support.tensorflow import Function, Type, const, function, load, node, placeholder, write

X = np.arange(6, dtype=np.float32).reshape(2, 3) - 2


def test_only_what_outputs_need_is_imported(tmp_path):
    parts = (
        placeholder("x", (2, 3)),
        node("y", "Relu", "x"),
        node("strange", "NeverHeardOf", "y"),
        node("unreadable", "Const"),
    )
    net = load(tmp_path, *parts, outputs=["y"])
    np.testing.assert_array_equal(net(X)["y"], np.maximum(X, 0))
    with pytest.raises(UnsupportedLayerError, match="NeverHeardOf: layer 'strange'"):
        load(tmp_path, *parts)


def test_outputs_are_the_nodes_that_nobody_reads(tmp_path):
    parts = (
        placeholder("x", (2, 3)),
        const("forgotten", np.float32(1)),
        node("a", "Relu", "x", "^z"),
        node("z", "Neg", "x"),
        node("check", "Assert", "x"),
        node("b", "Identity", "a"),
    )
    assert load(tmp_path, *parts).graph.outputs == ("z", "b")


def test_order_of_the_file_does_not_matter_and_ports_may_be_named(tmp_path):
    parts = (node("y", "Neg", "s:1"), node("s", "Split", "axis", "x:0", num_split=3))
    net = load(tmp_path, *parts, const("axis", np.int32(1)), placeholder("x", (2, 3)), outputs=["y:0", "s:2"])
    got = net(X)
    np.testing.assert_array_equal(got["y:0"], -X[:, 1:2])
    np.testing.assert_array_equal(got["s:2"], X[:, 2:])


def test_inner_nodes_can_be_fed(tmp_path):
    parts = (
        node("file", "Placeholder", dtype=Type("float32")),
        node("decoded", "DecodeJpeg", "file"),
        node("y", "Neg", "decoded"),
    )
    net = load(tmp_path, *parts, inputs=["decoded"], outputs=["y"])
    np.testing.assert_array_equal(net(X)["y"], -X)
    with pytest.raises(InputError, match="also needs 'x'"):
        load(
            tmp_path,
            placeholder("x", (2, 3)),
            node("y", "AddV2", "x", "x"),
            node("z", "Neg", "x"),
            inputs=["z"],
        )


def test_a_default_takes_the_place_of_an_input(tmp_path):
    parts = (
        placeholder("x", (2, 3)),
        const("one", np.float32(1)),
        node("scale", "PlaceholderWithDefault", "one", dtype=Type("float32"), shape=[]),
        node("y", "Mul", "x", "scale"),
    )
    with pytest.raises(LayerError, match="attribute 'shape' must be a shape"):
        load(tmp_path, *parts)
    parts = (*parts[:2], node("scale", "PlaceholderWithDefault", "one", dtype=Type("float32")), parts[3])
    net = load(tmp_path, *parts)
    np.testing.assert_array_equal(net(X)["y"], X)
    np.testing.assert_array_equal(net({"x": X, "scale": np.float32(3)})["y"], 3 * X)


def test_constants_of_weights_are_parameters(tmp_path):
    weight, bias = np.ones((3, 4), np.float32), np.arange(4, dtype=np.float32)
    parts = (
        placeholder("x", (None, 3)),
        const("w", weight),
        node("w/read", "Identity", "w"),
        const("b", bias),
        node("dense", "MatMul", "x", "w/read", transpose_a=False, transpose_b=False),
        node("y", "BiasAdd", "dense", "b"),
    )
    net = load(tmp_path, *parts)
    assert {owner: list(slots) for owner, slots in net.params.items()} == {"w": ["weight"], "b": ["bias"]}
    np.testing.assert_allclose(net(X)["y"], X @ weight + bias)
    twice = {"w": {"weight": 2 * net.params["w"]["weight"]}, "b": net.params["b"]}
    np.testing.assert_allclose(net.replace(params=twice)(X)["y"], 2 * X @ weight + bias)


def test_functions_are_imported_in_place(tmp_path):
    double = function("double", ["v"], {"result": "sum:z:0"}, node("sum", "AddV2", "v", "v"))
    parts = (
        placeholder("x", (2, 3)),
        node("first", "PartitionedCall", "x", f=Function("double")),
        node("y", "double", "first"),
    )
    np.testing.assert_array_equal(load(tmp_path, *parts, functions=(double,))(X)["y"], 4 * X)


def test_sizes_that_the_file_leaves_open(tmp_path):
    parts = (
        node("x", "Placeholder", dtype=Type("float32")),
        node("shape", "Shape", "x"),
        const("zero", np.int32([0])),
        const("one", np.int32([1])),
        node("batch", "StridedSlice", "shape", "zero", "one", "one", shrink_axis_mask=1),
        const("rest", np.int32(-1)),
        node("sizes", "Pack", "batch", "rest"),
        node("y", "Reshape", "x", "sizes"),
    )
    net = load(tmp_path, *parts)
    assert (str(net.inputs["x"]), str(net.outputs["y"])) == ("float32[...]", "?[...]")
    assert net(np.zeros((2, 3, 4)))["y"].shape == (2, 12)
    assert net(np.zeros((5, 2)))["y"].shape == (5, 2)


def test_what_open_sizes_leave_open(tmp_path):
    parts = (placeholder("x", (None, 3, None)), const("axis", np.int32(1)), node("y", "Sum", "x", "axis"))
    assert str(load(tmp_path, *parts).outputs["y"]) == "float32[?, ?]"
    parts = (*parts[:2], node("y", "Max", "x", "axis", keep_dims=True))
    assert str(load(tmp_path, *parts).outputs["y"]) == "float32[?, 1, ?]"


def test_inputs_that_decide_shapes(tmp_path):
    parts = (
        placeholder("n", (), "int32"),
        const("zero", np.int32(0)),
        const("one", np.int32(1)),
        node("y", "Range", "zero", "n", "one"),
    )
    net = load(tmp_path, *parts)
    np.testing.assert_array_equal(net(np.int32(4))["y"], range(4))
    np.testing.assert_array_equal(net(np.int32(2))["y"], range(2))


def test_64_bit_types(tmp_path):
    parts = (
        placeholder("x", (2,), "int64"),
        const("c", np.array([1, 2**31 - 1])),
        node("y", "AddV2", "x", "c"),
    )
    np.testing.assert_array_equal(load(tmp_path, *parts)(np.array([1, -1]))["y"], [2, 2**31 - 2])
    parts = (parts[0], const("c", np.array([1, 2**31])), parts[2])
    with pytest.raises(LayerError, match=r"'c' .*int64 constant 2147483648 does not fit int32"):
        load(tmp_path, *parts)
    with pytest.raises(LayerError, match=r"float64 constant 1e\+300 does not fit float32"):
        load(tmp_path, placeholder("x", ()), const("c", 1e300), node("y", "AddV2", "x", "c"))


def test_text_and_binary_together(tmp_path):
    weights = write(tmp_path, const("c", np.float32([1, 2, 3])), node("c/read", "Identity", "c"))
    text = tmp_path / "graph.pbtxt"
    text.write_text(
        """
        node { name: "x" op: "Placeholder" attr { key: "dtype" value { type: DT_FLOAT } }
               attr { key: "shape" value { shape { dim { size: 2 } dim { size: 3 } } } } }
        node { name: "c" op: "Const" attr { key: "dtype" value { type: DT_FLOAT } }
               attr { key: "value" value { tensor { dtype: DT_FLOAT tensor_shape { dim { size: 3 } } } } } }
        node { name: "s" op: "Mul" input: "x" input: "c/read" }
        node { name: "y" op: "AddV2" input: "s" input: "c" }
        """
    )
    for paths in ((weights, text), (text, weights)):
        np.testing.assert_array_equal(jaxdnn.load(*paths)(X)["y"], X * [1, 2, 3] + [1, 2, 3])


def test_an_attribute_that_nobody_reads_is_reported(tmp_path):
    parts = (placeholder("x", (2, 3)), node("y", "Relu", "x", T=Type("float32"), _class=["a"], curious=3))
    with pytest.warns(JaxdnnWarning, match=r"'y' \(Relu\): attribute 'curious' is not known"):
        load(tmp_path, *parts)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ((node("y", "Relu", "x"),), r"'y' \(Relu\): input 0 is 'x', which no node produces"),
        ((node("a", "Relu", "b"), node("b", "Neg", "a"), node("y", "Neg", "b")), "a circle: a -> b -> a"),
        ((placeholder("x", ()), placeholder("x", ()), node("y", "Neg", "x")), "two nodes are called 'x'"),
        ((placeholder("x", ()), node("y", "Relu", "x:1")), "reads output 1 of 'x', Placeholder has 1 output"),
        ((placeholder("x", ()), node("y", "AddV2", "x")), r"'y' \(AddV2\): takes 2 inputs, 1 given"),
        ((node("w", "VariableV2"), node("y", "Neg", "w")), r"not frozen, it has 1 variables \('w'\)"),
        ((node("y", "PartitionedCall", f=Function("f")),), "function 'f' is not in the graph's library"),
        ((const("y", np.float32(1)),), "yields nothing"),
    ],
)
def test_graphs_that_make_no_sense(tmp_path, parts, message):
    with pytest.raises(GraphError, match=message):
        load(tmp_path, *parts)


def test_a_function_that_calls_itself(tmp_path):
    loop = function("f", ["v"], {"r": "c:output:0"}, node("c", "PartitionedCall", "v", f=Function("f")))
    parts = (placeholder("x", ()), node("y", "PartitionedCall", "x", f=Function("f")))
    with pytest.raises(GraphError, match="calls itself without a bound: f -> f"):
        load(tmp_path, *parts, functions=(loop,))


def test_an_error_in_an_attribute_that_stands_twice_is_at_its_own_line(tmp_path):
    attr = 'attr { key: "T" value { type: DT_NOTHING } }'
    function = f'library {{ function {{ node_def {{ name: "n" op: "Abs" {attr} }} }} }}'
    path = tmp_path / "graph.pbtxt"
    path.write_text(f'{function}\n\nnode {{ name: "y" op: "Abs"\n{attr} }}')
    with pytest.raises(jaxdnn.JaxdnnError, match="DT_NOTHING") as caught:
        jaxdnn.load(path)
    assert caught.value.line == 4
