"""Reading files, and telling what a file is from its first bytes."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Literal

import numpy as np

from jaxdnn.errors import FileError, ParseError

Kind = Literal["text", "binary"]

_HEAD = 1 << 16
_CONTROLS = bytes([*range(0x09), *range(0x0E, 0x20)])
"""Characters that no text has."""

_SIGNATURES = {
    b"\x89HDF\r\n\x1a\n": "an HDF5 file (a Keras or Caffe .h5 snapshot)",
    b"PK\x03\x04": "a zip archive (a PyTorch or Keras file?)",
    b"\x80\x02": "a Python pickle (a PyTorch file?)",
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"\x1f\x8b": "a gzip archive: unpack it first",
}


def read_head(path: str) -> bytes:
    """Return the first 64 KiB of a file.

    Raises:
        FileError: the file is missing, unreadable or empty, or certainly no network: a web page, a Git-LFS
            pointer, a picture, an archive.
    """
    try:
        with open(path, "rb") as file:
            head = file.read(_HEAD)
    except OSError as error:
        raise FileError(f"cannot be read: {error.strerror or error}", file=path) from error
    if not head.strip():
        raise FileError("the file is empty", file=path)
    if head.startswith(b"version https://git-lfs"):
        raise FileError("this is a Git-LFS pointer: fetch the real file with git lfs pull", file=path)
    if re.match(rb"\s*(<!--.*?-->\s*)*<(!doctype|html|head|\?xml)", head, re.IGNORECASE | re.DOTALL):
        raise FileError("this is an HTML page or XML file, a failed download perhaps", file=path)
    for signature, what in _SIGNATURES.items():
        if head.startswith(signature):
            raise FileError(f"this is {what}", file=path)
    if head[4:8] == b"TFL3":
        raise FileError("this is a TensorFlow Lite file, which is not supported", file=path)
    return head


def file_of(path: str) -> str:
    """Return the file that a path means: in a SavedModel's directory that is ``saved_model.pb``."""
    return os.path.join(path, "saved_model.pb") if os.path.isdir(path) else path


def kind_of(head: bytes) -> Kind:
    """Whether a file's first bytes are text."""
    return "text" if len(head.translate(None, _CONTROLS)) == len(head) else "binary"


def read_text(path: str) -> str:
    """Return a text file's contents; bytes that are not UTF-8 are taken as latin-1.

    Raises:
        FileError: see :func:`read_head`.
    """
    read_head(path)
    with open(path, "rb") as file:
        data = file.read()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def basename(path: str) -> str:
    """Return a path's last part without its extension."""
    return os.path.splitext(os.path.basename(path))[0]


def aligned_empty(size: int, dtype: str) -> np.ndarray:
    """Return an uninitialised array on a 64-byte boundary, which jax's CPU backend takes without a copy."""
    item = np.dtype(dtype).itemsize
    raw = np.empty(size * item + 64, np.uint8)
    offset = -raw.ctypes.data % 64
    return raw[offset : offset + size * item].view(dtype)


def read_into(descriptor: int, position: int, array: np.ndarray) -> None:
    """Fill an array from a file, which may take several reads."""
    target = array.view(np.uint8).data
    while len(target):
        count = os.preadv(descriptor, [target], position)
        if count == 0:
            raise ParseError(f"cut short: the file ends at byte {position}")
        position += count
        target = target[count:]


def read_all(descriptor: int, targets: Iterable[tuple[int, np.ndarray]]) -> None:
    """Fill several arrays from a file, each from its position, on all cores: fresh memory is slow to touch first."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda target: read_into(descriptor, *target), targets))


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """Open a new file that takes the place of the one at this path when it is written whole."""
    target = Path(path)
    partial = target.with_name(f"{target.name}.partial")
    try:
        with partial.open("wb") as file:
            yield file
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
