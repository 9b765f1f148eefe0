"""The wire format, against the encoder in support.caffe and protobuf's own."""

import struct

import pytest
from google.protobuf import descriptor_pb2
from hypothesis import given
from hypothesis import strategies as st

from jaxdnn import ParseError
from jaxdnn.importers import wire
from support.caffe import field, varint


def read(data: bytes) -> list[wire.WireField]:
    return list(wire.fields(memoryview(data), 0, len(data)))


def payloads(data: bytes, found: wire.WireField) -> list[bytes]:
    """Return the payloads of a run of a fixed-size field."""
    size = 4 if found.wire_type == wire.FIXED32 else 8
    return [data[found.start + i * found.stride :][:size] for i in range(found.value)]


def encode(data: bytes) -> bytes:
    """Write a message again from what the reader says of it."""
    out = b""
    for found in read(data):
        tag = varint(found.number << 3 | found.wire_type)
        if found.wire_type == wire.VARINT:
            out += tag + varint(found.value)
        elif found.wire_type == wire.BYTES:
            out += field(found.number, data[found.start : found.end])
        else:
            out += b"".join(tag + payload for payload in payloads(data, found))
    return out


FIELDS = st.one_of(
    st.builds(lambda n, v: varint(n << 3) + varint(v), st.integers(1, 2**29 - 1), st.integers(0, 2**64 - 1)),
    st.builds(field, st.integers(1, 200), st.binary(max_size=200)),
    st.builds(
        lambda n, v, k: (varint(n << 3 | 5) + v) * k,
        st.integers(1, 20),
        st.binary(min_size=4, max_size=4),
        st.integers(1, 5),
    ),
    st.builds(
        lambda n, v, k: (varint(n << 3 | 1) + v) * k,
        st.integers(1, 20),
        st.binary(min_size=8, max_size=8),
        st.integers(1, 5),
    ),
)
MESSAGES = st.lists(FIELDS, max_size=6).map(b"".join)


@given(MESSAGES)
def test_every_field_is_found(data):
    assert encode(data) == data


def test_protobufs_own_messages():
    file = descriptor_pb2.FileDescriptorProto()
    descriptor_pb2.DESCRIPTOR.CopyToProto(file)
    data = file.SerializeToString()
    assert encode(data) == data
    (name,) = (found for found in read(data) if found.number == 1)
    assert data[name.start : name.end].decode() == file.name


@given(st.integers(-(2**63), 2**63 - 1))
def test_negative_numbers(value):
    data = varint(8) + varint(value)
    (found,) = read(data)
    assert wire.signed(found.value) == value


def test_a_run_of_a_repeated_field_is_one():
    data = b"".join(b"\x2d" + struct.pack("<f", i) for i in range(100)) + b"\x0d" + bytes(4)
    first, second = read(data)
    assert (first.number, first.value, first.stride) == (5, 100, 5)
    assert [struct.unpack("<f", payload)[0] for payload in payloads(data, first)] == list(range(100))
    assert (second.number, second.value) == (1, 1)


def test_a_run_ends_where_bytes_are_left_over():
    data = (b"\x2d" + bytes(4)) * 3
    assert read(data)[0].value == 3
    with pytest.raises(ParseError, match="field 5 at byte 15 is 4 bytes long, 2 are left"):
        read(data + b"\x2d\0\0")


def test_a_part_of_a_buffer():
    data = b"\xff" + field(3, b"abc") + b"\xff"
    (found,) = wire.fields(memoryview(data), 1, len(data) - 1)
    assert (found.number, data[found.start : found.end]) == (3, b"abc")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\x0a\x05abc", "field 1 at byte 0 is 5 bytes long, 3 are left"),
        (b"\x0d\0\0", "field 1 at byte 0 is 4 bytes long, 2 are left"),
        (b"\x09\0\0", "field 1 at byte 0 is 8 bytes long, 2 are left"),
        (b"\x08", "a number does not end at byte 1"),
        (b"\x08" + b"\xff" * 11, "a number does not end at byte 11"),
        (b"\x00\x00", "impossible field number 0 at byte 0"),
        (varint(2**29 << 3) + b"\0", "impossible field number 536870912 at byte 0"),
        (b"\x0b\x0c", "impossible wire type 3 at byte 0"),
        (b"\x08\x01\x0e", "impossible wire type 6 at byte 2"),
    ],
)
def test_damage(data, message):
    with pytest.raises(ParseError, match=message):
        read(data)


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_raise_a_parse_error(data):
    try:
        found = read(data)
    except ParseError:
        return
    assert all(0 <= f.start <= f.end <= len(data) for f in found)


@given(MESSAGES)
def test_parts_are_the_fields_of_bytes(data):
    wanted = [(found.number, found.start, found.end) for found in read(data) if found.wire_type == wire.BYTES]
    assert list(wire.parts(data, 0, len(data))) == wanted


@given(MESSAGES, st.integers(1, 8))
def test_parts_that_are_cut_short(data, cut):
    cut_short = field(1, data)[:-cut]
    if cut <= len(data):
        with pytest.raises(ParseError, match="cut short"):
            list(wire.parts(cut_short, 0, len(cut_short)))


@given(st.lists(st.one_of(st.integers(0, 127), st.integers(0, 2**64 - 1))))
def test_packed_varints(values):
    data = b"\xff" + b"".join(map(varint, values)) + b"\xff"
    assert wire.varints(data, 1, len(data) - 1).tolist() == values


@pytest.mark.parametrize("data", [b"\x80", b"\x01\xff", b"\xff" * 10 + b"\x01"])
def test_packed_varints_that_do_not_end(data):
    with pytest.raises(ParseError, match=f"a number in bytes 0 to {len(data)} does not end"):
        wire.varints(data, 0, len(data))
