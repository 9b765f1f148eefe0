"""Encodings of arrays: raw, by value with the last one repeated, halves as bit patterns."""

import re
import struct
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from jaxdnn.errors import JaxdnnWarning, ParseError
from jaxdnn.importers.tensorflow import binary
from jaxdnn.importers.tensorflow.binary import read_binary
from jaxdnn.importers.tensorflow.tensors import Tensor
from support.caffe import field, number, varint
from support.tensorflow import TYPES, const, graph, node, shape


def decode(encoded: bytes) -> np.ndarray:
    (found,) = read_binary(graph(node("c", "Const", value=encoded))).nodes
    return found.attributes["value"].array()


def by_value(kind: int, sizes, *fields: bytes) -> bytes:
    return number(1, kind) + field(2, shape(sizes)) + b"".join(fields)


@given(
    st.sampled_from(sorted(set(TYPES) - {"bool"})).flatmap(
        lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0))
    )
)
def test_raw_content(array):
    (found,) = read_binary(graph(const("c", array))).nodes
    got = found.attributes["value"].array()
    assert got.dtype == array.dtype
    np.testing.assert_array_equal(got, array)


@given(
    hnp.arrays("float32", hnp.array_shapes(min_dims=0, max_dims=2, min_side=0, max_side=40)),
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 255)), max_size=2),
)
def test_damaged_constants_read_alike_at_once_and_field_by_field(array, changes):
    encoded = bytearray(graph(const("c", array)))
    for position, value in changes:
        encoded[position % len(encoded)] = value

    def shown(item) -> str:
        key, value = item
        own = replace(value, content=bytes(value.content)) if isinstance(value, Tensor) else value
        return f"{key}: {own}"

    def result() -> object:
        try:
            nodes = read_binary(bytes(encoded)).nodes
            return [(found.name, found.op, list(map(shown, found.attributes.items()))) for found in nodes]
        except ParseError as error:
            return str(error)

    at_once = result()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(binary, "_CONSTANT", re.compile(b"(?!)"))
        assert at_once == result()


def test_missing_values_repeat_the_last_one():
    packed = field(5, struct.pack("<2f", 1.5, -2))
    np.testing.assert_array_equal(decode(by_value(1, (2, 2), packed)), np.float32([[1.5, -2], [-2, -2]]))


def test_one_value_for_many_elements_takes_no_memory():
    got = decode(by_value(1, (500, 500, 500), field(5, struct.pack("<f", 7))))
    assert got.shape == (500, 500, 500)
    assert got.strides == (0, 0, 0)
    assert got[1, 2, 3] == 7


def test_no_value_means_zeros():
    np.testing.assert_array_equal(decode(by_value(3, (3,))), np.zeros(3, np.int32))


def test_unpacked_values():
    single = varint(5 << 3 | 5)
    parts = b"".join(single + struct.pack("<f", value) for value in (1, 2, 3))
    np.testing.assert_array_equal(decode(by_value(1, (3,), parts)), np.float32([1, 2, 3]))
    varints = b"".join(number(7, value) for value in (-1, 5))
    np.testing.assert_array_equal(decode(by_value(3, (2,), varints)), np.int32([-1, 5]))


@pytest.mark.parametrize(
    ("kind", "number_", "values", "want"),
    [
        (2, 6, struct.pack("<2d", 0.1, 2), np.array([0.1, 2])),
        (4, 7, varint(255) + varint(1), np.array([255, 1], np.uint8)),
        (6, 7, varint(-3) + varint(1), np.array([-3, 1], np.int8)),
        (9, 10, varint(-(2**40)) + varint(2**40), np.array([-(2**40), 2**40])),
        (10, 11, varint(1) + varint(0), np.array([True, False])),
        (17, 7, varint(65535) + varint(1), np.array([65535, 1], np.uint16)),
        (22, 16, varint(2**32 - 1) + varint(1), np.array([2**32 - 1, 1], np.uint32)),
        (23, 17, varint(2**64 - 1) + varint(1), np.array([2**64 - 1, 1], np.uint64)),
        (8, 9, struct.pack("<4f", 1, 2, 3, 4), np.array([1 + 2j, 3 + 4j], np.complex64)),
        (19, 13, varint(0x3E00) + varint(0xC000), np.array([1.5, -2], np.float16)),
        (14, 13, varint(0x3FC0) + varint(0xC000), np.array([1.5, -2], np.float32)),
    ],
)
def test_values_by_type(kind, number_, values, want):
    got = decode(by_value(kind, (2,), field(number_, values)))
    assert got.dtype == want.dtype
    np.testing.assert_array_equal(got, want)


def test_raw_bfloat16_is_widened():
    raw = np.array([0x3FC0, 0xC000], np.uint16).tobytes()
    np.testing.assert_array_equal(decode(by_value(14, (2,), field(4, raw))), np.float32([1.5, -2]))


def test_strings_are_bytes():
    got = decode(by_value(7, (2,), field(8, b"a"), field(8, b"\xff")))
    assert got.tolist() == [b"a", b"\xff"]


def test_values_too_many_are_reported():
    with pytest.warns(JaxdnnWarning, match="3 values are stored for a shape of 2; those behind 2"):
        got = decode(by_value(1, (2,), field(5, struct.pack("<3f", 1, 2, 3))))
    np.testing.assert_array_equal(got, np.float32([1, 2]))


@pytest.mark.parametrize(
    ("encoded", "message"),
    [
        (by_value(1, (2,), field(4, bytes(7))), "7 bytes of tensor_content, 8 are needed for FLOAT of 2"),
        (by_value(1, (-3, 2)), "dimension -3"),
        (by_value(1, (2**31, 2**31)), "has 4611686018427387904 elements"),
        (by_value(20, ()), "type RESOURCE cannot be a constant"),
        (number(1, 1) + field(2, number(3, 1)), "rank is unknown"),
        (by_value(8, (1,), field(9, struct.pack("<f", 1))), "lacks its imaginary part"),
        (by_value(1, (1,), field(5, bytes(3))), "3 bytes of data are no whole number"),
    ],
)
def test_what_does_not_fit(encoded, message):
    with pytest.raises(ParseError, match=message):
        decode(encoded)
