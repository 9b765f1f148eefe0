"""Caffemodels of every age, and damaged ones."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from jaxdnn import FileError, JaxdnnError, ParseError
from jaxdnn.importers.caffe.weights import read_weights
from support.caffe import blob, field, layer, number

FLOATS = arrays.arrays(
    np.float32,
    arrays.array_shapes(min_dims=1, max_dims=4, max_side=4),
    elements=st.floats(width=32, allow_nan=False),
)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("weights") / "net.caffemodel"


def read(path, data: bytes):
    path.write_bytes(data)
    return read_weights(str(path))


def read_blob(path, data: bytes) -> np.ndarray:
    (stored,) = read(path, layer("a", [data]))
    (array,) = stored.blobs
    return array


@given(
    FLOATS,
    st.sampled_from([0, 1, 2]),
    st.sampled_from(["packed", "unpacked", "packed_double", "unpacked_double"]),
)
def test_every_form_of_a_layer(path, array, version, data):
    net = field(1, b"net") + layer("no blobs", [], version)
    net += layer("über/a", [blob(array, data=data), blob(array[:1], data=data)], version)
    (stored,) = read(path, net)
    assert stored.name == "über/a"
    np.testing.assert_array_equal(stored.blobs[0], array)
    np.testing.assert_array_equal(stored.blobs[1], array[:1])
    assert all(found.dtype == np.float32 for found in stored.blobs)


@given(FLOATS, st.sampled_from(["shape", "unpacked_shape", "legacy", "none"]))
def test_every_form_of_a_shape(path, array, shape):
    got = read_blob(path, blob(array, shape=shape))
    want = {"legacy": (1,) * (4 - array.ndim) + array.shape, "none": (array.size,)}
    assert got.shape == want.get(shape, array.shape)
    np.testing.assert_array_equal(got.ravel(), array.ravel())


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "int32", "uint32"])
def test_raw_data(path, dtype):
    array = np.arange(6).reshape(2, 3).astype(dtype)
    got = read_blob(path, blob(array, data="raw"))
    np.testing.assert_array_equal(got, array)
    assert got.dtype == (np.float16 if dtype == "float16" else np.float32)


def test_legacy_sizes_count_where_any_is_given(path):
    data = number(4, 6) + blob(np.ones(6, np.float32))
    with pytest.raises(ParseError, match="its shape says 0 values, 6 stored"):
        read_blob(path, data)


def test_packed_and_unpacked_data_in_one_blob(path):
    first, second = np.float32([1, 2]), np.float32([3, 4, 5])
    data = blob(first, shape="none") + blob(second, data="unpacked", shape="none")
    np.testing.assert_array_equal(read_blob(path, data), [1, 2, 3, 4, 5])


def test_doubles_beyond_float32_become_infinite(path):
    got = read_blob(path, blob(np.array([1e300, -1e300]), data="packed_double"))
    np.testing.assert_array_equal(got, [np.inf, -np.inf])


def test_a_scalar_has_no_axes(path):
    assert read_blob(path, blob(np.float32(3))).shape == ()


def test_layers_in_the_files_order_and_unknown_fields(path):
    ones = [blob(np.ones(1, np.float32))]
    junk = field(117, b"\x08\x07") + number(500, 3)
    net = layer("b", ones) + junk + layer("a", ones) + layer("b", ones)
    assert [stored.name for stored in read(path, net)] == ["b", "a", "b"]


def test_arrays_are_aligned_for_jax(path):
    assert read_blob(path, blob(np.ones(5, np.float32))).ctypes.data % 64 == 0


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (blob(np.ones(6, np.float32))[:-4], "field 5 at byte .* is 24 bytes long, 20 are left"),
        (field(7, field(1, b"\x06")), "its shape says 6 values, none stored"),
        (field(7, field(1, b"\x06")) + field(5, bytes(8)), "its shape says 6 values, 2 stored"),
        (field(5, bytes(7)), "7 bytes of data are no whole number of 4-byte values"),
        (number(1, -3) + field(5, bytes(4)), "its shape -3x0x0x0 is absurd"),
        (field(7, field(1, b"\xff\xff\xff\xff\x0f" * 2)), "its shape 4294967295x4294967295 is absurd"),
        (field(7, field(1, b"\x01" * 65)) + field(5, bytes(4)), "its shape 1x1.* is absurd"),
        (number(10, 5) + field(12, bytes(4)), "unknown raw data type 5"),
        (number(10, 0) + b"\x65" + bytes(4), "damaged: wire type 5 for values of 8 bytes"),
        (b"\x29" + bytes(8), "damaged: wire type 1 for values of 4 bytes"),
    ],
)
def test_damaged_blobs_name_their_layer(path, data, message):
    with pytest.raises(ParseError, match=message) as caught:
        read_blob(path, data)
    assert caught.value.file == str(path)
    assert caught.value.layer == "'a' (blob 0)"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "the file is empty"),
        (b'layer { name: "a" }', "not a caffemodel: this is a text file, a prototxt perhaps"),
        (b"<!DOCTYPE html>", "this is an HTML page"),
        (b"version https://git-lfs.github.com/spec/v1", "Git-LFS pointer"),
        (b"\x89HDF\r\n\x1a\n", "this is an HDF5 file"),
    ],
)
def test_other_files(path, data, message):
    with pytest.raises(FileError, match=message):
        read(path, data)


def test_a_missing_file(tmp_path):
    with pytest.raises(FileError, match="cannot be read: No such file"):
        read_weights(str(tmp_path / "none"))


def models() -> list[bytes]:
    """Return a small caffemodel of every form."""
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    forms = itertools.product(["packed", "unpacked", "unpacked_double", "raw"], ["shape", "legacy"])
    blobs = [blob(array, data=data, shape=shape) for data, shape in forms]
    return [layer("a", blobs[:4], version) + layer("b", blobs[4:], version) for version in (0, 1, 2)]


@pytest.mark.parametrize("version", [0, 1, 2])
def test_a_file_cut_short_at_any_byte_raises_or_lacks_layers(path, version):
    whole = models()[version]
    assert len(read(path, whole)) == 2
    for size in range(1, len(whole)):
        try:
            layers = read(path, whole[:size])
        except JaxdnnError:
            continue
        assert len(layers) < 2


@settings(max_examples=300)
@given(st.sampled_from(models()), st.data())
def test_flipped_bits_raise_nothing_else(path, model, data):
    damaged = bytearray(model)
    for _ in range(data.draw(st.integers(1, 3))):
        position = data.draw(st.integers(0, len(damaged) - 1))
        damaged[position] ^= 1 << data.draw(st.integers(0, 7))
    try:
        layers = read(path, bytes(damaged))
    except JaxdnnError as error:
        place = error.file
    else:
        assert all(array.dtype.kind == "f" for stored in layers for array in stored.blobs)
        return
    assert place == str(path)
