"""Small files that stand for much: an error, or a net, within a little memory."""

import resource
import struct
import warnings

import numpy as np
import pytest

import jaxdnn
from jaxdnn.importers.tensorflow.graphdef import MAX_PARTS
from support.caffe import field, number, varint
from support.tensorflow import Function, const, function, graph, node, placeholder, shape

GIBIBYTE = 2**30
HUGE = 2**62
X = placeholder("x", (2, 2))


def peak() -> int:
    """Return the most bytes that this process has held so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def load(path, data: bytes) -> None:
    path.write_bytes(data)
    before = peak()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            jaxdnn.load(path, format="tensorflow")
    finally:
        assert peak() - before < GIBIBYTE


def refused(tmp_path, data: bytes, message: str) -> None:
    with pytest.raises(jaxdnn.JaxdnnError, match=message):
        load(tmp_path / "bomb.pb", data)


def value_of(dtype: int, sizes, *fields: bytes) -> bytes:
    return number(1, dtype) + field(2, shape(sizes)) + b"".join(fields)


def constant(name: str, encoded: bytes) -> bytes:
    return node(name, "Const", value=encoded)


@pytest.mark.parametrize(
    "path",
    [
        *((1,), (1, 1), (1, 2), (1, 3), (1, 5), (1, 5, 1), (1, 5, 2), (1, 5, 2, 1), (1, 5, 2, 1, 3)),
        *((1, 5, 2, 2), (1, 5, 2, 7), (1, 5, 2, 7, 2), (1, 5, 2, 8), (1, 5, 2, 8, 2), (1, 5, 2, 8, 4)),
        *((1, 5, 2, 8, 5), (1, 5, 2, 8, 7), (1, 5, 2, 8, 8), (1, 5, 2, 10), (1, 5, 2, 10, 1)),
        *((2,), (2, 1), (2, 1, 1), (2, 1, 1, 1), (2, 1, 3), (2, 1, 3, 1), (2, 1, 4), (4,)),
    ],
)
def test_lengths_behind_the_end(tmp_path, path):
    *outer, last = path
    data = varint(last << 3 | 2) + varint(HUGE) + b"x"
    for number_ in reversed(outer):
        data = field(number_, data)
    refused(tmp_path, field(1, X) + data, f"is {HUGE} bytes long, 1 are left")


@pytest.mark.parametrize(
    ("encoded", "message"),
    [
        (
            value_of(1, (10**6, 10**6), field(5, struct.pack("<f", 7))),
            "has 1000000000000 elements, more than",
        ),
        (
            value_of(1, (30000, 30000), field(5, struct.pack("<f", 7))),
            "3600000000 bytes, more than .* only 4 are",
        ),
        (value_of(3, (2**30,), field(7, varint(1) + varint(2))), "4294967296 bytes, more than .* only 8 are"),
        (value_of(1, (1,) * 255), "more than 254 dimensions"),
    ],
)
def test_constants_of_any_size(tmp_path, encoded, message):
    refused(tmp_path, graph(constant("c", encoded), node("y", "Neg", "c")), message)


@pytest.mark.parametrize("kind", [3, 5, 6])
def test_packed_lists(tmp_path, kind):
    packed = field(5, field(1, b"N") + field(2, field(1, field(kind, bytes(MAX_PARTS + 1)))))
    refused(
        tmp_path, graph(X, node("y", "Neg", "x") + packed), f"more than {MAX_PARTS} nodes, values of attr"
    )


def test_packed_arrays_take_what_they_need(tmp_path):
    encoded = value_of(9, (2,), field(10, bytes(2**25)))
    load(
        tmp_path / "graph.pb",
        graph(constant("c", encoded), placeholder("x", (2,), "int64"), node("y", "AddV2", "x", "c")),
    )


def test_empty_messages(tmp_path):
    strings = field(8, b"") * (MAX_PARTS + 1)
    refused(tmp_path, graph(constant("c", value_of(7, (1,), strings))), "more than .* nodes")


def test_functions_that_call_each_other_twice(tmp_path):
    twice = [
        function(
            f"f{level}",
            ["v"],
            {"r": "b:output:0"},
            node("a", "PartitionedCall", "v", f=Function(f"f{level + 1}")),
            node("b", "PartitionedCall", "a:output:0", f=Function(f"f{level + 1}")),
        )
        for level in range(40)
    ]
    last = function("f40", ["v"], {"r": "n:y:0"}, node("n", "Neg", "v"))
    parts = (X, node("y", "PartitionedCall", "x", f=Function("f0")))
    refused(tmp_path, graph(*parts, functions=(*twice, last)), "stand for more than 131072 nodes")


def test_splats_as_attributes(tmp_path):
    many = value_of(3, (10**8,), field(7, varint(1)))
    options = {"padding": "SAME", "data_format": "NHWC"}
    filters = const("w", np.ones((1, 1, 1, 1), np.float32))
    conv = node("y", "Conv2D", "x", "w", strides=many, **options)
    refused(tmp_path, graph(placeholder("x", (1, 2, 2, 1)), filters, conv), "'strides' has 100000000 values")
    reshaped = node("y", "Reshape", "x", "sizes")
    refused(tmp_path, graph(X, constant("sizes", many), reshaped), "has 100000000 values, more than")


def test_ranges(tmp_path):
    parts = [const(name, np.int32(value)) for name, value in (("a", 0), ("b", 2**31 - 1), ("c", 1))]
    data = graph(*parts, node("numbers", "Range", "a", "b", "c"), node("y", "Sum", "numbers", "a"))
    refused(tmp_path, data, "2147483647 numbers, more than")


def test_deep_text(tmp_path):
    refused(tmp_path, b"node {" * 200_000, "is not closed")
    refused(tmp_path, b'node { name: "' + b"x" * 10**7 + b'"} node { op: 3 }', "op must be a string")
