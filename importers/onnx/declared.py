"""What a file says of the type and shape of a value."""

from __future__ import annotations

from typing import NamedTuple

import onnx

from jaxdnn.errors import GraphError, ParseError
from jaxdnn.importers.onnx.tensors import dtype_of

Sizes = tuple[int | None, ...]


class Declared(NamedTuple):
    """A type.

    Attributes:
        shape: sizes, None for one that has a name or nothing; None if not even the rank is stated.
        dtype: numpy's name of the elements' type, ``object`` for strings.
        sequence: whether it is a sequence of tensors of that type.
    """

    shape: Sizes | None
    dtype: str
    sequence: bool = False


def declared(name: str, kind: onnx.TypeProto) -> Declared:
    """Return the type that a file declares for a value of this name. An optional value counts as given.

    Raises:
        JaxdnnError: it is none that an input can have.
    """
    if kind.HasField("optional_type"):
        kind = kind.optional_type.elem_type
    sequence = kind.HasField("sequence_type")
    if sequence:
        kind = kind.sequence_type.elem_type
    if kind.WhichOneof("value") != "tensor_type" or not kind.tensor_type.elem_type:
        raise GraphError(f"input {name!r} is neither a tensor nor a sequence of tensors")
    tensor = kind.tensor_type
    try:
        dtype = str(dtype_of(tensor.elem_type))
    except ParseError as error:
        raise ParseError(f"input {name!r}: {error.message}") from error
    if sequence or not tensor.HasField("shape"):
        return Declared(None, dtype, sequence)
    return Declared(tuple(map(_size, tensor.shape.dim)), dtype)


def _size(axis: onnx.TensorShapeProto.Dimension) -> int | None:
    return axis.dim_value if axis.HasField("dim_value") and axis.dim_value >= 0 else None
