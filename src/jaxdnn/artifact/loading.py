"""``jaxdnn.load_artifact``: from one file to something that can be called, without importers."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

import jax
import numpy as np

from jaxdnn.artifact.archive import check_hashes, read_archive
from jaxdnn.artifact.calling import Arrays, Results, flat_params, nested_params, padded
from jaxdnn.artifact.executables import differences, load_executable, machine
from jaxdnn.artifact.filling import filled
from jaxdnn.artifact.graphs import read_graph
from jaxdnn.artifact.manifest import Manifest, StoredExecutable, StoredProgram, read_manifest
from jaxdnn.artifact.stablehlo import read_program
from jaxdnn.artifact.tensors import read_tensors
from jaxdnn.errors import FileError, InputError, ParseError, UnsupportedLayerError, located
from jaxdnn.feeds import as_feeds
from jaxdnn.ir import Model, Params, Source
from jaxdnn.lowering import Spec
from jaxdnn.lowering.custom import parse, registered
from jaxdnn.lowering.padded import trim
from jaxdnn.lowering.program import CustomLayers
from jaxdnn.net import Net
from jaxdnn.policy import Policy

Origin = Literal["executable", "StableHLO", "IR"]
"""What computes: stored machine code, a stored program that XLA compiles, or the graph, lowered anew."""

_Function = Callable[[Arrays, Arrays], Results]
_Runner = tuple[Origin, _Function, Mapping[str, int | None]]


@dataclass(frozen=True, eq=False, kw_only=True)
class Artifact:
    """A network from an artifact: it is called as a :class:`~jaxdnn.Net` is.

    Attributes:
        manifest: what the file says of itself, preprocessing and labels among it.
    """

    manifest: Manifest
    _trust: bool
    _params: Mapping[str, Any]
    _members: Mapping[str, memoryview]
    _device: jax.Device
    _custom_layers: CustomLayers
    _runners: dict[tuple[tuple[str, tuple[int, ...]], ...], _Runner] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def origin(self) -> Origin:
        """The fastest of what the file has that can be used here.

        A call for which it is not made (other sizes, outputs or inputs) uses what comes behind it: machine code, then
        StableHLO, then the graph.
        """
        return "executable" if self._executables[0] else "StableHLO" if self._programs[0] else "IR"

    @property
    def notes(self) -> tuple[str, ...]:
        """Why something is not in the file, or cannot be used here."""
        return (*self.manifest.notes, *self._executables[1], *self._programs[1])

    @property
    def name(self) -> str:
        """The network's own name."""
        return self.manifest.name

    @property
    def policy(self) -> Policy:
        """The dtype policy."""
        return self.manifest.policy

    @property
    def inputs(self) -> dict[str, Spec]:
        """Name, shape and dtype of each input."""
        return {value.name: Spec(value.shape, value.dtype) for value in self.manifest.inputs}

    @property
    def outputs(self) -> dict[str, Spec]:
        """Name, shape and dtype of each output, as far as they are known before a call."""
        return dict(self.manifest.outputs)

    @cached_property
    def params(self) -> dict[str, dict[str, Any]]:
        """jax arrays by layer and slot."""
        return nested_params(self._on_device)

    @cached_property
    def _on_device(self) -> dict[str, Any]:
        """jax arrays by ``"owner/slot"``."""
        arrays: dict[str, Any] = jax.device_put(dict(self._params), self._device)
        return arrays

    @cached_property
    def _executables(self) -> tuple[list[tuple[StoredExecutable, _Function]], list[str]]:
        """The machine code that can be used here, and why the rest cannot."""
        found, notes = [], []
        here = machine(self._device)
        for stored in self.manifest.executables:
            different = differences(stored.machine, here)
            if different:
                notes.append(f"{stored.member!r} is for another machine: {different}")
            elif not self._trust:
                notes.append(f"{stored.member!r} is machine code, which only trust=True permits")
            else:
                try:
                    found.append(
                        (stored, load_executable(stored, self._members[stored.member], self._device))
                    )
                except FileError as error:
                    notes.append(error.message)
        return found, notes

    @cached_property
    def _programs(self) -> tuple[list[tuple[StoredProgram, _Function]], list[str]]:
        """The programs that can be used here, and why the rest cannot."""
        found, notes = [], []
        for stored in self.manifest.programs:
            data, platform = self._members[stored.member], _platform(self._device)
            try:
                found.append((stored, read_program(stored, data, platform, trust=self._trust)))
            except FileError as error:
                notes.append(error.message)
        return found, notes

    @cached_property
    def net(self) -> Net:
        """The net that the stored graph describes, with these params.

        Raises:
            JaxdnnError: the artifact has no graph, or it cannot be lowered.
        """
        if not self._has_graph:
            raise InputError(f"the artifact of {self.name!r} has no graph")
        graph = read_graph(self._members["graph.json"], self._members["constants.safetensors"])
        if [(v.name, v.shape, v.dtype) for v in graph.inputs] != [
            (v.name, v.shape, v.dtype) for v in self.manifest.inputs
        ]:
            raise ParseError(f"the graph of {self.name!r} has other inputs than the manifest states")
        source = Source(self.manifest.source, (), self.manifest.preprocessing)
        model = Model(graph, nested_params(self._params), source, open_shapes=True)
        net = Net.from_model(model, policy=self.policy, custom_layers=self._custom_layers)
        return net.replace(params=self.params)

    @property
    def _has_graph(self) -> bool:
        return {"graph.json", "constants.safetensors"} <= self._members.keys()

    def __call__(
        self, x: Any = None, /, *, outputs: Iterable[str] | None = None, **inputs: Any
    ) -> dict[str, Any]:
        """Compute outputs, as :meth:`jaxdnn.Net.__call__` does.

        Batches are filled up where the artifact was exported for some sizes of them.

        Raises:
            JaxdnnError: the inputs do not fit, or the artifact holds nothing that can compute this.
        """
        feeds = as_feeds(self.manifest.ends, x, inputs)
        if any(isinstance(array, jax.core.Tracer) for array in feeds.values()):
            return self.apply(self.params, feeds, outputs=outputs)
        rows = None
        if self.manifest.batches and outputs is None:
            feeds, rows = filled(feeds, self.manifest.batches)
        runner = self._runner({name: tuple(array.shape) for name, array in feeds.items()})
        names = (outputs,) if isinstance(outputs, str) else outputs if outputs is None else tuple(outputs)
        if runner is None or not set(names or ()) <= runner[2].keys():
            return self._net_for(feeds)(feeds, outputs=names)
        _, function, axes = runner
        arrays = padded(function(self._on_device, jax.device_put(feeds, self._device)), axes)
        return {name: trim(arrays[name])[:rows] if rows else trim(arrays[name]) for name in names or arrays}

    def apply(
        self, params: Params, inputs: Mapping[str, Any] | Any, *, outputs: Iterable[str] | None = None
    ) -> dict[str, Any]:
        """Compute outputs as a pure function of params and inputs, as :meth:`jaxdnn.Net.apply` does.

        The graph computes it. Without a graph a stored program does, which has no gradient.
        """
        feeds = as_feeds(self.manifest.ends, inputs, {})
        if self._has_graph:
            try:
                return self.net.apply(params, feeds, outputs=outputs)
            except UnsupportedLayerError:
                if not self._programs[0]:
                    raise
        shapes = {name: tuple(np.shape(array)) for name, array in feeds.items()}
        for stored, function in self._programs[0]:
            names = tuple(stored.outputs) if outputs is None else tuple(outputs)
            if stored.accepts(shapes) and set(names) <= stored.outputs.keys():
                arrays = padded(function(flat_params(params), feeds), stored.outputs)
                return {name: arrays[name] for name in names}
        raise self._nothing_for(feeds)

    def origin_of(self, x: Any = None, /, **inputs: Any) -> Origin:
        """Return what computes the outputs of a call with these inputs; what is not compiled yet is."""
        feeds = as_feeds(self.manifest.ends, x, inputs)
        feeds, _ = filled(feeds, self.manifest.batches)
        runner = self._runner({name: tuple(array.shape) for name, array in feeds.items()})
        return "IR" if runner is None else runner[0]

    def replace(self, *, params: Params) -> Artifact:
        """Return an artifact with other parameters; what is compiled stays.

        Raises:
            InputError: there are others than before, or one has another shape.
        """
        flat = flat_params(params)
        for name in flat.keys() ^ self._params.keys():
            raise InputError(f"parameter {name!r} is {'unknown' if name in flat else 'missing'}")
        for name, old in self._params.items():
            if np.shape(flat[name]) != old.shape:
                raise InputError(f"parameter {name!r} has shape {np.shape(flat[name])}, {old.shape} expected")
        cast = {name: jax.numpy.asarray(flat[name], old.dtype) for name, old in self._params.items()}
        return replace(self, _params=cast)

    def _runner(self, shapes: Mapping[str, tuple[int, ...]]) -> _Runner | None:
        """Return what computes on inputs of these shapes, None if only the graph can."""
        key = tuple(sorted(shapes.items()))
        with self._lock:
            if key not in self._runners:
                found = self._find(shapes)
                if found is None:
                    return None
                self._runners[key] = found
            return self._runners[key]

    def _find(self, shapes: Mapping[str, tuple[int, ...]]) -> _Runner | None:
        for executable, function in self._executables[0]:
            if executable.inputs == shapes:
                return "executable", function, executable.outputs
        types = {value.name: value.dtype for value in self.manifest.inputs}
        inputs = {name: _structure(shape, types[name]) for name, shape in shapes.items()}
        for program, function in self._programs[0]:
            if program.accepts(shapes):
                try:
                    with jax.default_device(self._device):
                        compiled = jax.jit(function).lower(self._on_device, inputs).compile()
                except (ValueError, TypeError, NotImplementedError, jax.errors.JaxRuntimeError) as error:
                    if self._has_graph:
                        continue
                    raise FileError(f"{program.member!r} cannot be compiled: {error}") from error
                return "StableHLO", compiled, program.outputs
        return None

    def _net_for(self, feeds: Arrays) -> Net:
        if not self._has_graph:
            raise self._nothing_for(feeds)
        return self.net

    def _nothing_for(self, feeds: Arrays) -> InputError:
        fed = ", ".join(f"{name!r} {Spec(tuple(x.shape), str(x.dtype))}" for name, x in feeds.items())
        return InputError(
            f"the artifact of {self.name!r} has no graph, and no program for these outputs of {fed}"
        )

    def __repr__(self) -> str:
        inputs = ", ".join(f"{name}: {spec}" for name, spec in self.inputs.items())
        return f"Artifact({self.name!r}, {inputs} -> {', '.join(self.outputs)}; {self.origin}, {self.policy})"


