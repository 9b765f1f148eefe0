"""``jaxdnn run``: a network's answers for pictures."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click
import numpy as np

from jaxdnn.artifact.loading import Artifact
from jaxdnn.artifact.runners import Origin
from jaxdnn.cli.console import print_json, status
from jaxdnn.cli.feeding import Feeder
from jaxdnn.cli.labels import read_labels
from jaxdnn.cli.networks import ends_of, open_network, split_files
from jaxdnn.cli.options import network_options, picture_options, trust_option
from jaxdnn.cli.preprocessing import Preprocessing
from jaxdnn.cli.reading import Reading, read_outputs
from jaxdnn.cli.results import Result
from jaxdnn.drawing import draw
from jaxdnn.errors import FileError
from jaxdnn.image import read_image, write_image


@click.command(
    epilog="""\b
Examples:
  jaxdnn run deploy.prototxt net.caffemodel cat.jpg --mean 104,117,123 --labels synset_words.txt
  jaxdnn run ssd.prototxt ssd.caffemodel street.jpg --mean 127.5 --scale 0.007843 --draw out.png
  jaxdnn run yolov4.cfg yolov4.weights street.jpg --labels coco.names --draw out.png --letterbox
  jaxdnn run net.prototxt net.caffemodel *.jpg --output fc7 --json
  jaxdnn run net.onnx cat.jpg
  jaxdnn run net.jaxdnn cat.jpg --trust"""
)
@click.argument("model", metavar="MODEL [WEIGHTS] | ARTIFACT")
@click.argument("others", metavar="IMAGES...", nargs=-1)
@picture_options
@trust_option
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
    others: tuple[str, ...],
    preprocessing: Preprocessing,
    trust: bool,
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
    """Run a network on pictures.

    It is in the file MODEL, with WEIGHTS in a file of their own or not, or in ARTIFACT, which has its own preprocessing
    and labels; the last line then says what of it computed. Detections are listed with boxes in pixels of the picture.
    A probability distribution, or an output with as many numbers as there are labels, is listed as its best classes; of
    all other outputs shape, smallest, largest and mean value are shown.
    """
    files, images = split_files(model, others)
    named = read_labels(labels) if labels else None
    with status(f"Loading {files[-1]}", quiet=as_json):
        network = open_network(
            files, trust=trust, stages=stages, level=level, input_shapes=dict(input_shapes)
        )
    if named is None:
        named = dict(enumerate(network.manifest.labels)) if isinstance(network, Artifact) else {}
    reading = Reading(named, top, threshold, overlap)
    feeder = Feeder.of(ends_of(network), network.source, preprocessing)
    if network.source.preprocessing.get("mean_file") and not preprocessing.mean:
        click.echo("Warning: the net's mean_file is not read: give --mean", err=True)
    targets = _drawing_paths(drawing, images)
    report = []
    origins: dict[Origin, None] = {}
    if not as_json:
        click.echo(feeder)
    for start in range(0, len(images), batch):
        paths = images[start : start + batch]
        pictures = [read_image(path) for path in paths]
        with status(f"Computing {', '.join(paths)}", quiet=as_json):
            feeds, fits = feeder.feed(pictures)
            results = list(read_outputs(network, network(feeds, outputs=outputs or None), fits, reading))
            if isinstance(network, Artifact):
                origins[network.origin_of(feeds, outputs=outputs or None)] = None
        for path, picture, named_results in zip(paths, pictures, results, strict=True):
            if drawing is not None:
                marks = [mark for result in named_results.values() for mark in result.marks()]
                write_image(targets[path], draw(picture, marks))
            if as_json:
                report.append(_entry(path, picture, named_results))
            else:
                _print(path, picture, named_results)
    how: dict[str, list[str]] = {}
    if isinstance(network, Artifact):
        how = {"origins": [*origins], "notes": [*network.notes[len(network.manifest.notes) :]]}
    if as_json:
        print_json({"network": network.name, "preprocessing": feeder.to_dict(), "pictures": report, **how})
    elif how:
        click.echo(f"\nComputed by: {'; '.join([', '.join(how['origins']), *how['notes']])}")


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
