"""SavedModel directories: the graph for inference and its signature; variables are refused."""

import numpy as np
import pytest

import jaxdnn
from jaxdnn.errors import FileError, GraphError, ParseError
from support.caffe import field, number
from support.tensorflow import Function, const, function, graph, node, placeholder

X = np.arange(6, dtype=np.float32).reshape(2, 3) - 2
CALL = graph(
    placeholder("serving_default_x", (2, 3)),
    const("offset", np.float32(4)),
    node("call", "StatefulPartitionedCall", "serving_default_x", "offset", f=Function("f")),
    node("saver", "NoOp"),
    functions=(
        function(
            "f",
            ["v", "c"],
            {"first": "n:y:0", "second": "s:z:0"},
            node("n", "Neg", "v"),
            node("s", "AddV2", "v", "c"),
        ),
    ),
)
SIGNATURE = {"scores": "call:1", "boxes": "call:0"}


def entry(key: str, value: bytes) -> bytes:
    return field(1, key.encode()) + field(2, value)


def meta_graph(contents: bytes, tags=("serve",), signature=SIGNATURE, name="serving_default") -> bytes:
    outputs = (field(2, entry(key, field(1, tensor.encode()))) for key, tensor in signature.items())
    information = field(1, field(2, b"") + b"".join(field(4, tag.encode()) for tag in tags))
    return information + field(2, contents) + field(5, entry(name, b"".join(outputs)))


def write(folder, *meta_graphs: bytes):
    (folder / "saved_model.pb").write_bytes(number(1, 1) + b"".join(field(2, part) for part in meta_graphs))
    return folder


def test_outputs_are_the_signature_s(tmp_path):
    folder = write(tmp_path, meta_graph(CALL))
    for path in (folder, folder / "saved_model.pb"):
        got = jaxdnn.load(path)(X)
        assert list(got) == ["scores", "boxes"]
        np.testing.assert_array_equal(got["boxes"], -X)
        np.testing.assert_array_equal(got["scores"], X + 4)
    np.testing.assert_array_equal(jaxdnn.load(folder, outputs=["boxes"])(X)["boxes"], -X)
    np.testing.assert_array_equal(jaxdnn.load(folder, outputs=["call:1"])(X)["call:1"], X + 4)


def test_the_graph_tagged_for_inference_alone_is_read(tmp_path):
    other = graph(placeholder("x", (2, 3)), node("y", "NeverHeardOf", "x"))
    folder = write(
        tmp_path, meta_graph(other, ("train",)), meta_graph(other, ("serve", "tpu")), meta_graph(CALL)
    )
    np.testing.assert_array_equal(jaxdnn.load(folder)(X)["boxes"], -X)


def test_without_a_signature_the_outputs_are_what_nobody_reads(tmp_path):
    folder = write(tmp_path, meta_graph(CALL, name="__saved_model_init_op"))
    assert list(jaxdnn.load(folder)(X)) == ["call"]


def test_variables_are_counted(tmp_path):
    variables = (node("kernel", "VarHandleOp"), node("bias", "VarHandleOp"))
    called = node("call", "StatefulPartitionedCall", "x", "kernel", "bias", f=Function("f"))
    contents = graph(placeholder("x", (2, 3)), *variables, called)
    message = r"not frozen, it has 2 variables \('bias', 'kernel'\): freeze it first.*constants_v2"
    with pytest.raises(GraphError, match=message):
        jaxdnn.load(write(tmp_path, meta_graph(contents)))


def test_what_is_no_saved_model_for_inference(tmp_path):
    with pytest.raises(FileError, match="of its 1 graphs none is tagged 'serve', but 'train'"):
        jaxdnn.load(write(tmp_path, meta_graph(CALL, ("train",))))
    with pytest.raises(FileError, match="whose graph tagged 'serve' is empty"):
        jaxdnn.load(write(tmp_path, field(1, field(4, b"serve"))))
    with pytest.raises(ParseError, match="cut short"):
        jaxdnn.load(write(tmp_path, meta_graph(CALL[:-3])))
    (tmp_path / "saved_model.pb").unlink()
    with pytest.raises(FileError, match=r"saved_model\.pb: cannot be read"):
        jaxdnn.load(tmp_path)


def test_a_meta_graph_is_told(tmp_path):
    path = tmp_path / "model.meta"
    path.write_bytes(meta_graph(CALL))
    with pytest.raises(FileError, match="this is a MetaGraphDef"):
        jaxdnn.load(path)
