"""Stored arrays in all encodings, against the onnx package's own encoder."""

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

import jaxdnn
from jaxdnn import FileError, JaxdnnError, ParseError
from jaxdnn.importers.onnx.external import ExternalFiles
from jaxdnn.importers.onnx.tensors import array_of, dense_of
from support.onnx_graphs import load, model, node, tensor

NUMBERS = [kind for name, kind in TensorProto.DataType.items() if name not in ("UNDEFINED", "STRING")]
BFLOAT16 = TensorProto.BFLOAT16


@pytest.mark.parametrize("raw", [True, False])
@pytest.mark.parametrize("kind", NUMBERS, ids=TensorProto.DataType.Name)
def test_every_type_in_both_encodings(kind, raw):
    dtype = helper.tensor_dtype_to_np_dtype(kind)
    values = np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]], np.float32).astype(dtype)
    stored = helper.make_tensor("t", kind, (3, 3), numpy_helper.from_array(values).raw_data, raw=True)
    if not raw:
        stored = helper.make_tensor("t", kind, (3, 3), values.flatten())
    got = array_of(stored)
    assert got.dtype == (np.float32 if kind == BFLOAT16 else dtype)
    np.testing.assert_array_equal(got.astype(np.complex128), values.astype(np.complex128))


def test_strings():
    stored = helper.make_tensor("t", TensorProto.STRING, (2,), [b"a", "ü".encode()])
    assert array_of(stored).tolist() == ["a", "ü"]


@given(st.lists(st.integers(0, 3), max_size=3))
def test_empty_and_scalar_shapes(shape):
    array = np.ones(shape, np.float32)
    got = array_of(numpy_helper.from_array(array))
    np.testing.assert_array_equal(got, array)
    assert got.shape == array.shape


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dims": [3]}, "8 bytes are stored, 12 are needed for FLOAT of 3"),
        ({"dims": [-1]}, "it has the dimension -1"),
        ({"dims": [2**62, 4]}, "elements, more than 2147483647"),
        ({"dims": [65536, 65535]}, "elements, more than 2147483647"),
        ({"data_type": 99}, "its type has the number 99, which is unknown"),
        ({"data_type": 0}, "its type has the number 0"),
        ({"data_type": 8}, "8 bytes are stored, "),
        ({"data_location": 1}, "it is stored in another file, where it cannot be"),
        ({"raw_data": b""}, "0 bytes are stored, 8 are needed"),
        ({"segment": TensorProto.Segment(begin=0, end=1)}, "stored in segments"),
    ],
)
def test_what_does_not_fit(changes, message):
    stored = {"name": "t", "data_type": 1, "dims": [2], "raw_data": b"\0" * 8} | changes
    with pytest.raises(ParseError, match=rf"tensor 't': .*{message}"):
        array_of(TensorProto(**stored))


def test_lists_that_do_not_fit():
    with pytest.raises(ParseError, match="1 values are stored in float_data, 2 are needed for 2"):
        array_of(TensorProto(name="t", data_type=1, dims=[2], float_data=[1.0]))
    with pytest.raises(ParseError, match="0 values are stored in int32_data, 1073741823 are needed"):
        array_of(TensorProto(name="t", data_type=TensorProto.INT8, dims=[2**30 - 1]))
    with pytest.raises(ParseError, match="1 values are stored in int32_data, 2 are needed for 3"):
        array_of(TensorProto(name="t", data_type=TensorProto.INT4, dims=[3], int32_data=[1]))
    with pytest.raises(ParseError, match="3 values are stored in float_data, 4 are needed"):
        array_of(TensorProto(name="t", data_type=TensorProto.COMPLEX64, dims=[2], float_data=[1, 2, 3]))


def sparse(values, indices, dims):
    return onnx.SparseTensorProto(
        values=numpy_helper.from_array(np.float32(values), "s"),
        indices=numpy_helper.from_array(np.asarray(indices)),
        dims=dims,
    )


