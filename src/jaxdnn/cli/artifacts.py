"""What commands show of artifacts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import click

from jaxdnn.artifact.files import CONSTANTS, GRAPH, PARAMS, Members, has_graph, read_artifact
from jaxdnn.artifact.graphs import read_graph
from jaxdnn.artifact.manifest import Manifest, Sizes, manifest_document
from jaxdnn.artifact.runners import obstacle
from jaxdnn.artifact.stablehlo import this_device
from jaxdnn.artifact.tensors import read_tensors
from jaxdnn.cli.console import print_json, print_table
from jaxdnn.errors import InputError, located
from jaxdnn.ir import Graph
from jaxdnn.tables import quantity

_FEW = 8
"""Labels that are shown."""


def print_artifact(path: str, *, as_json: bool = False) -> None:
    """Print what an artifact says of itself, what it holds, and which of that can be used on this machine.

    Raises:
        JaxdnnError: the file is none, or damaged.
    """
    manifest, members = read_artifact(path)
    if as_json:
        print_json(_document(manifest, members))
        return
    for name, value in _head(manifest):
        click.echo(f"{name:<15}{value}" if value else name)
    click.echo()
    with located(file=path):
        rows = list(_rows(manifest, members))
    print_table(("member", "size", "holds", "here"), rows, numeric=("size",))
    for note in manifest.notes:
        click.echo(f"\nnote: {note}")


def read_stored_graph(path: str) -> Graph:
    """Return the graph in an artifact.

    Raises:
        JaxdnnError: the file is none, is damaged, or has no graph.
    """
    _, members = read_artifact(path)
    with located(file=path):
        if not has_graph(members):
            raise InputError("the artifact has no graph")
        return read_graph(members[GRAPH], members[CONSTANTS])


def _document(manifest: Manifest, members: Members) -> dict[str, Any]:
    """Return the manifest for JSON, with the members' sizes, and beside each program why it cannot be used here."""
    document = manifest_document(manifest)
    device = this_device()
    for program, entry in zip(manifest.programs, document["programs"], strict=True):
        entry["unusable_here"] = obstacle(program, device)
    for executable, entry in zip(manifest.executables, document["executables"], strict=True):
        entry["unusable_here"] = obstacle(executable, device)
    return {**document, "members": {name: len(data) for name, data in members.items()}}


def _head(manifest: Manifest) -> Iterator[tuple[str, str]]:
    yield f"{manifest.name} ({manifest.policy}), from {manifest.source}", ""
    yield "inputs", ", ".join(f"{value.name}: {value.text}" for value in manifest.inputs)
    yield "outputs", ", ".join(f"{name}: {spec}" for name, spec in manifest.outputs.items())
    if manifest.batches:
        yield "batches", f"{', '.join(map(str, manifest.batches))}; others are filled up to the next of these"
    if manifest.preprocessing:
        yield "preprocessing", ", ".join(f"{name} {value}" for name, value in manifest.preprocessing.items())
    if manifest.labels:
        more = ", …" if len(manifest.labels) > _FEW else ""
        yield "labels", f"{len(manifest.labels)}: {', '.join(manifest.labels[:_FEW])}{more}"
    if manifest.licence is not None:
        yield "licence", manifest.licence
    yield "written by", ", ".join(f"{name} {version}" for name, version in manifest.versions.items())


def _rows(manifest: Manifest, members: Members) -> Iterator[tuple[str, str, str, str]]:
    types = {value.name: value.dtype for value in manifest.inputs}
    holds = {GRAPH: "the graph", CONSTANTS: "arrays in the graph"}
    arrays = read_tensors(members[PARAMS], PARAMS).values()
    holds[PARAMS] = f"{sum(array.size for array in arrays):,} parameters in {len(arrays)} arrays"
    here = {}
    device = this_device()
    for program in manifest.programs:
        holds[program.member] = f"{_inputs(program.inputs, types)} for {', '.join(program.platforms)}"
        here[program.member] = obstacle(program, device) or "usable with trust"
    for executable in manifest.executables:
        kind = executable.machine.get("device", "unknown")
        holds[executable.member] = f"{_inputs(executable.inputs, types)}, machine code for {kind}"
        if executable.preparation is not None:
            holds[executable.preparation] = f"the weights in the order that {executable.member} reads"
        for member in executable.members:
            here[member] = obstacle(executable, device) or "usable with trust"
    for name, data in members.items():
        yield name, quantity(len(data), "B"), holds.get(name, ""), here.get(name, "usable")


def _inputs(inputs: Mapping[str, Sizes], types: Mapping[str, str]) -> str:
    shown = (f"{name}: {types.get(name, '?')}[{', '.join(map(str, s))}]" for name, s in inputs.items())
    return ", ".join(shown) or "no inputs"
