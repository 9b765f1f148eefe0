"""Sequences and optional values, against the standard's reference implementation."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import jaxdnn
from jaxdnn import GraphError, ShapeError
from support.onnx_graphs import graph, load, model, node, reference, save, tensor

X = np.arange(12, dtype=np.float32).reshape(3, 4)
ROWS = [X[:2], X[2:], X]


def sequence(name):
    kind = helper.make_sequence_type_proto(helper.make_tensor_type_proto(TensorProto.FLOAT, None))
    return onnx.ValueInfoProto(name=name, type=kind)


def assert_like_reference(tmp_path, made, fed):
    path = tmp_path / "m.onnx"
    path.write_bytes(made.SerializeToString())
    got = list(jaxdnn.load(path)(dict(fed)).values())
    for one, want in zip(got, reference(made, fed), strict=True):
        assert isinstance(one, list) == isinstance(want, list)
        for each, wanted in zip(
            *(value if isinstance(value, list) else [value] for value in (one, want)), strict=True
        ):
            np.testing.assert_array_equal(each, wanted)


def test_sequences_are_built_and_taken_apart(tmp_path):
    stored = {"two": np.int64(2), "first": np.int64(0), "sizes": np.int64([1, 2])}
    nodes = [
        node("SequenceConstruct", ["x", "x"], "s"),
        node("SequenceInsert", ["s", "z", "first"], "t"),
        node("SequenceErase", ["t", "two"], "u"),
        node("SequenceAt", ["u", "first"], "a"),
        node("SequenceLength", "u", "n"),
        node("ConcatFromSequence", "u", "c", axis=0),
        node("ConcatFromSequence", "s", "d", axis=-1, new_axis=1),
        node("SplitToSequence", ["x", "sizes"], "e"),
        node("SplitToSequence", ["x", "two"], "f", axis=1),
        node("SplitToSequence", "x", "g", axis=-1, keepdims=0),
        node("SequenceEmpty", [], "h", dtype=TensorProto.INT64),
        node("SequenceLength", "h", "m"),
    ]
    outputs = [
        tensor("a"),
        tensor("n", (), "int64"),
        tensor("c"),
        tensor("d"),
        *map(sequence, "efg"),
        tensor("m"),
    ]
    made = model(nodes, [tensor("x", (3, 4)), tensor("z", (1, 4))], outputs, stored)
    assert_like_reference(tmp_path, made, {"x": X, "z": X[:1]})


def test_sequences_go_in_and_out(tmp_path):
    made = model([node("SequenceInsert", ["s", "x"])], [sequence("s"), tensor("x", (3, 4))], [sequence("y")])
    for given in (ROWS, ROWS[:1]):
        assert_like_reference(tmp_path, made, {"s": given, "x": X})


def mapped(inputs):
    """A SequenceMap whose body adds its inputs and gives the sum's shape, too."""
    body = graph(
        [node("Add", ["a", "b"], "c"), node("Shape", "c", "d")],
        [tensor("a"), tensor("b")],
        [tensor("c"), tensor("d", None, "int64")],
    )
    shapes = helper.make_sequence_type_proto(helper.make_tensor_type_proto(TensorProto.INT64, None))
    outputs = [sequence("y"), onnx.ValueInfoProto(name="z", type=shapes)]
    return model([node("SequenceMap", ["s", "t"], ["y", "z"], body=body)], inputs, outputs)


def test_a_function_of_each_element(tmp_path):
    assert_like_reference(tmp_path, mapped([sequence("s"), sequence("t")]), {"s": ROWS, "t": ROWS})
    assert_like_reference(tmp_path, mapped([sequence("s"), tensor("t", ())]), {"s": ROWS, "t": np.float32(2)})


@pytest.mark.parametrize("known", [True, False])
def test_a_branch_yields_a_sequence(tmp_path, known):
    branches = [
        graph([node("SequenceConstruct", names, "r")], [], [sequence("r")])
        for names in (["x", "z"], ["z", "x"])
    ]
    nodes = [node("If", "c", "y", then_branch=branches[0], else_branch=branches[1])]
    inputs = [tensor("x", (3, 4)), tensor("z", (3, 4))]
    fed = {"x": X, "z": 2 * X}
    if known:
        made = model(nodes, inputs, [sequence("y")], {"c": np.array(False)})
    else:
        made, fed = (
            model(nodes, [*inputs, tensor("c", (), "bool")], [sequence("y")]),
            fed | {"c": np.array(False)},
        )
    assert_like_reference(tmp_path, made, fed)


def test_optional_values(tmp_path):
    nodes = [
        node("Optional", "x", "o"),
        node("OptionalHasElement", "o", "has"),
        node("OptionalGetElement", "o", "y"),
        node("Optional", [], "e", type=helper.make_tensor_type_proto(TensorProto.FLOAT, None)),
        node("OptionalHasElement", "e", "hasnt"),
        node("OptionalHasElement", [], "nor"),
        node("OptionalGetElement", "e", "z"),
    ]
    path = save(tmp_path, nodes, [tensor("x", (3, 4))], ("has", "y", "hasnt", "nor", "z"), opset=18)
    got = jaxdnn.load(path, outputs=("has", "y", "hasnt", "nor"))(X)
    assert (bool(got["has"]), bool(got["hasnt"]), bool(got["nor"])) == (True, False, False)
    np.testing.assert_array_equal(got["y"], X)
    with pytest.raises(GraphError, match="reads the element of an optional value that has none"):
        jaxdnn.load(path)


def test_an_optional_value_that_a_branch_may_leave_out(tmp_path):
    nothing = graph([node("Optional", [], "r", type=helper.make_tensor_type_proto(1, None))], [], ["r"])
    something = graph([node("Optional", "x", "r")], [], ["r"])
    nodes = [node("If", "c", "y", then_branch=something, else_branch=nothing)]
    with pytest.raises(GraphError, match="a branch yields nothing for an optional value"):
        load(tmp_path, nodes, [tensor("x", (3, 4)), tensor("c", (), "bool")])


def test_a_sequence_is_no_array(tmp_path):
    with pytest.raises(ShapeError, match="a sequence is expected, got an array of 3x4"):
        load(tmp_path, [node("SequenceLength", "x")], [tensor("x", (3, 4))])
    with pytest.raises(jaxdnn.JaxdnnError, match=r"'y' \(Relu\)"):
        load(tmp_path, [node("SequenceConstruct", "x", "s"), node("Relu", "s")], [tensor("x", (3, 4))])
