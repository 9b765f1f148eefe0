"""Writing artifacts."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from typing import Any

import jax
import numpy as np

from jaxdnn.artifact.calling import flat_params, padded_axes, plain_function
from jaxdnn.artifact.documents import write_json
from jaxdnn.artifact.executables import machine, machine_code, store
from jaxdnn.artifact.files import CONSTANTS, GRAPH, PARAMS, write_artifact
from jaxdnn.artifact.filling import can_be_filled
from jaxdnn.artifact.graphs import write_graph
from jaxdnn.artifact.manifest import Manifest, Sizes, StoredExecutable, StoredProgram
from jaxdnn.artifact.sizes import Batch, Request, fed_values
from jaxdnn.artifact.stablehlo import (
    export_program,
    platform_of,
    structures,
    structures_of,
    this_device,
    unexportable,
)
from jaxdnn.artifact.tensors import write_tensors
from jaxdnn.detection import is_head
from jaxdnn.errors import InputError, LayerError
from jaxdnn.initialize import require_complete
from jaxdnn.net import Net
from jaxdnn.policy import AnyPolicy

EVERYWHERE = ("cpu", "cuda")
"""The platforms that programs are for by default."""

_LEAST = (1, 8, 32, 128)
"""What is tried, in this order, as the least of sizes that are free."""


def export(
    net: Net,
    path: str | os.PathLike[str],
    *,
    batch: Batch = None,
    shapes: Mapping[str, Sizes] | None = None,
    platforms: Iterable[str] | None = None,
    policy: AnyPolicy | None = None,
    preprocess: Mapping[str, Any] | None = None,
    labels: Sequence[str] = (),
    licence: str | None = None,
    executables: bool = True,
    graph: bool = True,
    tune: float = 0,
    report: Callable[[str], None] | None = None,
) -> Manifest:
    """Write an artifact: one file for :func:`jaxdnn.load_artifact`, which needs no importer.

    Args:
        net: with all of its parameters.
        path: of the file.
        batch: a name for any size of the batch, one size, or several: calls fill up to the next of these, if rows
            do not depend on each other. None is any size if the layers allow that, and else the stated one.
        shapes: by input name, sizes that are not to be the stated ones; a name stands for any size, the same
            wherever it occurs: ``{"data": ("b", 3, "height", "32*columns")}``. Where layers need a picture of
            some size, 8, 32 or 128 is the least.
        platforms: what the program is for, in jax's words; by default ``cpu`` and ``cuda``.
        policy: dtype policy, if not this net's.
        preprocess: what becomes of a picture before it is fed, made of what JSON has; by default what the source
            file says.
        labels: names of classes, by number.
        licence: a note on it.
        executables: whether to store machine code for this machine, too.
        graph: whether to store the graph, with which the artifact outlives jax's promise to read its programs, and
            computes intermediate values and gradients.
        tune: for how many seconds to look for what is faster on this machine, see :meth:`jaxdnn.Net.tune`, for each
            size that machine code is stored for. Inputs are zeros.
        report: is told in words what was tried.

    Returns:
        what the file says of itself; its ``notes`` tell what could not be stored.

    Raises:
        JaxdnnError: parameters are missing, the sizes or platforms that are asked for cannot be exported, or
            nothing could be stored.
    """
    require_complete(list(net.missing))
    net = net if policy is None else net.replace(policy=policy)
    request = Request(fed_values(net.graph), batch, shapes or {})
    if tune:
        net = _tuned(net, request, tune, report)
    work = _Export(net, request)
    reason = unexportable(net.program)
    if reason:
        work.notes.append(f"no program: {reason}")
    else:
        work.add_programs(None if platforms is None else tuple(platforms))
    if work.programs:
        work.fill_batches()
        if executables:
            work.add_executables()
    if graph:
        work.add_graph()
    if not (work.programs or graph):
        raise InputError(f"{net.name!r} cannot be exported without its graph: {'; '.join(work.notes)}")
    params = {name: np.asarray(array) for name, array in flat_params(net.stored).items()}
    work.members[PARAMS] = write_tensors(params)
    try:
        plain = dict(net.source.preprocessing if preprocess is None else preprocess)
        write_json(plain)
    except (TypeError, ValueError) as error:
        raise InputError(f"preprocess must be made of what JSON has: {error}") from error
    manifest = replace(work.manifest(), preprocessing=plain, labels=tuple(labels), licence=licence)
    return write_artifact(path, manifest, work.members)


def _tuned(net: Net, request: Request, seconds: float, report: Callable[[str], None] | None) -> Net:
    """Tune a net to the sizes that machine code is stored for, which is for batches as a whole."""
    types = {value.name: value.dtype for value in request.values}
    for shapes in request.executables():
        zeros = {name: np.zeros(shape, types[name]) for name, shape in shapes.items()}
        net = net.tune(zeros, seconds=seconds, chunks=False, report=report)
    return net


class _Export:
    """An artifact that is being made.

    Args:
        net: what is exported.
        request: for which sizes.
    """

    def __init__(self, net: Net, request: Request) -> None:
        self.net = net
        self.request = request
        self.outputs = net.program.default_outputs([value.name for value in request.values])
        self.params = structures_of(flat_params(net.params))
        self.members: dict[str, bytes] = {}
        self.programs: list[StoredProgram] = []
        self.executables: list[StoredExecutable] = []
        self.batches: tuple[int, ...] = ()
        self.notes: list[str] = []

    def add_programs(self, platforms: tuple[str, ...] | None) -> None:
        """Export programs, for all platforms that are asked for.

        Raises:
            InputError: the caller asks for sizes or platforms that cannot be exported.
        """
        here = platform_of(this_device())
        choices = (
            [platforms] if platforms is not None else [tuple(dict.fromkeys((*EVERYWHERE, here))), (here,)]
        )
        asked = self.request.batch is not None or bool(self.request.shapes)
        refused: InputError | None = None
        try:
            for sets in self.request.programs():
                for choice in choices:
                    try:
                        self._add_set(sets, choice)
                    except InputError as error:
                        refused = error
                    else:
                        return
                assert refused is not None
                self.notes.append(f"no program for {_text(sets)}: {refused.message}")
        except InputError as error:
            refused = error
            self.notes.append(f"no program: {error.message}")
        if refused and (asked or platforms is not None):
            raise InputError(f"{self.net.name!r} cannot be exported as asked: {refused.message}") from refused

    def _add_set(self, sets: tuple[dict[str, Sizes], ...], platforms: tuple[str, ...]) -> None:
        made = [self._exported(sizes, platforms) for sizes in sets]
        for program, data in made:
            self.programs.append(replace(program, member=f"programs/{len(self.programs)}.stablehlo"))
            self.members[self.programs[-1].member] = data

    def _exported(self, sizes: dict[str, Sizes], platforms: tuple[str, ...]) -> tuple[StoredProgram, bytes]:
        """Export a program. Layers that need a picture of some size get one: the least that is tried and suffices."""
        types = {value.name: value.dtype for value in self.request.values}
        named = any(isinstance(size, str) for each in sizes.values() for size in each[1:])
        for least in _LEAST if named else _LEAST[:1]:
            try:
                inputs = structures(sizes, types, least)
                data, axes = export_program(self.net.program, self.params, inputs, self.outputs, platforms)
                return StoredProgram(
                    member="", platforms=platforms, inputs=sizes, outputs=axes, least=least
                ), data
            except InputError as error:
                refused = error
        raise refused

    def add_executables(self) -> None:
        """Compile for this machine; a note says where that is not possible."""
        device = this_device()
        types = {value.name: value.dtype for value in self.request.values}
        try:
            for shapes in self.request.executables():
                inputs = structures(shapes, types)
                axes = padded_axes(self.net.program, self.outputs, self.params, inputs)
                function = plain_function(self.net.program, self.outputs)
                code = machine_code(function, self.params, inputs, device)
                name = f"executables/{len(self.executables)}"
                stored, members = store(name, code, machine=machine(device), inputs=shapes, outputs=axes)
                self.executables.append(stored)
                self.members |= members
        except InputError as error:
            self.notes.append(error.message)

    def fill_batches(self) -> None:
        """Let calls fill up batches to the sizes that were asked for; a note says so if they cannot."""
        if not self.request.batches:
            return
        fixed = all(axis is None for axis in self.programs[0].outputs.values())
        if fixed and can_be_filled(self.net, tuple(self.request.executables()), self.outputs):
            self.batches = self.request.batches
        else:
            self.notes.append(
                "batches are not filled up: the outputs are not one row for each row of the inputs"
            )

    def add_graph(self) -> None:
        """Add the graph; a note says so if it cannot be written, unless there is nothing else.

        Raises:
            LayerError: it cannot be written, and there is no program.
        """
        try:
            self.members[GRAPH], self.members[CONSTANTS] = write_graph(self.net.graph)
        except LayerError as error:
            if not self.programs:
                raise
            self.notes.append(f"no graph: {error}")

    def manifest(self) -> Manifest:
        """Return what there is."""
        return Manifest(
            name=self.net.name,
            source=self.net.source.format,
            versions={"jaxdnn": version("jaxdnn"), "jax": jax.__version__},
            inputs=self.net.graph.inputs,
            outputs=self.net.outputs,
            policy=self.net.policy,
            batches=self.batches,
            heads=tuple(name for name in self.net.outputs if is_head(self.net.graph, name)),
            distance_power=self.net.source.distance_power,
            programs=tuple(self.programs),
            executables=tuple(self.executables),
            notes=tuple(self.notes),
        )


def _text(sets: tuple[dict[str, Sizes], ...]) -> str:
    shapes = (f"{name} [{', '.join(map(str, sizes))}]" for name, sizes in sets[0].items())
    return ", ".join(shapes) or "no inputs"
