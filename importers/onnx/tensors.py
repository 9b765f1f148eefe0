"""The arrays that a file holds."""

from __future__ import annotations

import math

import numpy as np
import onnx
from onnx import helper, numpy_helper

from jaxdnn.errors import FileError, ParseError, located
from jaxdnn.importers.onnx.external import ExternalFiles
from jaxdnn.layers.base import dims

MAX_ELEMENTS = 2**31 - 1

MAX_REPEATED = 2**29
"""How many bytes an array may have of which few are stored: a few bytes of a file could mean any size."""

_NUMBERS = onnx.TensorProto
_BITS = {
    **dict.fromkeys((_NUMBERS.UINT4, _NUMBERS.INT4, _NUMBERS.FLOAT4E2M1), 4),
    **{
        getattr(_NUMBERS, name): bits
        for name, bits in (("UINT2", 2), ("INT2", 2), ("FLOAT6E2M3", 6), ("FLOAT6E3M2", 6))
        if hasattr(_NUMBERS, name)
    },
}
"""The types of less than a byte, several elements of which share one."""
_PAIRS = (_NUMBERS.COMPLEX64, _NUMBERS.COMPLEX128)


def dtype_of(number: int) -> np.dtype:
    """Return numpy's type of a type's number; strings are objects.

    Raises:
        ParseError: there is no such type.
    """
    try:
        return helper.tensor_dtype_to_np_dtype(number)
    except KeyError:
        raise ParseError(f"its type has the number {number}, which is unknown") from None


def array_of(tensor: onnx.TensorProto, files: ExternalFiles | None = None) -> np.ndarray:
    """Return a stored tensor as an array.

    bfloat16 is widened to float32, which holds its values exactly; strings are objects.

    Args:
        tensor: in any of the encodings of the standard.
        files: where tensors lie that are stored apart.

    Raises:
        JaxdnnError: type, shape and stored values do not fit each other, or a file does not serve.
    """
    try:
        array = _array(tensor, files)
    except (ParseError, FileError) as error:
        error.message = f"tensor {tensor.name!r}: {error.message}"
        raise
    return array.astype(np.float32) if tensor.data_type == _NUMBERS.BFLOAT16 else array


def _array(tensor: onnx.TensorProto, files: ExternalFiles | None) -> np.ndarray:
    dtype = dtype_of(tensor.data_type)
    shape, count = _checked(tuple(tensor.dims))
    if tensor.HasField("segment"):
        raise ParseError("it is stored in segments, which no version of the standard uses")
    if tensor.data_location == _NUMBERS.EXTERNAL:
        if files is None or dtype.kind == "O":
            raise ParseError("it is stored in another file, where it cannot be")
        raw = files.bytes_of(tensor)
    elif tensor.HasField("raw_data"):
        raw = np.frombuffer(tensor.raw_data, np.uint8)
    else:
        return _from_lists(tensor, shape, count)
    bits = _BITS.get(tensor.data_type, 8 * dtype.itemsize)
    needed = -(-count * bits // 8)
    if dtype.kind == "O" or len(raw) != needed:
        name = _NUMBERS.DataType.Name(tensor.data_type)
        raise ParseError(f"{len(raw)} bytes are stored, {needed} are needed for {name} of {dims(shape)}")
    if bits < 8:
        packed = onnx.TensorProto(data_type=tensor.data_type, dims=shape, raw_data=raw.tobytes())
        return numpy_helper.to_array(packed)
    return raw.view(dtype).reshape(shape) if count else np.zeros(shape, dtype)


def _from_lists(tensor: onnx.TensorProto, shape: tuple[int, ...], count: int) -> np.ndarray:
    """Read the values of one of the typed lists."""
    field = helper.tensor_dtype_to_field(tensor.data_type)
    stored = len(getattr(tensor, field))
    bits = _BITS.get(tensor.data_type, 8)
    per_entry = 1 if 8 % bits else 8 // bits
    needed = -(-count // per_entry) * (2 if tensor.data_type in _PAIRS else 1)
    if stored != needed:
        raise ParseError(f"{stored} values are stored in {field}, {needed} are needed for {dims(shape)}")
    try:
        return numpy_helper.to_array(tensor)
    except (TypeError, ValueError, OverflowError) as error:
        raise ParseError(f"its values cannot be read: {error}") from error


def dense_of(sparse: onnx.SparseTensorProto, files: ExternalFiles | None = None) -> np.ndarray:
    """Return a sparse tensor as an array.

    Raises:
        JaxdnnError: its values and indices do not fit each other or its shape, or it is larger than
            :data:`MAX_REPEATED`.
    """
    with located(layer=repr(sparse.values.name) if sparse.values.name else None):
        values, places = array_of(sparse.values, files), array_of(sparse.indices, files)
        shape, count = _checked(tuple(sparse.dims))
        if count * values.itemsize > MAX_REPEATED:
            raise ParseError(
                f"a sparse tensor of {dims(shape)} has {count * values.itemsize} bytes, more than {MAX_REPEATED}"
            )
        if values.ndim != 1 or places.shape not in ((values.size,), (values.size, len(shape))):
            raise ParseError(f"{dims(places.shape)} indices are stored for {dims(values.shape)} values")
        if places.dtype != np.int64:
            raise ParseError(f"indices are of type {places.dtype}, int64 expected")
        limits = np.array(shape if places.ndim == 2 else count)
        if ((places < 0) | (places >= limits)).any():
            raise ParseError(f"an index lies outside of the shape {dims(shape)}")
        flat = np.ravel_multi_index(tuple(places.T), shape) if places.ndim == 2 else places
        dense = np.zeros(count, values.dtype)
        dense[flat] = values
        return dense.reshape(shape)


def _checked(shape: tuple[int, ...]) -> tuple[tuple[int, ...], int]:
    """Return a shape and its number of elements."""
    for size in shape:
        if size < 0:
            raise ParseError(f"it has the dimension {size}")
    count = math.prod(shape)
    if count > MAX_ELEMENTS:
        raise ParseError(f"its shape {dims(shape)} has {count} elements, more than {MAX_ELEMENTS}")
    return shape, count
