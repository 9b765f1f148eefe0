"""Everything that a user's file or argument can do wrong, as one family of exceptions.

Each error is one sentence: the subject first, then both sides of the relation that does not hold.
Where it happened is kept apart from what happened, so that whoever knows the file, the line or the layer
adds it on the way up (:func:`located`) and nobody formats it twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager


class JaxdnnError(Exception):
    """Base of all errors that jaxdnn raises on purpose.

    Attributes:
        message: what is wrong, without the place.
        file: path of the file at fault, or None.
        line: 1-based line in that file, or None.
        column: 1-based column in that line, or None.
        layer: the layer at fault as ``'name' (Type)``, or None.
    """

    def __init__(
        self,
        message: str,
        *,
        file: str | None = None,
        line: int | None = None,
        column: int | None = None,
        layer: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.file = file
        self.line = line
        self.column = column
        self.layer = layer

    def __str__(self) -> str:
        position = ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)
        if self.line is not None and self.file is None:
            position = f"line {position}"
        layer = f"layer {self.layer}" if self.layer else ""
        return ": ".join(part for part in (position, layer, self.message) if part)


class FileError(JaxdnnError):
    """The file is missing, empty, unreadable, or of another kind than expected."""


class ParseError(JaxdnnError):
    """The file's syntax or encoding is broken, or a field has a value of the wrong type."""


class GraphError(JaxdnnError):
    """The layers do not form a legal graph: an unknown input, a name given twice, a cycle."""


class UnsupportedLayerError(JaxdnnError):
    """The network has layers that jaxdnn does not know and that no custom layer covers."""


class LayerError(JaxdnnError):
    """A layer's attributes contradict each other or lie outside their range."""


class ShapeError(JaxdnnError):
    """The shapes that meet at a layer do not fit each other."""


class WeightsError(JaxdnnError):
    """The stored weights do not fit the layers, or are missing."""


class InputError(JaxdnnError):
    """A call's arguments do not fit the network's inputs or outputs."""


class JaxdnnWarning(UserWarning):
    """Something in a file was ignored or replaced; the message says what and where."""


@contextmanager
def located(*, file: str | None = None, line: int | None = None, layer: str | None = None) -> Iterator[None]:
    """Fill in the parts of the place that a JaxdnnError from within does not know yet."""
    try:
        yield
    except JaxdnnError as error:
        error.file = error.file or file
        error.line = line if error.line is None else error.line
        error.layer = error.layer or layer
        raise


def some(names: Sequence[str], limit: int = 12) -> str:
    """Return names for a message: quoted, and no more than ``limit`` of them."""
    listed = ", ".join(map(repr, names[:limit]))
    return f"{listed} and {len(names) - limit} more" if len(names) > limit else listed
