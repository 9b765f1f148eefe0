"""``net.to_onnx``: a net as a file of standard ONNX operators."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import onnx
from onnx import ModelProto, helper

from jaxdnn.errors import FileError, InputError, UnsupportedLayerError
from jaxdnn.importers.files import replacing
from jaxdnn.initialize import require_complete
from jaxdnn.ir import Source
from jaxdnn.lowering import Program
from jaxdnn.lowering.places import type_name
from jaxdnn.net import Net
from jaxdnn.onnx.plan import Plan, plans
from jaxdnn.onnx.writer import Refused, Writer
from jaxdnn.policy import Policy

OPSETS = range(13, 22)
"""The versions of ai.onnx that files can be written in."""

DEFAULT_OPSET = 17

Batch = str | int | None
Shapes = Mapping[str, tuple[int, ...]]

_ANY = "batch"
_MOST_BYTES = 2**31 - 2**20
"""What protobuf can hold; a larger model keeps its numbers in a file of their own."""

_EXPORTED, _HALF = Policy(), Policy("float16", "float16", "float32")


def to_onnx(
    net: Net,
    path: str | os.PathLike[str] | None = None,
    *,
    opset: int = DEFAULT_OPSET,
    batch: Batch = None,
    input_shapes: Shapes | None = None,
    fp16: bool = False,
) -> ModelProto:
    """Return a net as an ONNX model, and write it if a path is given. See docs/onnx.md.

    Args:
        net: with all of its parameters. Its policy does not count.
        path: of the file. Numbers beyond 2 GiB go to a second file, ``<path>.data``.
        opset: version of the standard operators, one of :data:`OPSETS`.
        batch: a name for any batch; a size; or None for any batch, called ``batch``, if the net allows that, and
            else the stated one.
        input_shapes: by name, sizes of inputs that are not to be the stated ones.
        fp16: whether parameters are stored and layers compute in float16. Sums, exponentials and boxes stay
            float32 as under the policy ``float16``; so do inputs and outputs.

    Returns:
        the model, whose inputs, outputs and parameters have the net's names.

    Raises:
        UnsupportedLayerError: standard operators cannot express some layers; all of them are named.
        JaxdnnError: an argument is wrong, parameters are missing, or the file cannot be written.
    """
    if opset not in OPSETS:
        raise InputError(f"opset must be {OPSETS[0]} to {OPSETS[-1]}, got {opset}")
    named = isinstance(batch, str) and batch
    if batch is not None and not (named or (isinstance(batch, int) and batch > 0)):
        raise InputError(f"batch must be a name or a size from 1, got {batch!r}")
    require_complete(list(net.missing))
    prepared = _prepared(net, input_shapes or {}, _HALF if fp16 else _EXPORTED)
    tried, why = plans(prepared, batch)
    model = _first(prepared, tried, why, opset, batch)
    if model.ByteSize() < _MOST_BYTES:
        onnx.checker.check_model(model, full_check=True)
    if path is not None:
        _write(model, Path(path))
    return model


def _prepared(net: Net, shapes: Shapes, policy: Policy) -> Net:
    """Return the net with other sizes of inputs and another policy."""
    inputs = {value.name: value for value in net.graph.inputs}
    for name, sizes in shapes.items():
        if name not in inputs:
            raise InputError(f"input_shapes names {name!r}; the inputs are {', '.join(map(repr, inputs))}")
        stated = inputs[name].shape
        if stated is not None and len(stated) != len(sizes):
            raise InputError(
                f"input {name!r} has {len(stated)} axes, and input_shapes gives {len(sizes)} sizes"
            )
        inputs[name] = replace(inputs[name], shape=tuple(sizes))
    graph = replace(net.graph, inputs=tuple(inputs.values()))
    program = Program(graph, policy=policy, custom_layers=net.program.custom_layers, stored=net.stored)
    return replace(net, program=program)


def _first(net: Net, tried: list[Plan], why: str, opset: int, batch: Batch) -> ModelProto:
    """Return the model of the first plan that can be written.

    Raises:
        UnsupportedLayerError: none can; the layers are those of the last one.
    """
    name = batch if isinstance(batch, str) else _ANY
    refused: list[Refused] = []
    for plan in tried:
        writer = Writer(plan, opset, name)
        refused = writer.write()
        if not refused:
            return _model(
                writer, net.source, "any" if len(plan.batches) > 1 else f"{plan.batches[0]}{_because(why)}"
            )
        why = why or _text(refused[0])
    if not refused:
        raise InputError(f"{net.name!r} has no open batch: {why or 'no input has one'}")
    layers = "; ".join(map(_text, refused))
    raise UnsupportedLayerError(f"ONNX has no standard operators for {len(refused)} of the layers: {layers}")


def _because(why: str) -> str:
    return f": {why}" if why else ""


def _text(refused: Refused) -> str:
    node, reason = refused
    return f"{node.name!r} ({type_name(node)}): {reason}"


def _model(writer: Writer, source: Source, batch: str) -> ModelProto:
    model = helper.make_model(
        writer.graph(),
        opset_imports=[helper.make_opsetid("", writer.opset)],
        producer_name="jaxdnn",
        producer_version=version("jaxdnn"),
    )
    model.ir_version = helper.find_min_ir_version_for(list(model.opset_import))
    helper.set_model_props(model, _properties(source, batch))
    return model


def _properties(source: Source, batch: str) -> dict[str, str]:
    """Return what the file says of itself: where it came from, its batch, and what pictures go through before."""
    files = ", ".join(Path(file).name for file in source.files)
    preprocessing: dict[str, Any] = dict(source.preprocessing)
    return {
        "source_format": source.format,
        "batch": batch,
        **({"source_files": files} if files else {}),
        **({"preprocessing": json.dumps(preprocessing, default=str)} if preprocessing else {}),
    }


def _write(model: ModelProto, path: Path) -> None:
    """Write a model in one file, or in two, which are checked then.

    Raises:
        FileError: the system refuses.
    """
    apart = model.ByteSize() >= _MOST_BYTES
    try:
        if apart:
            data = path.with_name(f"{path.name}.data")
            data.unlink(missing_ok=True)  # onnx appends to a file that exists
            onnx.save_model(model, path, save_as_external_data=True, location=data.name)
            onnx.checker.check_model(path, full_check=True)
        else:
            with replacing(path) as file:
                file.write(model.SerializeToString())
    except OSError as error:
        raise FileError(f"cannot be written: {error.strerror or error}", file=str(path)) from error
