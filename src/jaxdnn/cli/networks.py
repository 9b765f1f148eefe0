"""Networks to run: from their own files, or from artifacts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from jaxdnn.artifact.files import is_artifact
from jaxdnn.artifact.loading import Artifact, load_artifact
from jaxdnn.detection import is_head
from jaxdnn.image import is_picture
from jaxdnn.ir import Graph
from jaxdnn.loader import load
from jaxdnn.net import Net

Network = Net | Artifact


def split_files(model: str, others: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Split arguments into a network's files and pictures: what follows the model is its weights or a picture."""
    count = 0 if is_artifact(model) or any(map(is_picture, others[:1])) else 1
    if len(others) <= count:
        raise click.UsageError("Missing argument 'IMAGES...'.")
    return (model, *others[:count]), tuple(others[count:])


def open_network(files: Sequence[str], *, trust: bool, **options: Any) -> Network:
    """Load an artifact, or a network's own files.

    Args:
        files: their paths.
        trust: whether an artifact's machine code and programs may run.
        options: arguments of :func:`jaxdnn.load`, of which an artifact takes none.
    """
    if is_artifact(files[0]):
        if any(options.values()):
            raise click.UsageError(
                "--input-shape, --stage and --level are for networks' own files, not for artifacts"
            )
        return load_artifact(files[0], trust=trust)
    if trust:
        raise click.UsageError("--trust is for artifacts")
    return load(*files, **options)


def ends_of(network: Network) -> Graph:
    """Return a graph with the network's inputs and outputs; that of an artifact has no nodes."""
    return network.manifest.ends if isinstance(network, Artifact) else network.graph


def is_rows_of_boxes(network: Network, name: str) -> bool:
    """Whether an output is what the head of a YOLO detector yields."""
    if isinstance(network, Net):
        return is_head(network.graph, name)
    stated = network.manifest
    return name in stated.heads if name in stated.outputs else is_head(network.net.graph, name)
