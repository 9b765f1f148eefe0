"""What an artifact says of itself."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from jaxdnn.artifact.documents import (
    Record,
    listed,
    mapped,
    nullable,
    number,
    read_json,
    size,
    table,
    text,
    write_json,
)
from jaxdnn.artifact.graphs import read_value, write_value
from jaxdnn.artifact.policies import read_policy, written_policy
from jaxdnn.errors import FileError, InputError, ParseError
from jaxdnn.ir import Graph, Value
from jaxdnn.lowering import Spec
from jaxdnn.policy import Policy

FORMAT = "jaxdnn artifact"
VERSION = 1
"""Of the format. A reader refuses files of later versions."""

Sizes = tuple[int | str, ...]
"""The sizes of an input. A name stands for any size, the same wherever it occurs, ``32*name`` for 32 times that. Both
are at most :data:`MAX_SIZE`.
"""

MAX_SIZE = 2**15
"""Of what a name stands for: a picture then has fewer places than 32 bits count, which XLA's indices need."""


_NAMED_SIZE = re.compile(r"(?:([1-9][0-9]{0,4})\*)?([a-z_][a-z0-9_]*)")


def parse_size(text: str) -> tuple[int, str]:
    """Return the factor and the name of a size that is not fixed.

    Raises:
        InputError: it is neither ``name`` nor ``32*name``.
    """
    match = _NAMED_SIZE.fullmatch(text)
    if match is None:
        raise InputError(f"size {text!r} is no name of small letters, digits and underscores, and no 32*name")
    return int(match[1] or 1), match[2]


@dataclass(frozen=True, kw_only=True)
class StoredProgram:
    """A program of ``jax.export`` in an artifact.

    Attributes:
        member: of the archive.
        platforms: what it can be compiled for.
        inputs: the sizes of each input that it is fed.
        outputs: its outputs; those whose size depends on the data with the axis that their count is of.
        least: what names of sizes behind the first stand for at least.
    """

    member: str
    platforms: tuple[str, ...]
    inputs: Mapping[str, Sizes]
    outputs: Mapping[str, int | None]
    least: int = 1

    def accepts(self, shapes: Mapping[str, tuple[int, ...]]) -> bool:
        """Whether it computes on inputs of these shapes."""
        if shapes.keys() != self.inputs.keys():
            return False
        bound: dict[str, int] = {}
        for name, sizes in self.inputs.items():
            if len(sizes) != len(shapes[name]):
                return False
            for axis, (stated, given) in enumerate(zip(sizes, shapes[name], strict=True)):
                if isinstance(stated, int):
                    if stated != given:
                        return False
                    continue
                factor, variable = parse_size(stated)
                count, rest = divmod(given, factor)
                least = self.least if axis else 1
                if rest or count < least or given > MAX_SIZE or bound.setdefault(variable, count) != count:
                    return False
        return True


@dataclass(frozen=True, kw_only=True)
class StoredExecutable:
    """Machine code in an artifact.

    Attributes:
        member: of the archive.
        preparation: the member that prepares the params, if one does.
        kept: the numbers of the params, in the order of their names, that it reads beside what is prepared; None if it
            reads all.
        machine: what it runs on, see :func:`~jaxdnn.artifact.executables.machine`.
        inputs: the shape of each input that it is fed.
        outputs: as for a :class:`StoredProgram`.
    """

    member: str
    preparation: str | None = None
    kept: tuple[int, ...] | None = None
    machine: Mapping[str, str]
    inputs: Mapping[str, tuple[int, ...]]
    outputs: Mapping[str, int | None]

    @property
    def members(self) -> tuple[str, ...]:
        """All of its members."""
        return (self.member,) if self.preparation is None else (self.member, self.preparation)


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What an artifact says of itself.

    Attributes:
        name: of the network.
        source: the format that it was imported from.
        versions: of the libraries that wrote it, by name.
        inputs, outputs: as a net's; the inputs as the graph states them.
        policy: in which types it computes.
        batches: sizes of the batch for which others are filled up, in ascending order; empty if none are.
        heads: the outputs that are rows of boxes with a score for each class, as :func:`jaxdnn.detections` takes them.
        distance_power: of the suppression among these that the source file asks for.
        programs, executables: what can compute it without the graph.
        preprocessing: what becomes of a picture before it is fed, in the words of whoever exported it.
        labels: names of classes, by number.
        licence: a note on it.
        notes: why something is not in the artifact.
        hashes: the SHA-256 of each other member.
    """

    name: str
    source: str
    versions: Mapping[str, str]
    inputs: tuple[Value, ...]
    outputs: Mapping[str, Spec]
    policy: Policy
    batches: tuple[int, ...] = ()
    heads: tuple[str, ...] = ()
    distance_power: float | None = None
    programs: tuple[StoredProgram, ...] = ()
    executables: tuple[StoredExecutable, ...] = ()
    preprocessing: Mapping[str, Any] = field(default_factory=dict)
    labels: tuple[str, ...] = ()
    licence: str | None = None
    notes: tuple[str, ...] = ()
    hashes: Mapping[str, str] = field(default_factory=dict)

    @property
    def ends(self) -> Graph:
        """A graph without nodes, with the network's inputs and outputs."""
        return Graph(self.name, self.inputs, tuple(self.outputs), ())


