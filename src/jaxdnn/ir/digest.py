"""One short text for a graph, the same for graphs that compute the same in the same words."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np


def digest(value: Any) -> str:
    """Return a hash of a graph, or of any value made of dataclasses, mappings, sequences, arrays and plain values.

    Constant arrays count by their elements, so that a file that is loaded twice gives the same digest twice.
    """
    text = hashlib.sha256()
    for part in _parts(value):
        text.update(part)
    return text.hexdigest()


def _parts(value: Any) -> Iterator[bytes]:
    if isinstance(value, np.ndarray):
        # An axis of stride 0 repeats its first element, and may be longer than memory.
        held = value[tuple(slice(None) if stride else slice(1) for stride in value.strides)]
        elements = repr(held.tolist()).encode() if held.dtype == object else held.tobytes()
        yield from (f"{value.dtype}{value.shape}{held.shape}".encode(), elements)
    elif is_dataclass(value) and not isinstance(value, type):
        yield type(value).__qualname__.encode()
        for field in fields(value):
            yield f"({field.name}".encode()
            yield from _parts(getattr(value, field.name))
    elif isinstance(value, Mapping):
        yield f"map{len(value)}".encode()
        for key in value:
            yield from _parts(key)
            yield from _parts(value[key])
    elif isinstance(value, tuple | list):
        yield f"list{len(value)}".encode()
        for element in value:
            yield from _parts(element)
    else:
        yield f"{type(value).__name__}:{value!r};".encode()
