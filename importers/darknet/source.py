"""Where a Darknet net came from, and what writing its weights back takes."""

from __future__ import annotations

from dataclasses import dataclass, field

from jaxdnn.importers.darknet.weights import Header, StoredArray
from jaxdnn.ir import Source


@dataclass(frozen=True, eq=False)
class DarknetSource(Source):
    """A source that remembers the weights file.

    Attributes:
        layers: for each section of the cfg behind the first the value that it yields.
        arrays: what the weights file holds, in order.
        header: of the file that was read.
    """

    layers: tuple[str, ...] = ()
    arrays: tuple[StoredArray, ...] = ()
    header: Header = field(default_factory=Header)