def load_artifact(
    path: str | os.PathLike[str], *, trust: bool = False, custom_layers: CustomLayers | None = None
) -> Artifact:
    """Read an artifact and make it callable. Parameters are mapped into memory; nothing is unpickled.

    Args:
        path: of the file that :meth:`jaxdnn.Net.export` wrote.
        trust: whether the file may run code of its own in this process. An artifact holds machine code, which starts
            at once, and whoever made the file decides what it does: the hashes tell damage, not intent. Say True only
            of files that you made, or have from someone whose programs you would run. Without trust the machine code
            is not touched, and programs that call unknown functions by name are not used.
            Programs are read and compiled by jax all the same: one that was made to harm may take long or end the
            process.
        custom_layers: functions by layer type, as :func:`jaxdnn.load` takes them; only the graph needs them.

    Raises:
        JaxdnnError: the file is none, is damaged, or holds nothing that can be used here; the message says why.
    """
    path = os.fspath(path)
    with located(file=path):
        members = read_archive(path, "manifest.json")
        if "manifest.json" not in members:
            raise FileError("this is no artifact: the archive has no manifest.json")
        manifest = read_manifest(members.pop("manifest.json"))
        check_hashes(members, manifest.hashes)
        if "params.safetensors" not in members:
            raise FileError("the artifact has no params.safetensors")
        artifact = Artifact(
            manifest=manifest,
            _trust=trust,
            _params=read_tensors(members["params.safetensors"], "params.safetensors"),
            _members=members,
            _device=jax.local_devices()[0],
            _custom_layers=registered() | parse(custom_layers or {}),
        )
        if artifact.origin == "IR":
            if not artifact._has_graph:
                raise FileError(f"nothing in the artifact can be used here: {'; '.join(artifact.notes)}")
            _ = artifact.net  # what is wrong with it shows now
        return artifact


def _platform(device: jax.Device) -> str:
    """Return what ``jax.export`` calls the platform of a device."""
    rocm = "rocm" in device.client.platform_version.lower()
    return str({"gpu": "rocm" if rocm else "cuda"}.get(device.platform, device.platform))


def _structure(shape: tuple[int, ...], dtype: str) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(shape, dtype)  # type: ignore[no-untyped-call]
