"""Write small GraphDefs in a test. The encoder is independent of the library's reader."""

import struct
from pathlib import Path

import numpy as np

import jaxdnn
from support.caffe import field, number, varint

TYPES = {
    "float32": 1,
    "float64": 2,
    "int32": 3,
    "uint8": 4,
    "int16": 5,
    "int8": 6,
    "complex64": 8,
    "int64": 9,
    "bool": 10,
    "uint16": 17,
    "float16": 19,
    "uint32": 22,
    "uint64": 23,
}


class Type(str):
    """A numpy type name that is an attribute of kind type."""


class Shape(tuple):
    """Sizes that are an attribute of kind shape; None is unknown."""


class Function(str):
    """A function's name."""


def shape(sizes) -> bytes:
    return b"".join(field(2, number(1, -1 if size is None else size)) for size in sizes)


def tensor(array: np.ndarray) -> bytes:
    """Encode a TensorProto with raw content."""
    array = np.asarray(array)
    return number(1, TYPES[str(array.dtype)]) + field(2, shape(array.shape)) + field(4, array.tobytes())


def attribute(value) -> bytes:
    """Encode an AttrValue of the kind that the Python value has."""
    if isinstance(value, list):
        return field(1, b"".join(map(attribute, value)))
    if isinstance(value, Type):
        return number(6, TYPES[value])
    if isinstance(value, Shape):
        return field(7, shape(value))
    if isinstance(value, Function):
        return field(10, field(1, value.encode()))
    if isinstance(value, bool):
        return number(5, value)
    if isinstance(value, int):
        return number(3, value)
    if isinstance(value, float):
        return varint(4 << 3 | 5) + struct.pack("<f", value)
    if isinstance(value, str):
        return field(2, value.encode())
    return field(8, value if isinstance(value, bytes) else tensor(value))


def node(name: str, op: str, *inputs: str, **attributes) -> bytes:
    """Encode a NodeDef."""
    parts = field(1, name.encode()) + field(2, op.encode())
    parts += b"".join(field(3, text.encode()) for text in inputs)
    for key, value in attributes.items():
        parts += field(5, field(1, key.encode()) + field(2, attribute(value)))
    return parts


def const(name: str, array) -> bytes:
    array = np.asarray(array)
    return node(name, "Const", dtype=Type(str(array.dtype)), value=array)


def placeholder(name: str, sizes, dtype: str = "float32") -> bytes:
    return node(name, "Placeholder", dtype=Type(dtype), shape=Shape(sizes))


def function(name: str, inputs: list[str], returns: dict[str, str], *nodes: bytes) -> bytes:
    """Encode a FunctionDef of float32 tensors; ``returns`` maps outputs to tensors of the body."""
    signature = field(1, name.encode())
    signature += b"".join(field(2, field(1, text.encode()) + number(3, 1)) for text in inputs)
    signature += b"".join(field(3, field(1, text.encode()) + number(3, 1)) for text in returns)
    body = field(1, signature) + b"".join(field(3, part) for part in nodes)
    pairs = (field(1, key.encode()) + field(2, value.encode()) for key, value in returns.items())
    return body + b"".join(field(4, pair) for pair in pairs)


def graph(*nodes: bytes, functions: tuple[bytes, ...] = ()) -> bytes:
    """Encode a GraphDef."""
    library = field(2, b"".join(field(1, part) for part in functions)) if functions else b""
    return b"".join(field(1, part) for part in nodes) + library


def write(folder: Path, *nodes: bytes, functions: tuple[bytes, ...] = ()) -> str:
    path = folder / "graph.pb"
    path.write_bytes(graph(*nodes, functions=functions))
    return str(path)


def load(folder: Path, *nodes: bytes, functions: tuple[bytes, ...] = (), **options) -> jaxdnn.Net:
    """Write a graph and load it."""
    return jaxdnn.load(write(folder, *nodes, functions=functions), **options)


def compute(folder, op, *inputs, outputs=("y",), feeds=(0,), **attributes):
    """Run one op; those inputs that are not fed are constants."""
    names = [f"i{index}" for index in range(len(inputs))]
    parts = [
        placeholder(name, array.shape, str(array.dtype)) if index in feeds else const(name, array)
        for index, (name, array) in enumerate(zip(names, inputs, strict=True))
    ]
    net = load(folder, *parts, node("y", op, *names, **attributes), outputs=outputs)
    got = net({names[index]: inputs[index] for index in feeds})
    arrays = tuple(np.asarray(got[name]) for name in outputs)
    return arrays[0] if len(outputs) == 1 else arrays
