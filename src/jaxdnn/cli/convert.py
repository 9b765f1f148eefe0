"""``jaxdnn convert``: a network as an ONNX file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from jaxdnn.cli.console import print_json, status
from jaxdnn.cli.options import network_options, output_options, parse_batch, require_new
from jaxdnn.loader import load
from jaxdnn.tables import quantity


@click.command(
    epilog="""\b
Examples:
  jaxdnn convert deploy.prototxt net.caffemodel -o net.onnx
  jaxdnn convert yolov4.cfg yolov4.weights -o yolov4.onnx --fp16
  jaxdnn convert graph.pb -o net.onnx --opset 13 --batch 1 --input-shape image=1,300,300,3
  jaxdnn compare deploy.prototxt net.caffemodel net.onnx cat.jpg"""
)
@click.argument("model")
@click.argument("weights", required=False)
@output_options
@click.option("--opset", metavar="N", type=int, help="Version of the ONNX operators. [default: 17]")
@click.option(
    "--batch",
    type=parse_batch,
    metavar="BATCH",
    help="A name for any size, or one size. [default: any size if the layers allow that]",
)
@click.option("--fp16", is_flag=True, help="Store and compute in float16; inputs and outputs stay float32.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@network_options
def convert(
    model: str,
    weights: str | None,
    path: str,
    force: bool,
    opset: int | None,
    batch: Any,
    fp16: bool,
    as_json: bool,
    stages: tuple[str, ...],
    level: int,
    input_shapes: tuple[tuple[str, tuple[int, ...]], ...],
) -> None:
    """Write the network in the file MODEL as an ONNX file of standard operators.

    Inputs, outputs, layers and parameters keep their names. Layers that ONNX cannot express are all named in one
    error, and nothing is written.
    """
    require_new(path, force=force)
    with status(f"Converting {model}", quiet=as_json):
        net = load(model, weights, stages=stages, level=level, input_shapes=dict(input_shapes))
        given = {} if opset is None else {"opset": opset}
        written = _described(net.to_onnx(path, batch=batch, fp16=fp16, **given))
    if as_json:
        print_json(written)
        return
    click.echo(
        f"{path}: opset {written['opset']}, {written['nodes']} nodes, {quantity(written['bytes'], 'B')}, "
        f"batch {written['batch']}"
    )
    for kind in ("inputs", "outputs"):
        for name, text in written[kind].items():
            click.echo(f"  {kind[:-1]} {name}: {text}")


def _described(model: Any) -> Mapping[str, Any]:
    """Return what there is to say of a model that was written."""
    properties = {entry.key: entry.value for entry in model.metadata_props}
    return {
        "opset": model.opset_import[0].version,
        "nodes": len(model.graph.node),
        "bytes": model.ByteSize(),
        "batch": properties["batch"],
        "inputs": {value.name: _text(value.type.tensor_type) for value in model.graph.input},
        "outputs": {value.name: _text(value.type.tensor_type) for value in model.graph.output},
    }


def _text(tensor: Any) -> str:
    """Return a type and a shape as people write them: ``float32[batch, 3, 224, 224]``."""
    from onnx import helper  # as heavy as converting

    sizes = (
        size.dim_param or (str(size.dim_value) if size.HasField("dim_value") else "?")
        for size in tensor.shape.dim
    )
    return f"{helper.tensor_dtype_to_np_dtype(tensor.elem_type)}[{', '.join(sizes)}]"
