"""The weights file: a header, then every layer's arrays back to back, with nothing between them."""

from __future__ import annotations

import math
import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal

import numpy as np

from jaxdnn.errors import FileError, WeightsError, located
from jaxdnn.importers.files import aligned_empty, kind_of, read_all, read_head
from jaxdnn.layers.base import Shape

Swapped = Literal["never", "old", "always"]
Params = dict[str, dict[str, np.ndarray]]


@dataclass(frozen=True)
class StoredArray:
    """The next array of a weights file.

    Attributes:
        owner, slot: of the parameter that it holds.
        shape: of the parameter.
        place: number and name of its section.
        swapped: whether it is stored with axis 0 last: ``never``, ``always``, or ``old``, only in files whose
            header says so.
    """

    owner: str
    slot: str
    shape: Shape
    place: str
    swapped: Swapped = "never"

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)


@dataclass(frozen=True)
class Header:
    """What a weights file begins with.

    Attributes:
        major, minor, revision: of the program that wrote it.
        seen: number of pictures that it was trained on; eight bytes since version 0.2, four before.
    """

    major: int = 0
    minor: int = 2
    revision: int = 5
    seen: int = 0

    @classmethod
    def unpack(cls, head: bytes) -> Header:
        """Read a header from the first bytes of a file."""
        padded = head[:20].ljust(20, b"\0")
        header = cls(*struct.unpack("<iiiQ", padded))
        return header if header.size == 20 else cls(*struct.unpack("<iiiI", padded[:16]))

    def pack(self) -> bytes:
        """Return the header's bytes."""
        form = "<iiiQ" if self.size == 20 else "<iiiI"
        return struct.pack(form, self.major, self.minor, self.revision, self.seen)

    @property
    def size(self) -> int:
        """Length in bytes."""
        return 20 if self.major * 10 + self.minor >= 2 else 16

    def swaps(self, array: StoredArray) -> bool:
        """Whether the file holds this array with its axis 0 last."""
        old = self.major > 1000 or self.minor > 1000
        return array.swapped == "always" or (old and array.swapped == "old")


def read_weights(path: str, arrays: Sequence[StoredArray], *, partial: bool = False) -> tuple[Header, Params]:
    """Read a weights file that holds exactly these arrays.

    Each array is read once, straight to where it stays. (Views of the mapped file would be read when they are
    needed first, but its pages count beside the device's copy, and a file that changes meanwhile is a crash.)

    Args:
        path: of the file.
        arrays: what it holds, in order.
        partial: whether the file may end behind any layer, as one of a network's first layers does.

    Raises:
        JaxdnnError: the file is no weights file, or of another length. Nothing large was allocated then.
    """
    head = read_head(path)
    if kind_of(head) == "text":
        raise FileError("not a weights file: this is a text file, a cfg perhaps", file=path)
    header = Header.unpack(head)
    with open(path, "rb") as file, located(file=path):
        present = _present(header, arrays, os.fstat(file.fileno()).st_size, partial)
        stored = [aligned_empty(array.size, "<f4") for array in present]
        positions = accumulate((data.nbytes for data in stored), initial=header.size)
        read_all(file.fileno(), zip(positions, stored, strict=False))
    params: Params = {}
    for array, data in zip(present, stored, strict=True):
        if header.swaps(array):
            data = np.ascontiguousarray(data.reshape(-1, array.shape[0]).T)
        params.setdefault(array.owner, {})[array.slot] = data.reshape(array.shape)
    return header, params


def _present(
    header: Header, arrays: Sequence[StoredArray], length: int, partial: bool
) -> Sequence[StoredArray]:
    """Return the arrays that a file of this length holds.

    Raises:
        WeightsError: it ends too early or too late.
    """
    wanted = header.size + 4 * sum(array.size for array in arrays)
    if length > wanted:
        last = f"behind layer {arrays[-1].place}" if arrays else "though no layer has weights"
        raise WeightsError(
            f"{length - wanted} bytes are left over {last}: the file has {length}, the cfg wants {wanted}"
        )
    if length < header.size:
        raise WeightsError(f"cut short: the header has {header.size} bytes, the file {length}")
    position = header.size
    for index, array in enumerate(arrays):
        first_of_layer = index == 0 or arrays[index - 1].place != array.place
        if partial and position == length and first_of_layer:
            return arrays[:index]
        position += 4 * array.size
        if position > length:
            raise WeightsError(
                f"cut short: the file ends after {length} bytes, in the {array.slot} of layer {array.place}, "
                f"and the cfg wants {wanted}" + (f"; {_HINT}" if first_of_layer and not partial else "")
            )
    return arrays


_HINT = "a file for the first layers alone is read with partial=True"
