"""Artifacts as files: a manifest, and the members that it vouches for."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace

from jaxdnn.artifact.archive import Data, check_hashes, read_archive, sha256, write_archive
from jaxdnn.artifact.manifest import Manifest, read_manifest, write_manifest
from jaxdnn.errors import FileError, located
from jaxdnn.importers.files import replacing

MANIFEST = "manifest.json"
PARAMS = "params.safetensors"
GRAPH = "graph.json"
CONSTANTS = "constants.safetensors"

Members = Mapping[str, memoryview]
"""Everything but the manifest, mapped into memory."""

_SIGNATURE = b"PK\x03\x04"


def is_artifact(path: str | os.PathLike[str]) -> bool:
    """Whether a file begins as an artifact does, and so as no network's own file."""
    try:
        with open(path, "rb") as file:
            return file.read(len(_SIGNATURE)) == _SIGNATURE
    except OSError:
        return False


def write_artifact(path: str | os.PathLike[str], manifest: Manifest, members: Mapping[str, Data]) -> Manifest:
    """Write an artifact, whole or not at all.

    Returns:
        the manifest, with the members' hashes.

    Raises:
        FileError: the file cannot be written.
    """
    manifest = replace(manifest, hashes={name: sha256(data) for name, data in members.items()})
    try:
        with replacing(path) as file:
            write_archive(file, [(MANIFEST, write_manifest(manifest)), *members.items()])
    except OSError as error:
        raise FileError(f"cannot be written: {error.strerror or error}", file=os.fspath(path)) from error
    return manifest


def read_artifact(path: str | os.PathLike[str]) -> tuple[Manifest, Members]:
    """Return what a file says of itself, and its members, whose hashes are right.

    Raises:
        JaxdnnError: the file is no artifact, is damaged, or lacks the manifest or the parameters.
    """
    path = os.fspath(path)
    with located(file=path):
        members = read_archive(path, MANIFEST)
        if MANIFEST not in members:
            raise FileError(f"this is no artifact: the archive has no {MANIFEST}")
        manifest = read_manifest(members.pop(MANIFEST))
        check_hashes(members, manifest.hashes)
        if PARAMS not in members:
            raise FileError(f"the artifact has no {PARAMS}")
        return manifest, members


def has_graph(members: Mapping[str, object]) -> bool:
    """Whether an artifact holds its graph."""
    return {GRAPH, CONSTANTS} <= members.keys()
