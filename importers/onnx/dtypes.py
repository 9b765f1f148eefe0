"""Element types: what ONNX numbers and numpy names."""

from __future__ import annotations

import onnx

from jaxdnn.errors import LayerError
from jaxdnn.importers.onnx.builder import OnnxBuilder
from jaxdnn.importers.onnx.registry import NodeSource

NARROW_FLOATS = (
    *("float16", "bfloat16"),
    *(
        "float8_e4m3fn",
        "float8_e4m3fnuz",
        "float8_e5m2",
        "float8_e5m2fnuz",
        "float8_e8m0fnu",
        "float4_e2m1fn",
    ),
)
"""The types whose numbers a program computes with in another one."""


def dtype_of(b: OnnxBuilder, value: str) -> str:
    """Return numpy's name of the type of a value as the file tells it, ``object`` of strings; float32 by default."""
    array = b.constant(value)
    if array is not None:
        return str(array.dtype)
    number = b.type_of(value).tensor_type.elem_type
    return "object" if number == onnx.TensorProto.STRING else _name(number) or "float32"


def is_floating(b: OnnxBuilder, value: str) -> bool:
    """Return whether a value holds floating numbers, as far as the file tells."""
    dtype = dtype_of(b, value)
    return dtype in NARROW_FLOATS or dtype.startswith(("float", "complex"))


def dtype_attribute(node: NodeSource, name: str, default: str = "") -> str:
    """Return numpy's name of the type that an attribute states.

    Raises:
        LayerError: it is no type of numbers, or it is not stated and there is no default.
    """
    if default and not node.attributes.integer(name, 0):
        return default
    return _checked(name, node.attributes.integer(name))


def dtype_named(node: NodeSource, name: str) -> str:
    """Return numpy's name of the type whose ONNX name an attribute states, see :func:`dtype_attribute`."""
    text = node.attributes.text(name)
    numbers = dict(onnx.TensorProto.DataType.items())
    if text.upper() not in numbers:
        raise LayerError(f"attribute {name!r} must be a type of numbers, got {text!r}")
    return _checked(name, numbers[text.upper()])


def _checked(name: str, number: int) -> str:
    found = _name(number)
    if found is None:
        known = number in onnx.TensorProto.DataType.values()
        shown = onnx.TensorProto.DataType.Name(number) if known else str(number)
        raise LayerError(f"attribute {name!r} must be a type of numbers, got {shown}")
    return found


def _name(number: int) -> str | None:
    if number in (onnx.TensorProto.UNDEFINED, onnx.TensorProto.STRING):
        return None
    try:
        return str(onnx.helper.tensor_dtype_to_np_dtype(number))
    except KeyError:
        return None
