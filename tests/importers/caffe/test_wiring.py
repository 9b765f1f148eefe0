"""How blobs become values: in-place layers, shared parameters, names, and what cannot be wired."""

import numpy as np
import pytest

import jaxdnn
from jaxdnn import GraphError, InputError, JaxdnnWarning, ParseError, WeightsError
from support.caffe import blob, caffemodel, field, inputs, layer, load, write
from support.layer import assert_close

X = np.random.default_rng(0).standard_normal((2, 3)).astype(np.float32)
RELU = np.maximum(X, 0)


def node(kind: str, bottoms: str, tops: str, fields: str = "", name: str = "") -> str:
    names = "".join(f'bottom: "{blob}" ' for blob in bottoms.split())
    names += "".join(f'top: "{blob}" ' for blob in tops.split())
    return f'layer {{ name: "{name or tops}" type: "{kind}" {names} {fields} }}\n'


def power(bottom: str, top: str, scale: float, name: str = "") -> str:
    return node("Power", bottom, top, f"power_param {{ scale: {scale} }}", name)


def product(bottom: str, top: str, shared: str = "", name: str = "") -> str:
    fields = "inner_product_param { num_output: 3 bias_term: false }"
    return node("InnerProduct", bottom, top, fields + shared, name)


def test_in_place_chain(tmp_path):
    text = (
        inputs(x=(2, 3)) + power("x", "a", 2) + power("a", "a", 3, "by3") + node("ReLU", "a", "a", name="r")
    )
    net = load(tmp_path, text)
    assert net.graph.outputs == ("a",)
    assert_close(np.asarray(net(X)["a"]), 6 * RELU)
    got = net(X, outputs=["a@a", "by3", "r"])
    assert_close(np.asarray(got["a@a"]), 2 * X)
    assert_close(np.asarray(got["by3"]), 6 * X)
    assert_close(np.asarray(got["r"]), 6 * RELU)


def test_a_layer_between_in_place_layers_reads_the_value_of_its_time(tmp_path):
    text = inputs(x=(2, 3)) + power("x", "a", 2) + power("a", "b", 5) + node("ReLU", "a", "a", name="r")
    got = load(tmp_path, text)(X)
    assert_close(np.asarray(got["a"]), 2 * RELU)
    assert_close(np.asarray(got["b"]), 10 * X)


def test_in_place_on_an_input(tmp_path):
    net = load(tmp_path, inputs(x=(2, 3)) + node("ReLU", "x", "x", name="r") + power("x", "y", 2))
    assert list(net.inputs) == ["x"]
    got = net(X, outputs=["x", "y"])
    assert_close(np.asarray(got["x"]), RELU)
    assert_close(np.asarray(got["y"]), 2 * RELU)


def test_blobs_with_the_names_of_other_layers(tmp_path):
    text = inputs(x=(2, 3)) + power("x", "b", 2, name="a") + power("b", "a", 3, name="b")
    got = load(tmp_path, text)(X, outputs=["a", "b"])
    assert_close(np.asarray(got["a"]), 6 * X)
    assert_close(np.asarray(got["b"]), 2 * X)


def test_layers_without_names_and_with_one_name(tmp_path):
    text = inputs(x=(2, 3)) + power("x", "a", 2, name="p") + power("x", "b", 3, name="p")
    text += 'layer { type: "ReLU" bottom: "x" top: "c" }'
    net = load(tmp_path, text)
    assert [n.name for n in net.graph.nodes] == ["p", "p_1", "relu_2"]
    assert_close(np.asarray(net(X)["b"]), 3 * X)


def test_split_names_one_value(tmp_path):
    text = inputs(x=(2, 3)) + node("Split", "x", "x_0 x_1", name="x_split") + power("x_1", "y", 2)
    net = load(tmp_path, text)
    assert net.graph.outputs == ("x_0", "y")
    got = net(X)
    assert_close(np.asarray(got["x_0"]), X)
    assert_close(np.asarray(got["y"]), 2 * X)


def test_silence_hides_an_output(tmp_path):
    text = inputs(x=(2, 3), label=(2,)) + power("x", "a", 2) + power("x", "b", 3)
    text += node("Silence", "a label", "", name="s")
    net = load(tmp_path, text)
    assert net.graph.outputs == ("b",)
    assert list(net(X)) == ["b"]


