"""The tree of classes that a cfg names: which class is a kind of which."""

from __future__ import annotations

import os
from itertools import groupby

from jaxdnn.errors import FileError, ParseError, located
from jaxdnn.importers.files import read_text


def read_tree(name: str, folder: str) -> tuple[int, ...]:
    """Return the parent of each class, -1 for one that has none.

    Darknet looks from where it is started, usually the folder above that of the cfg.

    Args:
        name: path of the file as the cfg states it.
        folder: of the cfg.

    Raises:
        JaxdnnError: there is no such file, or it is no tree.
    """
    places = [os.path.join(place, name) for place in (folder, os.path.join(folder, os.pardir), os.curdir)]
    found = next((path for path in places if os.path.isfile(path)), None)
    if found is None:
        raise FileError(
            f"the tree {name!r} that the cfg names is not found from {folder or os.curdir!r} or the folder above; "
            "darknet keeps it in its folder data"
        )
    return _parse(found)


def group_sizes(parents: tuple[int, ...]) -> tuple[int, ...]:
    """Return the lengths of the runs of classes with the same parent, which exclude each other."""
    return tuple(len(list(run)) for _, run in groupby(parents))


def _parse(path: str) -> tuple[int, ...]:
    parents: list[int] = []
    with located(file=path):
        for number, line in enumerate(read_text(path).splitlines(), 1):
            words = line.split()
            if not words:
                continue
            try:
                parent = int(words[1]) if len(words) > 1 else -1
            except ValueError:
                raise ParseError(f"name and parent expected, got {line[:40]!r}", line=number) from None
            if not -1 <= parent < len(parents):
                raise ParseError(f"parent {parent} of class {len(parents)} does not precede it", line=number)
            parents.append(parent)
    return tuple(parents)
