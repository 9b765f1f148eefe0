"""``jaxdnn inspect``: a network's layers, without running it."""

from __future__ import annotations

import click

from jaxdnn.artifact.files import is_artifact
from jaxdnn.cli.artifacts import print_artifact, read_stored_graph
from jaxdnn.cli.console import print_json, print_table, status
from jaxdnn.cli.options import network_options
from jaxdnn.importers import load_model
from jaxdnn.loader import load
from jaxdnn.summary import NUMERIC


@click.command(
    epilog="""\b
Examples:
  jaxdnn inspect deploy.prototxt
  jaxdnn inspect --json deploy.prototxt net.caffemodel
  jaxdnn inspect --input-shape data=1,3,320,320 deploy.prototxt
  jaxdnn inspect net.jaxdnn"""
)
@click.argument("model")
@click.argument("weights", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--graph", is_flag=True, help="Print the graph as text, also if it has layers of unknown types."
)
@click.option("--recipes", is_flag=True, help="Show how a CPU computes convolutions and dense layers.")
@network_options
def inspect(
    model: str,
    weights: str | None,
    as_json: bool,
    graph: bool,
    recipes: bool,
    stages: tuple[str, ...],
    level: int,
    input_shapes: tuple[tuple[str, tuple[int, ...]], ...],
) -> None:
    """Show the layers of the network in the file MODEL.

    The table has the layers' shapes for the input sizes that the file states, how many numbers they hold,
    floating-point operations per call and the size of what they compute. With WEIGHTS, their shapes are
    checked too. Of an artifact the table has what it holds, and what of that can be used on this machine.
    """
    if is_artifact(model):
        if weights is not None or stages or level or input_shapes:
            raise click.UsageError("an artifact has no WEIGHTS, and no --input-shape, --stage or --level")
        if graph:
            click.echo(read_stored_graph(model))
        else:
            print_artifact(model, as_json=as_json)
        return
    if graph:
        paths = [path for path in (model, weights) if path is not None]
        click.echo(load_model(paths, stages=stages, level=level).graph)
        return
    with status(f"Loading {model}", quiet=as_json):
        net = load(model, weights, stages=stages, level=level, input_shapes=dict(input_shapes))
        summary = net.summary(recipes=recipes)
    if as_json:
        print_json(summary.to_dict())
        return
    click.echo(f"{summary.head}\n")
    print_table(summary.headers, summary.cells, numeric=NUMERIC, footer=f"\n{summary.foot}")
