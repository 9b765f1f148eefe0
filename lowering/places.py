"""What a message says of a node: its name, its type and where it comes from."""

from __future__ import annotations

from typing import Any

from jaxdnn.ir import Node
from jaxdnn.layers.custom import Custom


def place(node: Node) -> dict[str, Any]:
    """Return where a node comes from, as :func:`~jaxdnn.errors.located` takes it."""
    file, _, line = node.origin.rpartition(":")
    where: dict[str, Any] = {"layer": f"{node.name!r} ({type_name(node)})"}
    if line.isdigit():
        return where | {"file": file, "line": int(line)}
    return where | ({"file": node.origin} if node.origin else {})


def type_name(node: Node) -> str:
    """Return the layer's type as a message shows it: the source's name of a custom layer."""
    return node.layer.type if isinstance(node.layer, Custom) else type(node.layer).__name__