def test_labels_are_optional_even_behind_other_layers(tmp_path):
    text = inputs(x=(2, 3), label=(2, 1)) + node("Flatten", "label", "flat")
    text += node("SoftmaxWithLoss", "x flat", "loss") + node("Accuracy", "x flat", "accuracy")
    net = load(tmp_path, text)
    assert [value.optional for value in net.graph.inputs] == [False, True]
    assert list(net(X)) == ["loss/prob"]
    assert list(net(x=X, label=np.zeros((2, 1)))) == ["loss", "accuracy"]
    with pytest.raises(InputError, match="'label' is needed for 'loss'"):
        net(X, outputs=["loss"])


def test_an_input_that_is_a_prediction_is_needed(tmp_path):
    net = load(tmp_path, inputs(x=(2, 3), y=(2, 3)) + node("EuclideanLoss", "x y", "loss"))
    with pytest.raises(InputError, match="input 'x' of 'net' is missing"):
        net(y=X)


def test_shared_parameters(tmp_path):
    text = (
        inputs(x=(2, 3)) + product("x", "a", 'param { name: "w" }') + product("a", "b", 'param { name: "w" }')
    )
    w = np.random.default_rng(1).standard_normal((3, 3)).astype(np.float32)
    net = load(tmp_path, text, {"a": [w]})
    assert net.params.keys() == {"a"}
    assert_close(np.asarray(net(X)["b"]), X @ w.T @ w.T)


def test_of_shared_copies_the_last_of_the_file_counts(tmp_path):
    text = (
        inputs(x=(2, 3)) + product("x", "a", 'param { name: "w" }') + product("a", "b", 'param { name: "w" }')
    )
    first, last = np.eye(3, dtype=np.float32), 2 * np.eye(3, dtype=np.float32)
    for order in ("ab", "ba"):
        net = load(tmp_path, text, dict(zip(order, [[first], [last]], strict=True)))
        assert_close(np.asarray(net(X)["b"]), 4 * X)


def test_shared_parameters_of_two_shapes(tmp_path):
    text = inputs(x=(2, 3), y=(2, 4))
    text += product("x", "a", 'param { name: "w" }') + product("y", "b", 'param { name: "w" }')
    with pytest.raises(WeightsError, match="weight is 3x4, but it shares 'a/weight', which is 3x3"):
        load(tmp_path, text)


def test_layers_of_the_caffemodel_that_the_net_lacks(tmp_path):
    w = np.eye(3, dtype=np.float32)
    net = load(tmp_path, inputs(x=(2, 3)) + product("x", "a"), {"other": [w], "a": [2 * w]})
    assert_close(np.asarray(net(X)["a"]), 2 * X)


def test_layers_that_the_caffemodel_lacks_run_on_their_fillers(tmp_path):
    text = inputs(x=(2, 3)) + product("x", "a")
    text += node(
        "Scale", "a", "b", "scale_param { filler { value: 2 } bias_term: true bias_filler { value: 1 } }"
    )
    with pytest.warns(JaxdnnWarning, match="holds nothing for 'b'; their fillers are used"):
        net = load(tmp_path, text, {"a": [np.eye(3, dtype=np.float32)]})
    assert_close(np.asarray(net(X)["b"]), 2 * X + 1)


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ({"z": [np.eye(3)]}, r"none of its layers \('z'\) occurs in 'net'"),
        ({"a": []}, "the file holds no weights at all, not for 'a'"),
        ({"a": [np.eye(3), np.ones(3)]}, r"has 2 blobs in the weights file, 1 expected \(weight\)"),
        ({"a": [np.eye(4)]}, "weight is 4x4 in the weights file, 3x3 expected"),
    ],
)
def test_caffemodels_of_other_nets(tmp_path, layers, message):
    paths = write(tmp_path, inputs(x=(2, 3)) + product("x", "a"), {})
    arrays = {name: [array.astype(np.float32) for array in blobs] for name, blobs in layers.items()}
    (tmp_path / "net.caffemodel").write_bytes(field(1, b"\0") + caffemodel(arrays))
    with pytest.raises(WeightsError, match=message):
        jaxdnn.load(*paths)


def test_weights_of_an_older_version(tmp_path):
    paths = write(tmp_path, inputs(x=(2, 3)) + product("x", "a"), {})
    w = np.random.default_rng(1).standard_normal((3, 3)).astype(np.float32)
    for version in (0, 1, 2):
        stored = layer("a", [blob(w, shape="legacy", data="unpacked_double")], version)
        (tmp_path / "net.caffemodel").write_bytes(stored)
        assert_close(np.asarray(jaxdnn.load(*paths)(X)["a"]), X @ w.T)


