"""``jaxdnn text-graph``: the text graph that OpenCV needs beside a frozen detector."""

from __future__ import annotations

import os
from typing import Any

import click

from jaxdnn.cli.console import status
from jaxdnn.cli.options import output_options, parse_numbers, parse_size, require_new
from jaxdnn.errors import FileError
from jaxdnn.importers.files import replacing


@click.command(
    "text-graph",
    epilog="""\b
Examples:
  jaxdnn text-graph frozen_inference_graph.pb pipeline.config -o ssd.pbtxt
  jaxdnn text-graph efficientdet-d0.pb --size 512 -o efficientdet-d0.pbtxt""",
)
@click.argument("model")
@click.argument("config", required=False)
@output_options
@click.option(
    "--size",
    type=parse_size,
    metavar="SIZE",
    help="Size of the pictures, 512 or 640x480. [default: what the configuration or the graph states]",
)
@click.option(
    "--min-level",
    metavar="N",
    type=click.IntRange(0),
    help="EfficientDet: level of the finest feature map. [default: 3]",
)
@click.option(
    "--num-scales",
    metavar="N",
    type=click.IntRange(1),
    help="EfficientDet: sizes of anchors on each level. [default: 3]",
)
@click.option(
    "--anchor-scale",
    metavar="NUMBER",
    type=float,
    help="EfficientDet: side of the smallest anchors in cells. [default: 4]",
)
@click.option(
    "--aspect-ratios",
    type=parse_numbers,
    metavar="NUMBERS",
    help="EfficientDet: factors of width and height, pair by pair. [default: 1,1,1.4,0.7,0.7,1.4]",
)
def text_graph_command(
    model: str,
    config: str | None,
    path: str,
    force: bool,
    size: tuple[int, int] | None,
    min_level: int | None,
    num_scales: int | None,
    anchor_scale: float | None,
    aspect_ratios: tuple[float, ...] | None,
) -> None:
    """Write the text graph of the detector in the file MODEL.

    MODEL is a frozen graph of TensorFlow's Object Detection API and CONFIG its pipeline.config; or MODEL is an
    EfficientDet of AutoML's, which has no CONFIG. OpenCV, and jaxdnn too, load MODEL together with the text graph.
    """
    from jaxdnn.importers.tensorflow.textgraphs import AutomlAnchors, text_graph  # as heavy as loading

    require_new(path, force=force)
    stated = {
        "min_level": min_level,
        "num_scales": num_scales,
        "anchor_scale": anchor_scale,
        "aspect_ratios": aspect_ratios and _pairs(aspect_ratios),
    }
    given: dict[str, Any] = {name: value for name, value in stated.items() if value is not None}
    with status(f"Reading {model}", quiet=False):
        graph = text_graph(model, config, size=size, anchors=AutomlAnchors(**given) if given else None)
    _write(path, graph.text)
    click.echo(
        f"{path}: {graph.detector}, {graph.nodes} nodes, output {', '.join(graph.outputs)}; "
        f"{graph.left_out} nodes of {os.path.basename(model)} left out"
    )


def _pairs(numbers: tuple[float, ...]) -> tuple[tuple[float, float], ...]:
    if len(numbers) % 2:
        raise click.BadParameter(
            f"{len(numbers)} numbers are no pairs of width and height", param_hint="--aspect-ratios"
        )
    return tuple(zip(numbers[::2], numbers[1::2], strict=True))


def _write(path: str, text: str) -> None:
    try:
        with replacing(path) as file:
            file.write(text.encode())
    except OSError as error:
        raise FileError(f"cannot be written: {error.strerror or error}", file=path) from error
