"""What of an artifact can compute here: machine code, and programs that XLA compiles."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import jax

from jaxdnn.artifact.calling import Arrays, Results
from jaxdnn.artifact.executables import compiled_for, differences, load_executable, machine
from jaxdnn.artifact.files import Members
from jaxdnn.artifact.manifest import Manifest, StoredExecutable, StoredProgram
from jaxdnn.artifact.stablehlo import platform_of, read_program, structures_of
from jaxdnn.errors import FileError, InputError

Origin = Literal["executable", "StableHLO", "IR"]
"""What computes: stored machine code, a stored program that XLA compiles, or the graph, lowered anew."""

Function = Callable[[Arrays, Arrays], Results]


@dataclass(frozen=True)
class Runner:
    """What computes for inputs of certain shapes.

    Attributes:
        origin: what it was made of.
        function: what is called, with arrays on the device.
        outputs: their names, with the axis whose size depends on the data, if one does.
    """

    origin: Origin
    function: Function
    outputs: Mapping[str, int | None]


class Runners:
    """The machine code and the programs of an artifact.

    XLA reads both with readers that damaged bytes can crash or keep busy for ever. So neither is touched unless the
    caller trusts the file.

    Args:
        manifest, members: of the artifact.
        device: where it shall run.
        trust: whether the caller trusts the file.
    """

    def __init__(self, manifest: Manifest, members: Members, device: jax.Device, *, trust: bool) -> None:
        self._manifest = manifest
        self._members = members
        self._device = device
        self._trust = trust
        self._compiled: dict[object, Runner | None] = {}
        self._failures: list[str] = []
        self._lock = threading.Lock()
        self._lists = {value.name for value in manifest.inputs if value.sequence}
        self._single = {value.name for value in manifest.inputs if value.dtype != "float64"}

    @property
    def origin(self) -> Origin | None:
        """What there is, the fastest of it; None if nothing can be used."""
        return "executable" if self._executables[0] else "StableHLO" if self.programs else None

    @property
    def notes(self) -> tuple[str, ...]:
        """Why something in the file cannot be used here."""
        return (*self._executables[1], *self._programs[1], *self._failures)

    @property
    def programs(self) -> list[tuple[StoredProgram, Function]]:
        """The programs that can be used here."""
        return self._programs[0]

    @cached_property
    def _executables(self) -> tuple[list[tuple[StoredExecutable, Function]], list[str]]:
        found, notes = [], []
        for stored in self._manifest.executables:
            against = obstacle(stored, self._device)
            if not against and not self._trust:
                against = "is machine code, which only trust=True permits"
            if against:
                notes.append(f"{stored.member!r} {against}")
                continue
            try:
                found.append((stored, load_executable(stored, self._members, self._device)))
            except FileError as error:
                notes.append(error.message)
        return found, notes

    @cached_property
    def _programs(self) -> tuple[list[tuple[StoredProgram, Function]], list[str]]:
        found, notes = [], []
        for stored in self._manifest.programs:
            against = obstacle(stored, self._device)
            if not against and not self._trust:
                against = "is a program for XLA, which only trust=True permits"
            if against:
                notes.append(f"{stored.member!r} {against}")
                continue
            try:
                found.append((stored, read_program(stored, self._members[stored.member])))
            except FileError as error:
                notes.append(error.message)
        return found, notes

    def program_for(
        self, inputs: Arrays, outputs: Collection[str] = ()
    ) -> tuple[StoredProgram, Function] | None:
        """Return a program that computes these outputs on inputs of these shapes, None if there is none."""
        shapes = _shapes(inputs)
        fitting = (
            (stored, function)
            for stored, function in self.programs
            if stored.accepts(shapes) and stored.outputs.keys() >= set(outputs)
        )
        return next(fitting, None)

    def find(self, params: Arrays, inputs: Arrays, outputs: Collection[str] = ()) -> Runner | None:
        """Return what computes outputs on inputs of these shapes, compiled; None if only the graph can.

        Lists of arrays, and double precision for an input that is stated in single precision, are for the graph.
        """
        if inputs.keys() & self._lists:
            return None
        if any(array.dtype == "float64" and name in self._single for name, array in inputs.items()):
            return None
        for stored, function in self._executables[0]:
            if stored.inputs == _shapes(inputs) and stored.outputs.keys() >= set(outputs):
                return Runner("executable", function, stored.outputs)
        found = self.program_for(inputs, outputs)
        if found is None:
            return None
        program, function = found
        key = program.member, tuple(sorted(_shapes(inputs).items()))
        with self._lock:
            if key not in self._compiled:
                self._compiled[key] = self._compile(program, function, params, inputs)
            return self._compiled[key]

    def _compile(
        self, program: StoredProgram, function: Function, params: Arrays, inputs: Arrays
    ) -> Runner | None:
        try:
            compiled = compiled_for(self._device, function, structures_of(params), structures_of(inputs))
        except InputError as error:
            self._failures.append(f"{program.member!r}: {error.message}")
            return None
        return Runner("StableHLO", compiled, program.outputs)


def obstacle(stored: StoredProgram | StoredExecutable, device: jax.Device) -> str:
    """Return why something in an artifact cannot be used on a device, trusted or not; empty if it can."""
    if isinstance(stored, StoredExecutable):
        different = differences(stored.machine, machine(device))
        return f"is for another machine: {different}" if different else ""
    platform = platform_of(device)
    known = platform in stored.platforms
    return "" if known else f"is for {', '.join(stored.platforms)}, this is {platform}"


def _shapes(arrays: Arrays) -> dict[str, tuple[int, ...]]:
    return {name: tuple(array.shape) for name, array in arrays.items()}
