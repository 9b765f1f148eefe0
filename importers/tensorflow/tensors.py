"""TensorProto: the types of TensorFlow and the encodings of their arrays."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np

from jaxdnn.errors import JaxdnnWarning, ParseError
from jaxdnn.layers.base import dims

MAX_ELEMENTS = 2**31 - 1

MAX_REPEATED = 2**29
"""How many bytes an array may have whose elements are not all stored: a few bytes of a file could mean any size."""

_REFERENCE = 100
_TYPES: dict[int, tuple[str, str | None]] = {
    1: ("FLOAT", "float32"),
    2: ("DOUBLE", "float64"),
    3: ("INT32", "int32"),
    4: ("UINT8", "uint8"),
    5: ("INT16", "int16"),
    6: ("INT8", "int8"),
    7: ("STRING", None),
    8: ("COMPLEX64", "complex64"),
    9: ("INT64", "int64"),
    10: ("BOOL", "bool"),
    11: ("QINT8", "int8"),
    12: ("QUINT8", "uint8"),
    13: ("QINT32", "int32"),
    14: ("BFLOAT16", "bfloat16"),
    15: ("QINT16", "int16"),
    16: ("QUINT16", "uint16"),
    17: ("UINT16", "uint16"),
    18: ("COMPLEX128", "complex128"),
    19: ("HALF", "float16"),
    20: ("RESOURCE", None),
    21: ("VARIANT", None),
    22: ("UINT32", "uint32"),
    23: ("UINT64", "uint64"),
}
NAMES = {name: number for number, (name, _) in _TYPES.items()}
"""The numbers of the types by name, without ``DT_``."""

FLOAT_VAL, DOUBLE_VAL, INT_VAL, STRING_VAL, SCOMPLEX_VAL, INT64_VAL, BOOL_VAL, DCOMPLEX_VAL, HALF_VAL = range(
    5, 14
)
UINT32_VAL, UINT64_VAL = 16, 17
_STORED_IN = {
    "FLOAT": FLOAT_VAL,
    "DOUBLE": DOUBLE_VAL,
    "STRING": STRING_VAL,
    "COMPLEX64": SCOMPLEX_VAL,
    "INT64": INT64_VAL,
    "BOOL": BOOL_VAL,
    "COMPLEX128": DCOMPLEX_VAL,
    "HALF": HALF_VAL,
    "BFLOAT16": HALF_VAL,
    "UINT32": UINT32_VAL,
    "UINT64": UINT64_VAL,
}


@dataclass(frozen=True)
class DType:
    """An element type.

    Attributes:
        number: TensorFlow's own; a reference type counts as the type it refers to.
    """

    number: int

    @classmethod
    @cache
    def of(cls, number: int) -> DType:
        """Read a number, of a reference type too."""
        return cls(number - _REFERENCE if number > _REFERENCE else number)

    @cached_property
    def name(self) -> str:
        """TensorFlow's name without ``DT_``."""
        return _TYPES[self.number][0] if self.number in _TYPES else f"type {self.number}"

    @cached_property
    def numpy(self) -> str | None:
        """The name of numpy's type; None where there is none."""
        return _TYPES.get(self.number, ("", None))[1]

    @cached_property
    def raw(self) -> np.dtype[Any] | None:
        """What raw bytes hold: numpy's type, the bits of a bfloat16; None where there are no raw bytes."""
        name = "uint16" if self.name == "BFLOAT16" else self.numpy
        return np.dtype(name).newbyteorder("<") if name else None


@dataclass(slots=True)  # graphs have thousands, and a frozen one takes three times as long to make
class Tensor:
    """An array as it is stored.

    Attributes:
        dtype: its type.
        shape: its sizes; None for an unknown rank without sizes.
        content: its raw bytes, or none.
        values: its elements by the number of the field that holds them. Bytes objects for strings.
    """

    dtype: DType
    shape: tuple[int, ...] | None
    content: bytes | memoryview = b""
    values: Mapping[int, np.ndarray] | None = None

    def array(self) -> np.ndarray:
        """Decode it. A single value for many elements is repeated without taking memory.

        bfloat16 is widened to float32, which holds its values exactly; strings are bytes objects.

        Raises:
            ParseError: type, shape and stored values do not fit each other.
        """
        shape = self._checked_shape()
        count = math.prod(shape)
        if len(self.content):
            return self._from_content(shape, count)
        number = _STORED_IN.get(self.dtype.name, INT_VAL)
        stored = (self.values or {}).get(number)
        flat = self._empty() if stored is None else self._typed(stored)
        if flat.size > count:
            warnings.warn(
                f"{flat.size} values are stored for a shape of {dims(shape)}; those behind {count} are ignored",
                JaxdnnWarning,
                stacklevel=2,
            )
            flat = flat[:count]
        if flat.size == count:
            return flat.reshape(shape)
        if count * flat.itemsize > MAX_REPEATED:
            raise ParseError(
                f"its shape {dims(shape)} has {count * flat.itemsize} bytes, more than {MAX_REPEATED}, of which only "
                f"{flat.size * flat.itemsize} are stored"
            )
        if flat.size <= 1:
            return np.broadcast_to(flat[0] if flat.size else self._zero(), shape)
        full = np.empty(count, flat.dtype)
        full[: flat.size] = flat
        full[flat.size :] = flat[-1]
        return full.reshape(shape)

    def _checked_shape(self) -> tuple[int, ...]:
        if self.shape is None:
            raise ParseError("its rank is unknown")
        for size in self.shape:
            if size < 0:
                raise ParseError(f"it has the dimension {size}")
        count = math.prod(self.shape)
        if count > MAX_ELEMENTS:
            raise ParseError(f"its shape {dims(self.shape)} has {count} elements, more than {MAX_ELEMENTS}")
        if self.dtype.numpy is None and self.dtype.name != "STRING":
            raise ParseError(f"an array of type {self.dtype.name} cannot be a constant")
        return self.shape

    def _from_content(self, shape: tuple[int, ...], count: int) -> np.ndarray:
        dtype = self.dtype.raw
        if dtype is None:
            raise ParseError(f"an array of type {self.dtype.name} has no raw bytes")
        needed = count * dtype.itemsize
        if len(self.content) != needed:
            raise ParseError(
                f"it has {len(self.content)} bytes of tensor_content, "
                f"{needed} are needed for {self.dtype.name} of {dims(shape)}"
            )
        array = np.frombuffer(self.content, dtype).reshape(shape)
        return _widen(array) if self.dtype.name == "BFLOAT16" else array

    def _typed(self, stored: np.ndarray) -> np.ndarray:
        name = self.dtype.name
        if name in ("HALF", "BFLOAT16"):
            bits = stored.astype(np.uint16)
            return bits.view(np.float16) if name == "HALF" else _widen(bits)
        if name in ("COMPLEX64", "COMPLEX128"):
            if stored.size % 2:
                raise ParseError("a complex number lacks its imaginary part")
            return stored[0::2] + 1j * stored[1::2]
        return stored if name == "STRING" else stored.astype(self.dtype.numpy)

    def _empty(self) -> np.ndarray:
        return np.zeros(0, self._zero().dtype)

    def _zero(self) -> np.ndarray:
        name = self.dtype.name
        if name == "STRING":
            return np.array(b"", object)
        return np.zeros((), "float32" if name == "BFLOAT16" else self.dtype.numpy)


def _widen(bits: np.ndarray) -> np.ndarray:
    """Return bfloat16 bit patterns as float32, of which they are the upper half."""
    return (bits.astype(np.uint32) << 16).view(np.float32)
