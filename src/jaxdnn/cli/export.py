"""``jaxdnn export``: a network as one file that starts at once."""

from __future__ import annotations

from typing import Any

import click

from jaxdnn.cli.artifacts import print_artifact
from jaxdnn.cli.console import status
from jaxdnn.cli.feeding import Feeder
from jaxdnn.cli.labels import read_label_list
from jaxdnn.cli.options import (
    output_options,
    parse_batch,
    parse_named_shape,
    picture_options,
    require_new,
    state_options,
)
from jaxdnn.cli.preprocessing import Preprocessing
from jaxdnn.loader import load
from jaxdnn.net import Net


@click.command(
    epilog="""\b
Examples:
  jaxdnn export deploy.prototxt net.caffemodel -o net.jaxdnn --mean 104,117,123 --labels words.txt
  jaxdnn export yolov4.cfg yolov4.weights -o yolo.jaxdnn --batch 1,8,32 --platform cuda
  jaxdnn export net.pb -o net.jaxdnn --batch 1,8 --tune 60
  jaxdnn export fcn.prototxt fcn.caffemodel -o fcn.jaxdnn --input-shape data=b,3,height,width
  jaxdnn run net.jaxdnn cat.jpg --trust"""
)
@click.argument("model")
@click.argument("weights", required=False)
@output_options
@click.option(
    "--batch",
    type=parse_batch,
    metavar="BATCH",
    help="A name for any size, one size, or several: 1,8,32 fills batches up to the next of these. "
    "[default: any size if the layers allow that]",
)
@click.option(
    "--input-shape",
    "input_shapes",
    type=parse_named_shape,
    metavar="NAME=N,C,H,W",
    multiple=True,
    help="Shape of an input; letters stand for any size, and 32*rows for multiples of 32.",
)
@click.option(
    "--platform",
    "platforms",
    metavar="NAME",
    multiple=True,
    help="cpu, cuda, rocm or tpu: what the program can be compiled for. [default: cpu and cuda]",
)
@click.option(
    "--policy",
    metavar="POLICY",
    default="float32",
    show_default=True,
    help="Floating-point types, such as mixed_float16.",
)
@click.option(
    "--executables/--no-executables",
    default=True,
    help="Store machine code for this machine. [default: yes]",
)
@click.option(
    "--graph/--no-graph",
    default=True,
    help="Store the graph, which needs no trust and outlives jax's formats. [default: yes]",
)
@click.option(
    "--tune",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    default=0,
    help="Look for so long for what is faster on this machine, for each size of the batch.",
)
@click.option("--labels", metavar="FILE", help="File of class names, as for run, which are stored.")
@click.option("--licence", metavar="TEXT", help="A note on the licence, which is stored.")
@picture_options
@state_options
def export(
    model: str,
    weights: str | None,
    path: str,
    force: bool,
    batch: str | int | tuple[int, ...] | None,
    input_shapes: tuple[tuple[str, tuple[int | str, ...]], ...],
    platforms: tuple[str, ...],
    policy: str,
    executables: bool,
    graph: bool,
    tune: float,
    labels: str | None,
    licence: str | None,
    preprocessing: Preprocessing,
    stages: tuple[str, ...],
    level: int,
) -> None:
    """Write a network as one file, an artifact.

    An artifact holds the parameters, the graph, a program for XLA and machine code for this machine, so that it
    starts without importing and compiling. What the options say of pictures is stored for jaxdnn run.
    """
    require_new(path, force=force)
    names = read_label_list(labels) if labels else ()
    with status(f"Loading {model}", quiet=False):
        net = _load(model, weights, input_shapes, preprocessing, stages=stages, level=level)
    with status(f"Exporting {net.name}", quiet=False) as say:
        net.export(
            path,
            batch=batch,
            shapes={name: sizes for name, sizes in input_shapes if not _is_fixed(sizes)},
            platforms=platforms or None,
            policy=policy,
            preprocess={**net.source.preprocessing, **preprocessing.said()},
            labels=names,
            licence=licence,
            executables=executables,
            graph=graph,
            tune=tune,
            report=say,
        )
    print_artifact(path)


def _load(
    model: str,
    weights: str | None,
    shapes: tuple[tuple[str, tuple[int | str, ...]], ...],
    preprocessing: Preprocessing,
    **options: Any,
) -> Net:
    """Load a network whose input has the size that pictures shall have."""
    fixed: dict[str, Any] = {name: sizes for name, sizes in shapes if _is_fixed(sizes)}
    net = load(model, weights, input_shapes=fixed, **options)
    if preprocessing.size is None:
        return net
    feeder = Feeder.of(net.graph, net.source, preprocessing)
    batch, channels, *_ = net.inputs[feeder.picture].shape or ()
    width, height = preprocessing.size
    fixed[feeder.picture] = (batch or 1, channels, height, width)
    return load(model, weights, input_shapes=fixed, **options)


def _is_fixed(sizes: tuple[int | str, ...]) -> bool:
    return all(isinstance(size, int) for size in sizes)
