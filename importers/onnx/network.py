"""From a file to a model."""

from __future__ import annotations

import json
import os
from collections.abc import Container, Iterable
from typing import Any

import onnx
from google.protobuf.message import DecodeError
from onnx import defs

from jaxdnn.errors import GraphError, InputError, ParseError, located, some
from jaxdnn.importers.files import basename
from jaxdnn.importers.onnx import rules as _rules  # noqa: F401  (registers all rules)
from jaxdnn.importers.onnx.builder import OnnxBuilder
from jaxdnn.importers.onnx.declared import Declared, declared
from jaxdnn.importers.onnx.external import ExternalFiles
from jaxdnn.importers.onnx.functions import Key
from jaxdnn.importers.onnx.graphs import Body, domain_of
from jaxdnn.importers.onnx.scope import Scope
from jaxdnn.importers.onnx.tensors import dtype_of
from jaxdnn.importers.onnx.texts import check_texts
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
        inputs: what a call feeds instead of the graph's inputs: any of its values, initializers too.
        outputs: what a call returns instead of the graph's outputs.
        custom: the operators that functions of the user compute, known ones too: by name, or as ``domain::name``.

    Raises:
        JaxdnnError: the file cannot be read or does not make sense; the message says where.
    """
    if len(paths) != 1:
        raise InputError("an ONNX model is one file, which names those that hold its weights itself")
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
        check_texts(model)
        return _import(model, path, tuple(inputs or ()), outputs, custom)


def _import(
    model: onnx.ModelProto,
    path: str,
    inputs: tuple[str, ...],
    outputs: Iterable[str] | None,
    custom: Container[str],
) -> Model:
    versions = _versions(model)
    files = ExternalFiles(os.path.dirname(os.path.abspath(path)))
    builder = OnnxBuilder(model, _functions(model), path, files, custom)
    body = Body.of(model.graph)
    names = tuple(body.outputs if outputs is None else outputs)
    if not names:
        raise GraphError("the graph has no outputs: name them")
    known = {*body.inputs, *body.stored, *body.producers}
    for name in (*inputs, *(outputs or ())):
        if name not in known:
            raise InputError(f"the graph has no value {name!r}; it has {some(list(body.producers))}")
    scope = Scope(builder, body, _given(builder, model.graph, body, inputs), versions)
    values = scope.compute(names)
    aliases = {**scope.values, **dict(zip(names, values, strict=True))}
    aliases = {name: value for name, value in aliases.items() if name != value}
    return builder.finish(basename(path), names, aliases, Source("onnx", (path,), _preprocessing(model)))


def _given(b: OnnxBuilder, graph: onnx.GraphProto, body: Body, inputs: tuple[str, ...]) -> dict[str, str]:
    """Add the graph's inputs and what else is fed; an input that is an initializer too is one if that is wanted."""
    given = {}
    for value in graph.input:
        if value.name in given:
            raise GraphError(f"input {value.name!r} is declared twice")
        if value.name not in body.stored:
            given[value.name] = _input(b, value.name, declared(value.name, value.type))
    inferred = {value.name: value for value in (*graph.value_info, *graph.output)}
    for name in dict.fromkeys(inputs):
        if name in body.stored:
            stored = body.stored[name]
            values = stored if isinstance(stored, onnx.TensorProto) else stored.values
            given[name] = b.input(name, tuple(stored.dims), str(dtype_of(values.data_type)))
        elif name not in given:
            known = declared(name, inferred[name].type) if name in inferred else Declared(None, "float32")
            given[name] = _input(b, name, known)
    return given


def _input(b: OnnxBuilder, name: str, value: Declared) -> str:
    return b.input(name, value.shape, value.dtype, sequence=value.sequence)


def _versions(model: onnx.ModelProto) -> dict[str, int]:
    """Return the version of each domain's operators.

    Raises:
        GraphError: there is no such version, or the installed package does not know it yet.
    """
    if model.ir_version > onnx.IR_VERSION:
        raise GraphError(
            f"version {model.ir_version} of the format is newer than {onnx.IR_VERSION}, the newest that "
            f"the installed onnx {onnx.__version__} knows"
        )
    versions: dict[str, int] = {}
    for item in model.opset_import:
        domain = domain_of(item)
        if versions.setdefault(domain, item.version) != item.version:
            raise GraphError(
                f"two versions of the operators of {domain or 'ai.onnx'!r} are stated, "
                f"{versions[domain]} and {item.version}"
            )
        newest = defs.onnx_opset_version()
        if item.version < 1 or (not domain and item.version > newest):
            raise GraphError(
                f"operator set {item.version} of {domain or 'ai.onnx'!r} is unknown: the installed onnx "
                f"{onnx.__version__} knows 1 to {newest} of ai.onnx"
            )
    if not versions and model.ir_version < 3:
        versions[""] = 1
    return versions


def _functions(model: onnx.ModelProto) -> dict[Key, onnx.FunctionProto]:
    functions: dict[Key, onnx.FunctionProto] = {}
    for function in model.functions:
        key = domain_of(function), function.name, function.overload
        if key in functions:
            raise GraphError(f"two functions are called {function.name!r}")
        functions[key] = function
    return functions


def _preprocessing(model: onnx.ModelProto) -> dict[str, Any]:
    """Return what the file says of its input pictures, if jaxdnn wrote it."""
    for entry in model.metadata_props:
        if entry.key == "preprocessing":
            try:
                stated = json.loads(entry.value)
            except ValueError:
                return {}
            return stated if isinstance(stated, dict) else {}
    return {}
