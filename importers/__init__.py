"""From files to models: one package per format, chosen by the files' contents."""

from __future__ import annotations

import re

from jaxdnn.errors import FileError, InputError
from jaxdnn.importers.files import kind_of, read_head
from jaxdnn.ir import Model

FORMATS = ("caffe",)


def load_model(
    paths: list[str], *, format: str | None = None, stages: tuple[str, ...] = (), level: int = 0
) -> Model:
    """Read a model from one or two files, given in either order.

    Args:
        paths: the description and, where the format has it apart, the weights.
        format: one of :data:`FORMATS`; by default found out.
        stages, level: Caffe's NetState.

    Raises:
        JaxdnnError: a file cannot be read or does not make sense.
    """
    heads = {path: read_head(path) for path in paths}
    format = format or _sniff(heads)
    if format == "caffe":
        from jaxdnn.importers import caffe

        return caffe.load_model(*_description_first(heads), stages=stages, level=level)
    raise InputError(f"format {format!r} is unknown; the formats are {', '.join(FORMATS)}")


def _sniff(heads: dict[str, bytes]) -> str:
    for path, head in heads.items():
        if kind_of(head) == "text" and re.match(rb"(\s|[#;][^\n]*\n)*\[[A-Za-z_]+\]", head):
            raise FileError("this looks like a Darknet cfg, which cannot be imported yet", file=path)
    return "caffe"


def _description_first(heads: dict[str, bytes]) -> list[str]:
    """Put the text file before the binary one."""
    return sorted(heads, key=lambda path: kind_of(heads[path]) == "binary")
