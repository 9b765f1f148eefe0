"""From a file to a model."""

from __future__ import annotations

from collections.abc import Container, Iterable

import onnx
from google.protobuf.message import DecodeError

from jaxdnn.errors import GraphError, ParseError, located
from jaxdnn.importers.files import basename
from jaxdnn.importers.onnx import rules as _rules  # noqa: F401  (registers all rules)
from jaxdnn.importers.onnx.builder import OnnxBuilder
from jaxdnn.importers.onnx.scope import STANDARD, Scope
from jaxdnn.ir import Model, Source


def load_model(
    paths: list[str],
    *,
    inputs: Iterable[str] | None = None,
    outputs: Iterable[str] | None = None,
    custom: Container[str] = (),
) -> Model:
    """Read an ONNX model.

    Args:
        paths: of the file.
        inputs: what a call feeds instead of the graph's inputs.
        outputs: what a call returns instead of the graph's outputs.
        custom: the operators that functions of the user compute, known ones too.

    Raises:
        JaxdnnError: the file cannot be read or does not make sense; the message says where.
    """
    (path,) = paths
    with located(file=path):
        model = onnx.ModelProto()
        try:
            with open(path, "rb") as file:
                model.ParseFromString(file.read())
        except DecodeError as error:
            raise ParseError("not an ONNX model, or cut short") from error
        if not model.HasField("graph"):
            raise ParseError("not an ONNX model: it holds no graph")
        return _import(model, path, outputs, custom)


def _import(
    model: onnx.ModelProto, path: str, outputs: Iterable[str] | None, custom: Container[str]
) -> Model:
    versions = {"" if item.domain in STANDARD else item.domain: item.version for item in model.opset_import}
    functions = {(function.domain, function.name): function for function in model.functions}
    builder = OnnxBuilder(versions, functions, path, custom)
    stored = {tensor.name for tensor in model.graph.initializer}
    given = {}
    for value in model.graph.input:
        if value.name not in stored:
            given[value.name] = builder.input(value.name, _shape(value), _dtype(value))
    scope = Scope(builder, model.graph, given)
    names = tuple(outputs or (output.name for output in model.graph.output))
    values = scope.compute(names)
    aliases = {**scope.values, **dict(zip(names, values, strict=True))}
    aliases = {name: value for name, value in aliases.items() if name != value}
    return builder.finish(basename(path), names, aliases, Source("onnx", (path,), {}))


def _shape(value: onnx.ValueInfoProto) -> tuple[int | None, ...] | None:
    tensor = value.type.tensor_type
    if not tensor.HasField("shape"):
        return None
    return tuple(axis.dim_value if axis.HasField("dim_value") else None for axis in tensor.shape.dim)


def _dtype(value: onnx.ValueInfoProto) -> str:
    kind = value.type.tensor_type.elem_type
    if not kind:
        raise GraphError(f"input {value.name!r} is not a tensor")
    return str(onnx.helper.tensor_dtype_to_np_dtype(kind))