def test_sparse_tensors():
    np.testing.assert_array_equal(dense_of(sparse([1, 2], [1, 5], [2, 3])), [[0, 1, 0], [0, 0, 2]])
    np.testing.assert_array_equal(dense_of(sparse([1, 2], [[0, 1], [1, 2]], [2, 3])), [[0, 1, 0], [0, 0, 2]])


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (([1, 2], [1, 6], [2, 3]), "an index lies outside of the shape 2x3"),
        (([1], [[0, -1]], [2, 3]), "an index lies outside of the shape 2x3"),
        (([1], [1, 2], [2, 3]), "2 indices are stored for 1 values"),
        (([1], np.int32([1]), [2, 3]), "indices are of type int32, int64 expected"),
        (([1], [1], [2**30]), "4294967296 bytes, more than 536870912"),
    ],
)
def test_sparse_tensors_that_make_no_sense(parts, message):
    with pytest.raises(ParseError, match=message):
        dense_of(sparse(*parts))


def test_a_sparse_initializer_and_constant(tmp_path):
    made = model(
        [
            node("Constant", [], "c", sparse_value=sparse([3], [0], [2])),
            node("Add", ["x", "s"], "h"),
            node("Add", ["h", "c"]),
        ],
        [tensor("x", (2,))],
    )
    made.graph.sparse_initializer.append(sparse([5], [1], [2]))
    (tmp_path / "m.onnx").write_bytes(made.SerializeToString())
    np.testing.assert_array_equal(jaxdnn.load(tmp_path / "m.onnx")(np.float32([1, 1]))["y"], [4, 6])


def external(location, offset=None, length=None, kind=TensorProto.FLOAT, dims=(2,)):
    stated = {"location": location, "offset": offset, "length": length}
    entries = [onnx.StringStringEntryProto(key=k, value=str(v)) for k, v in stated.items() if v is not None]
    return TensorProto(name="c", data_type=kind, dims=dims, data_location=1, external_data=entries)


def test_weights_in_files_of_their_own(tmp_path):
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "w.bin").write_bytes(b"abc" + np.float32([1, 2, 3]).tobytes())
    stored = {"c": external("below/w.bin", 3, 8)}
    net = load(tmp_path, [node("Add", ["x", "c"])], [tensor("x", (2,))], initializers=stored)
    np.testing.assert_array_equal(net(np.zeros(2))["y"], [1, 2])
    files = ExternalFiles(str(tmp_path))
    np.testing.assert_array_equal(array_of(external("below/w.bin", 7), files), [2, 3])
    packed = array_of(external("below/w.bin", 0, 1, TensorProto.INT4), files)
    assert packed.astype(np.int8).tolist() == [1, 6]


@pytest.mark.parametrize(
    "location", ["/etc/passwd", "../secret.bin", "link.bin", "folder/link.bin", "folder/../../secret.bin"]
)
def test_files_outside_of_the_folder_are_refused(tmp_path, location):
    home = tmp_path / "model"
    (home / "folder").mkdir(parents=True)
    (tmp_path / "secret.bin").write_bytes(bytes(8))
    (home / "link.bin").symlink_to("../secret.bin")
    (home / "folder" / "link.bin").symlink_to(tmp_path / "secret.bin")
    stored = {"c": external(location)}
    with pytest.raises(FileError, match=r"tensor 'c': its file '.*' lies outside of the model's folder"):
        load(home, [node("Add", ["x", "c"])], [tensor("x", (2,))], initializers=stored)


@pytest.mark.parametrize(
    ("stored", "message"),
    [
        (external(""), "does not say in which file"),
        (external("a\0b"), "does not say in which file"),
        (external("missing.bin"), "its file 'missing.bin' does not exist"),
        (external("."), "its file '.' does not exist"),
        (external("w.bin", 1), "7 bytes are stored, 8 are needed"),
        (external("w.bin", 4, 8), "its bytes 4 to 12 lie outside of 'w.bin', which has 8"),
        (external("w.bin", 10**18, 8), "lie outside of 'w.bin', which has 8"),
        (external("w.bin", -4, 8), "its offset is '-4', a number of bytes expected"),
        (external("w.bin", 0, "1e3"), "its length is '1e3'"),
        (external("empty.bin"), "0 bytes are stored, 8 are needed"),
        (external("w.bin", kind=TensorProto.STRING), "stored in another file, where it cannot be"),
    ],
)
def test_files_that_do_not_serve(tmp_path, stored, message):
    (tmp_path / "w.bin").write_bytes(bytes(8))
    (tmp_path / "empty.bin").write_bytes(b"")
    with pytest.raises(JaxdnnError, match=message):
        array_of(stored, ExternalFiles(str(tmp_path)))
