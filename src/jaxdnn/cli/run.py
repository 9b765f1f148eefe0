"""``jaxdnn run``: a network's answers for pictures."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click
import numpy as np

from jaxdnn.cli.console import print_json, status
from jaxdnn.cli.feeding import Feeder
from jaxdnn.cli.labels import read_labels
from jaxdnn.cli.options import network_options, picture_options
from jaxdnn.cli.reading import Reading, read_outputs
from jaxdnn.cli.results import Result
from jaxdnn.drawing import draw
from jaxdnn.errors import FileError
from jaxdnn.image import Mode, Resizing, read_image, write_image
from jaxdnn.loader import load


@click.command(
    epilog="""\b
Examples:
  jaxdnn run deploy.prototxt net.caffemodel cat.jpg --mean 104,117,123 --labels synset_words.txt
  jaxdnn run ssd.prototxt ssd.caffemodel street.jpg --mean 127.5 --scale 0.007843 --draw out.png
  jaxdnn run yolov4.cfg yolov4.weights street.jpg --labels coco.names --draw out.png --letterbox
  jaxdnn run net.prototxt net.caffemodel *.jpg --output fc7 --json"""
)
@click.argument("model")
@click.argument("weights")
@click.argument("images", nargs=-1, required=True)
@picture_options
@click.option(
    "--labels", metavar="FILE", help="File of class names: one per line from class 0 on, or a label map."
)
@click.option(
    "--top",
    metavar="N",
    type=click.IntRange(1),
    default=5,
    show_default=True,
    help="How many classes to show.",
)
@click.option(
    "--threshold",
    metavar="SCORE",
    default=0.25,
    show_default=True,
    help="Least score of an object that is shown.",
)
@click.option(
    "--nms",
    "overlap",
    metavar="OVERLAP",
    default=0.45,
    show_default=True,
    help="Largest intersection over union of two boxes of one class, for the heads of YOLO detectors.",
)
@click.option(
    "--output",
    "outputs",
    metavar="NAME",
    multiple=True,
    help="Layer or blob to show. [default: the net's outputs]",
)
@click.option(
    "--batch", metavar="N", type=click.IntRange(1), default=1, show_default=True, help="Pictures per call."
)
@click.option(
    "--draw",
    "drawing",
    metavar="PATH",
    help="Picture file to draw the results into; a folder for several pictures.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@network_options
def run(
    model: str,
    weights: str,
    images: tuple[str, ...],
    mean: tuple[float, ...] | None,
    scale: tuple[float, ...] | None,
    size: tuple[int, int] | None,
    swap_rb: bool | None,
    mode: Mode | None,
    resizing: Resizing | None,
    labels: str | None,
    top: int,
    threshold: float,
    overlap: float,
    outputs: tuple[str, ...],
    batch: int,
    drawing: str | None,
    as_json: bool,
    stages: tuple[str, ...],
    level: int,
    input_shapes: tuple[tuple[str, tuple[int, ...]], ...],
) -> None:
    """Run the network in the files MODEL and WEIGHTS on pictures.

    Detections are listed with boxes in pixels of the picture. A probability distribution, or an output with
    as many numbers as there are labels, is listed as its best classes; of all other outputs shape, smallest,
    largest and mean value are shown.
    """
    reading = Reading(read_labels(labels) if labels else {}, top, threshold, overlap)
    with status(f"Loading {weights}", quiet=as_json):
        net = load(model, weights, stages=stages, level=level, input_shapes=dict(input_shapes))
    feeder = Feeder.of(net, size=size, mean=mean, scale=scale, swap_rb=swap_rb, mode=mode, resizing=resizing)
    if net.source.preprocessing.get("mean_file") and not mean:
        click.echo("Warning: the net's mean_file is not read: give --mean", err=True)
    targets = _drawing_paths(drawing, images)
    report = []
    if not as_json:
        click.echo(feeder)
    for start in range(0, len(images), batch):
        paths = images[start : start + batch]
        pictures = [read_image(path) for path in paths]
        with status(f"Computing {', '.join(paths)}", quiet=as_json):
            feeds, fits = feeder.feed(pictures)
            results = list(read_outputs(net, net(feeds, outputs=outputs or None), fits, reading))
        for path, picture, named in zip(paths, pictures, results, strict=True):
            if drawing is not None:
                marks = [mark for result in named.values() for mark in result.marks()]
                write_image(targets[path], draw(picture, marks))
            if as_json:
                report.append(_entry(path, picture, named))
            else:
                _print(path, picture, named)
    if as_json:
        print_json({"network": net.name, "preprocessing": feeder.to_dict(), "pictures": report})


def _drawing_paths(drawing: str | None, images: tuple[str, ...]) -> dict[str, str]:
    """Return where each picture is drawn to: one to the given file, several into it as a folder."""
    if drawing is None:
        return {}
    if len(images) == 1 and not os.path.isdir(drawing):
        return {images[0]: drawing}
    try:
        os.makedirs(drawing, exist_ok=True)
    except OSError as error:
        raise FileError(f"cannot be made a folder: {error.strerror}", file=drawing) from error
    return {image: os.path.join(drawing, f"{Path(image).stem}.png") for image in images}


def _entry(path: str, picture: np.ndarray, results: dict[str, Result]) -> dict[str, Any]:
    outputs = {name: result.to_dict() for name, result in results.items()}
    return {"file": path, "size": list(picture.shape[1::-1]), "outputs": outputs}


def _print(path: str, picture: np.ndarray, results: dict[str, Result]) -> None:
    click.echo(f"\n{path} ({picture.shape[1]}x{picture.shape[0]})")
    for name, result in results.items():
        click.echo()
        result.print(name)
