"""``jaxdnn optimize``: what passes remove from a network."""

from __future__ import annotations

import click
import numpy as np

from jaxdnn.cli.console import print_json, print_table, status
from jaxdnn.cli.options import network_options
from jaxdnn.loader import load
from jaxdnn.net import Net
from jaxdnn.optimize import optimize as optimize_net
from jaxdnn.passes.report import HEADERS, NUMERIC


@click.command(
    epilog="""\b
Examples:
  jaxdnn optimize deploy.prototxt net.caffemodel
  jaxdnn optimize --pass fold_batch_norm --pass prune yolov4.cfg yolov4.weights
  jaxdnn optimize --json --input-shape image=1,300,300,3 graph.pb"""
)
@click.argument("model")
@click.argument("weights", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--pass",
    "passes",
    metavar="NAME",
    multiple=True,
    help="Run this pass instead of all; several run in the order given.",
)
@network_options
def optimize(
    model: str,
    weights: str | None,
    as_json: bool,
    passes: tuple[str, ...],
    stages: tuple[str, ...],
    level: int,
    input_shapes: tuple[tuple[str, tuple[int, ...]], ...],
) -> None:
    """Show what optimising removes from the network in the file MODEL.

    The table has the layers that each pass removed, added and altered, and by how much the network's parameters and
    constants grew or shrank. Nothing is written. Without WEIGHTS, what passes do with weights is left out.
    """
    with status(f"Optimising {model}", quiet=as_json):
        before = load(model, weights, stages=stages, level=level, input_shapes=dict(input_shapes))
        after, report = optimize_net(before, passes=passes or None)
        sizes = {"before": _size(before), "after": _size(after)}
    if as_json:
        print_json({**report.to_dict(), **sizes})
        return
    footer = ", ".join(
        f"{counted} {_text(old)} → {_text(sizes['after'][counted])}"
        for counted, old in sizes["before"].items()
    )
    print_table(HEADERS, report.rows(), numeric=NUMERIC, footer=f"\n{footer}")


def _size(net: Net) -> dict[str, int | None]:
    """Return what a net is counted in; how many operations it takes is not known while sizes are open."""
    if any(spec.shape is None or None in spec.shape for spec in net.inputs.values()):
        parameters = sum(np.size(array) for slots in net.stored.values() for array in slots.values())
        return {"layers": len(net.graph.nodes), "parameters": parameters, "flops": None}
    summary = net.summary()
    return {"layers": len(summary.rows), "parameters": summary.parameters, "flops": summary.flops}


def _text(count: int | None) -> str:
    return "?" if count is None else f"{count:,}"