def test_legacy_inputs(tmp_path):
    tail = node("Eltwise", "a b", "c")
    for head in (
        'input: "a" input: "b" input_dim: [1, 2, 3, 4, 1, 2, 3, 4]',
        'input: "a" input: "b" input_shape { dim: [1, 2, 3, 4] } input_shape { dim: [1, 2, 3, 4] }',
        'layer { type: "Input" top: "a" top: "b" input_param { shape { dim: [1, 2, 3, 4] } } }',
    ):
        net = load(tmp_path, head + tail)
        assert {name: spec.shape for name, spec in net.inputs.items()} == dict.fromkeys("ab", (1, 2, 3, 4))


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        (node("ReLU", "x", "y"), GraphError, "bottom 'x' is not produced by any layer"),
        (
            inputs(x=(1,)) + node("Eltwise", "x b", "a") + node("ReLU", "a", "b"),
            GraphError,
            r"bottom 'b' is produced only by a later layer \(line 3\): the layers are out of order or form a",
        ),
        (
            inputs(x=(1,)) + node("ReLU", "x", "a") + node("ReLU", "x", "a", name="r"),
            GraphError,
            r"blob 'a' is also produced by layer 'a' \(not in place\)",
        ),
        (
            inputs(x=(1,)) + node("Slice", "x", "a a", name="s"),
            GraphError,
            r"blob 'a' is also produced by layer 's' \(not in place\)",
        ),
        (inputs(x=(1,)) + inputs(x=(1,)), GraphError, "input 'x' is declared twice"),
        (inputs(x=(1,)) + node("ReLU", "x x", "a"), GraphError, "takes 1 bottom, 2 given"),
        (inputs(x=(1,)) + node("", "x", "a"), ParseError, "has no type"),
        (
            'input: "x" input_dim: 1 ' + node("ReLU", "x", "y"),
            ParseError,
            "must have 4 values per input, got 1",
        ),
        (
            'input: "x" input_shape { } input_shape { }' + node("ReLU", "x", "y"),
            ParseError,
            "2 input_shape for 1 input",
        ),
        ('input: "x"' + node("ReLU", "x", "y"), InputError, "input 'x' has no complete shape in the file"),
        (
            inputs(x=(1,)) + node("ReLU", "x", "y", "relu: 1"),
            JaxdnnWarning,
            "field 'layer.relu' is not known",
        ),
        (
            inputs(x=(1,)) + node("ReLU", "x", "y", "relu_param { negative_slop: 1 }"),
            ParseError,
            "unknown field 'relu_param.negative_slop'; did you mean 'negative_slope'",
        ),
    ],
)
def test_what_cannot_be_wired(tmp_path, text, error, message):
    if error is JaxdnnWarning:
        with pytest.warns(error, match=message):
            load(tmp_path, text)
        return
    with pytest.raises(error, match=message) as caught:
        load(tmp_path, text)
    assert str(tmp_path / "net.prototxt") in str(caught.value) or error is InputError


def test_fields_of_many_layers_that_are_not_known_are_reported_once(tmp_path, recwarn):
    text = "".join(node("ReLU", x, y, "fused: 1\n") for x, y in ("xa", "ab", "bc"))
    load(tmp_path, inputs(x=(1,)) + text)
    (warning,) = recwarn.list
    assert str(warning.message) == (
        f"{tmp_path / 'net.prototxt'}:2: layer 'a' (ReLU): field 'layer.fused' is not known and was ignored "
        "(there, and in 2 other places)"
    )


def test_errors_name_line_and_layer(tmp_path):
    text = inputs(x=(1,)) + "\n\n" + node("ReLU", "y", "z", name="culprit")
    with pytest.raises(GraphError) as caught:
        load(tmp_path, text)
    assert str(caught.value).startswith(f"{tmp_path / 'net.prototxt'}:4: layer 'culprit' (ReLU): bottom 'y'")


def test_deeply_nested_fields_of_an_unknown_layer(tmp_path):
    text = inputs(x=(1,)) + node("Strange", "x", "y", "p {" * 3000 + "}" * 3000)
    with pytest.raises(ParseError, match="messages are nested more than 50 deep"):
        load(tmp_path, text)
