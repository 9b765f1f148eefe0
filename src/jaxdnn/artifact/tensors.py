"""Arrays in the safetensors format, read where they lie in memory.

The library writes it; its reader opens files of their own only, and an archive's member is none.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import jax.numpy as jnp
import numpy as np
from safetensors.numpy import save

from jaxdnn.artifact.documents import Record, listed, mapped, read_json, size, table, text
from jaxdnn.errors import ParseError

_TYPES = {
    "BOOL": np.dtype(bool),
    "U8": np.dtype("<u1"),
    "I8": np.dtype("<i1"),
    "U16": np.dtype("<u2"),
    "I16": np.dtype("<i2"),
    "U32": np.dtype("<u4"),
    "I32": np.dtype("<i4"),
    "U64": np.dtype("<u8"),
    "I64": np.dtype("<i8"),
    "F16": np.dtype("<f2"),
    "BF16": np.dtype(jnp.bfloat16),
    "F32": np.dtype("<f4"),
    "F64": np.dtype("<f8"),
}

STORABLE = frozenset(_TYPES.values())
"""The types of elements that can be written."""

_MAX_AXES = 32


def write_tensors(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Return arrays, by name, as a safetensors file; their types are :data:`STORABLE`."""
    return bytes(save({name: np.asarray(a, order="C") for name, a in arrays.items()}))


def read_tensors(data: memoryview, what: str) -> dict[str, np.ndarray]:
    """Return the arrays of a safetensors file by name; they share its memory.

    Raises:
        ParseError: the file is none, or cut short, or its arrays do not fill it.
    """
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 or length > len(data) - 8:
        raise ParseError(f"{what} is cut short: its header does not fit its {len(data)} bytes")
    header = table(read_json(data[8 : 8 + length], f"the header of {what}"), f"the header of {what}")
    if "__metadata__" in header:
        mapped(text)(header.pop("__metadata__"), f"the metadata of {what}")
    arrays = {}
    spans = []
    for name, entry in header.items():
        arrays[name], span = _array(data[8 + length :], Record(entry, f"array {name!r} of {what}"), name)
        spans.append(span)
    end = 0
    for begin, following in sorted(spans):
        if begin != end:
            raise ParseError(f"the arrays of {what} overlap or leave a hole at byte {end}")
        end = following
    if end != len(data) - 8 - length:
        raise ParseError(f"the arrays of {what} end at byte {end} of {len(data) - 8 - length}")
    return arrays


def _array(buffer: memoryview, record: Record, name: str) -> tuple[np.ndarray, tuple[int, int]]:
    kind = record.read("dtype", text)
    shape = record.read("shape", listed(size))
    span = record.read("data_offsets", listed(size))
    record.done()
    if kind not in _TYPES:
        raise ParseError(f"array {name!r} is of type {kind!r}; known are {', '.join(_TYPES)}")
    if len(shape) > _MAX_AXES:
        raise ParseError(f"array {name!r} has {len(shape)} axes, more than {_MAX_AXES}")
    needed = math.prod(shape) * _TYPES[kind].itemsize
    if len(span) != 2 or span[1] - span[0] != needed or span[1] > len(buffer):
        raise ParseError(f"array {name!r} needs {needed} bytes, and its offsets are {span}")
    try:
        return np.ndarray(shape, _TYPES[kind], buffer[span[0] : span[1]]), (span[0], span[1])
    except ValueError as error:
        raise ParseError(f"array {name!r} of shape {shape} is too large: {error}") from error