def write_manifest(manifest: Manifest) -> bytes:
    """Return a manifest as a JSON text."""
    return write_json(manifest_document(manifest))


def manifest_document(manifest: Manifest) -> dict[str, Any]:
    """Return a manifest as JSON has it."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "name": manifest.name,
        "source": manifest.source,
        "versions": dict(manifest.versions),
        "inputs": [write_value(value) for value in manifest.inputs],
        "outputs": {name: dict(vars(spec)) for name, spec in manifest.outputs.items()},
        "policy": written_policy(manifest.policy),
        "batches": manifest.batches,
        "heads": manifest.heads,
        "distance_power": manifest.distance_power,
        "programs": [dict(vars(each)) for each in manifest.programs],
        "executables": [dict(vars(each)) for each in manifest.executables],
        "preprocessing": dict(manifest.preprocessing),
        "labels": manifest.labels,
        "licence": manifest.licence,
        "notes": manifest.notes,
        "hashes": dict(manifest.hashes),
    }


def read_manifest(data: memoryview) -> Manifest:
    """Return the manifest that :func:`write_manifest` wrote.

    Raises:
        FileError: it is that of something else, or of a later version.
        ParseError: it is not written as it ought to be.
    """
    found = read_json(data, "the manifest")
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise FileError(f"this is no artifact: its manifest does not state the format {FORMAT!r}")
    record = Record(found, "the manifest")
    record.read("format", text)
    version = record.read("version", size)
    if version != VERSION:
        raise FileError(f"this artifact has version {version} of the format, jaxdnn reads version {VERSION}")
    manifest = Manifest(
        name=record.read("name", text),
        source=record.read("source", text),
        versions=record.read("versions", mapped(text)),
        inputs=record.read("inputs", listed(lambda value, what: read_value(Record(value, what), what))),
        outputs=record.read("outputs", mapped(_spec)),
        policy=record.read("policy", read_policy),
        batches=record.read("batches", _batches),
        heads=record.read("heads", listed(text)),
        distance_power=record.read("distance_power", nullable(number)),
        programs=record.read("programs", listed(_program)),
        executables=record.read("executables", listed(_executable)),
        preprocessing=record.read("preprocessing", table),
        labels=record.read("labels", listed(text)),
        licence=record.read("licence", nullable(text)),
        notes=record.read("notes", listed(text)),
        hashes=record.read("hashes", mapped(text)),
    )
    record.done()
    members = [each.member for each in manifest.programs]
    members += [member for each in manifest.executables for member in each.members]
    for name in members:
        if name not in manifest.hashes:
            raise ParseError(f"the manifest names {name!r}, but not its hash")
    for name in manifest.heads:
        if name not in manifest.outputs:
            raise ParseError(f"the manifest calls {name!r} rows of boxes, which is no output")
    return manifest


def _batches(value: object, what: str) -> tuple[int, ...]:
    batches = listed(size)(value, what)
    if any(not 0 < batch <= MAX_SIZE for batch in batches) or list(batches) != sorted(set(batches)):
        raise ParseError(f"{what} must be sizes from 1 to {MAX_SIZE} in ascending order, got {list(batches)}")
    return batches


def _spec(value: object, what: str) -> Spec:
    record = Record(value, what)
    spec = Spec(record.read("shape", nullable(listed(nullable(size)))), record.read("dtype", text))
    record.done()
    return spec


def _program(value: object, what: str) -> StoredProgram:
    record = Record(value, what)
    program = StoredProgram(
        member=record.read("member", text),
        platforms=record.read("platforms", listed(text)),
        inputs=record.read("inputs", mapped(listed(_size_or_name))),
        outputs=record.read("outputs", mapped(nullable(size))),
        least=record.read("least", size),
    )
    record.done()
    return program


def _executable(value: object, what: str) -> StoredExecutable:
    record = Record(value, what)
    executable = StoredExecutable(
        member=record.read("member", text),
        preparation=record.read("preparation", nullable(text)),
        kept=record.read("kept", nullable(listed(size))),
        machine=record.read("machine", mapped(text)),
        inputs=record.read("inputs", mapped(listed(size))),
        outputs=record.read("outputs", mapped(nullable(size))),
    )
    record.done()
    return executable


def _size_or_name(value: object, what: str) -> int | str:
    if not isinstance(value, str):
        return size(value, what)
    try:
        parse_size(value)
    except InputError as error:
        raise ParseError(f"{what}: {error.message}") from error
    return value
