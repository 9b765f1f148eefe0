"""Names of classes, from the files that come with networks."""

from __future__ import annotations

import re

from jaxdnn.errors import InputError, located
from jaxdnn.importers import textproto
from jaxdnn.importers.files import read_text

Labels = dict[int, str]

MAX_CLASS = 100_000


def read_labels(path: str) -> Labels:
    """Read names by class index.

    The file has one name per line, the first for class 0, with or without ImageNet's synset ids before
    them; or it is a label map, ``item { label: 1 display_name: "cat" }`` (or ``id:``) for each class.

    Raises:
        JaxdnnError: the file cannot be read, or is a label map with an error in its syntax.
    """
    text = read_text(path)
    if re.match(r"(\s|#.*\n)*item\s*:?\s*\{", text):
        with located(file=path):
            return _label_map(text)
    return {index: re.sub(r"^n\d{8} ", "", line.strip()) for index, line in enumerate(text.splitlines())}


def read_label_list(path: str) -> tuple[str, ...]:
    """Read names as :func:`read_labels` does, one for each class from 0 on; a class without a name has an empty one.

    Raises:
        JaxdnnError: see :func:`read_labels`, or a class has a number beyond :data:`MAX_CLASS`.
    """
    labels = read_labels(path)
    last = max(labels, default=-1)
    if last > MAX_CLASS:
        raise InputError(f"the labels have a class {last}, beyond {MAX_CLASS}")
    return tuple(labels.get(index, "") for index in range(last + 1))


def _label_map(text: str) -> Labels:
    labels = {}
    for item in textproto.parse(text).messages("item"):
        stated = {name: value.text for name, value in item.fields if isinstance(value, textproto.Scalar)}
        index = stated.get("label", stated.get("id", ""))
        if index.lstrip("-").isdigit():
            labels[int(index)] = stated.get("display_name") or stated.get("name", "")
    return labels


def label_of(labels: Labels, index: int) -> str:
    """Return a class's name, or its number where it has none."""
    return labels.get(index) or str(index)
