"""Zip archives whose members are stored uncompressed, so that they can be mapped into memory."""

from __future__ import annotations

import hashlib
import mmap
import re
import struct
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from typing import IO

from jaxdnn.errors import FileError

MAX_MEMBERS = 4096

Data = bytes | memoryview

_NAME = re.compile(r"[a-z0-9_-]+(/[a-z0-9_-]+)*\.[a-z]+")
_LOCAL_HEADER = struct.Struct("<4s22xHH")
_LONG_AGO = (1980, 1, 1, 0, 0, 0)
_PADDING = 0xD935  # the extra field with which Android's zipalign aligns members
_ALIGNMENT = 64
_BROKEN = (zipfile.BadZipFile, struct.error, ValueError, EOFError, OverflowError, NotImplementedError)


def write_archive(file: IO[bytes], members: Iterable[tuple[str, Data]]) -> None:
    """Write members one behind the other. The same members give the same bytes."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, data in members:
            entry = zipfile.ZipInfo(name, _LONG_AGO)
            header = file.tell() + _LOCAL_HEADER.size + len(name) + 4
            gap = -header % _ALIGNMENT
            entry.extra = struct.pack("<HH", _PADDING, gap) + bytes(gap)
            archive.writestr(entry, data)


def sha256(data: Data) -> str:
    """Return the SHA-256 of bytes in hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def read_archive(path: str, checked: str = "") -> dict[str, memoryview]:
    """Return the members of an archive, mapped into memory.

    Args:
        path: of the archive.
        checked: the member that has the hashes of the others. The archive's own checksum of it is checked.

    Raises:
        FileError: the file cannot be read, is no such archive, is cut short, or has a member that is compressed,
            encrypted, damaged, overlaps another one, or whose name is none that :func:`write_archive` is given.
    """
    try:
        with open(path, "rb") as file:
            if file.read(4) != b"PK\x03\x04":
                raise FileError("this is no artifact: it does not begin like a zip archive")
            mapped = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
            with zipfile.ZipFile(file) as archive:
                entries = archive.infolist()
    except OSError as error:
        raise FileError(f"cannot be read: {error.strerror or error}") from error
    except _BROKEN as error:
        raise FileError(f"the zip archive is broken or cut short: {error}") from error
    if len(entries) > MAX_MEMBERS:
        raise FileError(f"the archive has {len(entries)} members, more than {MAX_MEMBERS}")
    members: dict[str, memoryview] = {}
    end = 0
    for entry in sorted(entries, key=lambda entry: entry.header_offset):
        if not _NAME.fullmatch(entry.filename):
            raise FileError(f"the archive has a member {entry.filename!r}, which artifacts do not have")
        if entry.filename in members:
            raise FileError(f"the archive has two members {entry.filename!r}")
        start = _start(mapped, entry, end)
        end = start + entry.file_size
        if end > len(mapped):
            raise FileError(f"member {entry.filename!r} ends at byte {end}, the file at {len(mapped)}")
        if entry.filename == checked and zlib.crc32(mapped[start:end]) != entry.CRC:
            raise FileError(
                f"member {checked!r} is damaged: its checksum is not the one that the archive states"
            )
        members[entry.filename] = mapped[start:end]
    return members


def _start(mapped: memoryview, entry: zipfile.ZipInfo, end: int) -> int:
    """Return where a member's bytes begin, which must be behind the one before it."""
    name = entry.filename
    if entry.compress_type != zipfile.ZIP_STORED or entry.file_size != entry.compress_size:
        raise FileError(f"member {name!r} is compressed; those of artifacts are stored")
    if entry.flag_bits & 1:
        raise FileError(f"member {name!r} is encrypted")
    offset = entry.header_offset
    header = bytes(mapped[offset : offset + _LOCAL_HEADER.size]) if offset >= end else b""
    if len(header) < _LOCAL_HEADER.size or not header.startswith(b"PK\x03\x04"):
        raise FileError(f"member {name!r} does not lie where the archive's directory says")
    _, name_size, extra_size = _LOCAL_HEADER.unpack(header)
    return int(offset + _LOCAL_HEADER.size + name_size + extra_size)


def check_hashes(members: Mapping[str, memoryview], hashes: Mapping[str, str]) -> None:
    """Check that members are all there and what they were when they were written.

    Raises:
        FileError: one is missing, is one too many, or has another SHA-256.
    """
    for name in members.keys() ^ hashes.keys():
        where = "the archive, but not in its manifest" if name in members else "the manifest, but not in it"
        raise FileError(f"member {name!r} is in {where}")
    for name, expected in hashes.items():
        if sha256(members[name]) != expected:
            raise FileError(
                f"member {name!r} is damaged: its SHA-256 is not the one that the manifest states"
            )
