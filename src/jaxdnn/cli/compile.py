"""``jaxdnn compile``: machine code for this machine, added to an artifact."""

from __future__ import annotations

from typing import Any

import click

from jaxdnn.artifact.compiling import add_executables
from jaxdnn.cli.artifacts import print_artifact
from jaxdnn.cli.console import status
from jaxdnn.cli.options import parse_batch, parse_shape, trust_option


@click.command(
    "compile",
    epilog="""\b
Examples:
  jaxdnn compile net.jaxdnn
  jaxdnn compile net.jaxdnn --batch 1,8,32""",
)
@click.argument("artifact")
@click.option(
    "--batch",
    type=parse_batch,
    metavar="N,…",
    help="Sizes of the batch to compile for. [default: those that batches are filled up to, or the stated one]",
)
@click.option(
    "--input-shape",
    "input_shapes",
    type=parse_shape,
    metavar="NAME=N,C,H,W",
    multiple=True,
    help="Shape of an input that the artifact leaves open or that you want otherwise.",
)
@trust_option
def compile_command(
    artifact: str,
    batch: str | int | tuple[int, ...] | None,
    input_shapes: tuple[tuple[str, tuple[int, ...]], ...],
    trust: bool,
) -> None:
    """Add machine code for this machine to ARTIFACT.

    Another machine's code stays in the file. An artifact without a graph needs --trust.
    """
    shapes: dict[str, Any] = dict(input_shapes)
    with status(f"Compiling {artifact}", quiet=False):
        add_executables(artifact, batch=batch, shapes=shapes, trust=trust)
    print_artifact(artifact)
