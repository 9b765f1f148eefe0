"""Tensors: the safetensors library reads what is written, and what it writes is read."""

import json

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from safetensors.numpy import load

from jaxdnn import JaxdnnError, ParseError
from jaxdnn.artifact.tensors import STORABLE, read_tensors, write_tensors

TYPES = sorted((str(each) for each in STORABLE if each != jnp.bfloat16), key=str)
ARRAYS = st.sampled_from(TYPES).flatmap(
    lambda kind: hnp.arrays(kind, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3))
)


@given(st.dictionaries(st.text(max_size=5).filter(lambda name: name != "__metadata__"), ARRAYS, max_size=4))
def test_it_is_read_as_the_library_reads_it(arrays):
    data = write_tensors(arrays)
    theirs, ours = load(data), read_tensors(memoryview(data), "file")
    assert ours.keys() == theirs.keys() == arrays.keys()
    for name, array in arrays.items():
        for read in (ours[name], theirs[name]):
            assert (read.dtype, read.shape) == (array.dtype, array.shape)
            np.testing.assert_array_equal(read, array)


def test_bfloat16_and_what_is_not_contiguous():
    half = np.arange(6).reshape(2, 3).astype(jnp.bfloat16)
    data = write_tensors({"half": half, "turned": half.T})
    read = read_tensors(memoryview(data), "file")
    assert read["half"].dtype == jnp.bfloat16
    np.testing.assert_array_equal(read["turned"].astype(np.float32), half.T.astype(np.float32))


def test_memory_is_shared():
    data = bytearray(write_tensors({"a": np.zeros(8, np.uint8)}))
    read = read_tensors(memoryview(data), "file")
    data[-1] = 7
    assert read["a"][7] == 7


def file_of(header: object, data: bytes = b"") -> memoryview:
    text = json.dumps(header).encode()
    return memoryview(len(text).to_bytes(8, "little") + text + data)


def entry(kind="F32", shape=(1,), offsets=(0, 4)):
    return {"dtype": kind, "shape": list(shape), "data_offsets": list(offsets)}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (memoryview(b"abc"), "file is cut short"),
        (memoryview((2**60).to_bytes(8, "little")), "file is cut short"),
        (memoryview(b"\x01" + bytes(7) + b"{"), "the header of file is not JSON"),
        (file_of([]), "the header of file must be an object"),
        (file_of({"__metadata__": {"a": 1}}), "'a' must be a string, got 1"),
        (file_of({"a": {}}), "has no 'dtype'"),
        (file_of({"a": entry() | {"more": 1}}, bytes(4)), "unknown field 'more'"),
        (file_of({"a": entry("F8")}, bytes(4)), "array 'a' is of type 'F8'"),
        (file_of({"a": entry(shape=[1] * 40)}, bytes(4)), "array 'a' has 40 axes"),
        (file_of({"a": entry(shape=[-1])}, bytes(4)), "must be a size, got -1"),
        (file_of({"a": entry(shape=[2])}, bytes(4)), "array 'a' needs 8 bytes"),
        (file_of({"a": entry(offsets=(0, 4, 8))}, bytes(8)), "its offsets are"),
        (file_of({"a": entry()}), "its offsets are"),
        (file_of({"a": entry(shape=[10**30, 0], offsets=(0, 0))}), "is too large"),
        (file_of({"a": entry(), "b": entry()}, bytes(4)), "overlap or leave a hole at byte 4"),
        (file_of({"a": entry(offsets=(4, 8))}, bytes(8)), "overlap or leave a hole at byte 0"),
        (file_of({"a": entry()}, bytes(5)), "end at byte 4 of 5"),
    ],
)
def test_errors(data, message):
    with pytest.raises(ParseError, match=message):
        read_tensors(data, "file")


@given(st.integers(0, 10_000), st.binary(min_size=1, max_size=3))
def test_mutated_files_raise_nothing_else(position, replacement):
    whole = write_tensors({"a": np.arange(4, dtype=np.float32), "b": np.ones((2, 2), np.int8)})
    position %= len(whole)
    try:
        arrays = read_tensors(memoryview(whole[:position] + replacement + whole[position + 1 :]), "file")
    except JaxdnnError:
        return
    assert all(isinstance(array, np.ndarray) for array in arrays.values())
