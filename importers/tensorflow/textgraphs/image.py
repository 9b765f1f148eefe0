"""The picture: a text graph reads it at its final size, so that resizing, loops over pictures and casts go."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from jaxdnn.errors import GraphError, some
from jaxdnn.importers.tensorflow.graphdef import NodeDef, TensorShape
from jaxdnn.importers.tensorflow.order import Reference
from jaxdnn.importers.tensorflow.textgraphs.draft import Draft, placeholder_attributes

Size = tuple[int, int]
"""Width and height of pictures."""

_ARITHMETIC = frozenset(("Add", "AddV2", "Sub", "Mul", "RealDiv"))
_ABOUT_SIZES = frozenset(("Shape", "Size", "Rank"))


def connect_image(
    draft: Draft, ends: Iterable[str], prepares: Callable[[str], bool], size: Size | None
) -> str:
    """Let the network read the placeholder, and return the placeholder's name.

    ::

        Given   Placeholder uint8 -> Cast -> a loop that resizes -> Mul -> Sub -> Conv2D -> … -> ends
        Result  Placeholder float32 (1, height, width, 3) -> Mul -> Sub -> Conv2D -> … -> ends

    Of what prepares pictures, the arithmetic with constants stays.

    Args:
        draft: the graph, changed in place.
        ends: what the network computes.
        prepares: whether the node of this name prepares pictures.
        size: of prepared pictures; by default as the placeholder states it.

    Raises:
        GraphError: the ends do not depend on exactly one placeholder.
    """
    edges = list(_edges(draft, ends, prepares))
    chains = {name: _chain(draft, name) for name in dict.fromkeys(source for _, source in edges)}
    found = [*dict.fromkeys(chain[0] for chain in chains.values() if chain)]
    if len(found) != 1:
        raise GraphError(f"a detector reads one placeholder, this one reads {some(found) or 'none'}")
    image = found[0]
    for reader, source in edges:
        if chains[source]:
            end = _arithmetic(draft, image, chains[source])
            inputs = tuple(end if _name(text) == source else text for text in draft.nodes[reader].inputs)
            draft.change(reader, inputs=inputs)
    placeholder = draft.node(image)
    shape = (1, *_height_and_width(placeholder, size), 3)
    draft.nodes[image] = replace(placeholder, attributes=placeholder_attributes(shape))
    return image


def _height_and_width(placeholder: NodeDef, size: Size | None) -> tuple[int | None, ...]:
    if size is not None:
        return size[::-1]
    shape = placeholder.attributes.get("shape")
    sizes = shape.sizes if isinstance(shape, TensorShape) else None
    return sizes[1:3] if sizes is not None and len(sizes) == 4 else (None, None)


def _edges(draft: Draft, ends: Iterable[str], prepares: Callable[[str], bool]) -> Iterable[tuple[str, str]]:
    """Yield the network's nodes that read what prepares pictures, each with what it reads."""
    pending, seen = list(ends), set()
    while pending:
        name = pending.pop(0)
        if name in seen:
            continue
        seen.add(name)
        for source in dict.fromkeys(map(_name, draft.node(name).inputs)):
            node = draft.nodes.get(source)
            if node is not None and (node.op == "Placeholder" or (prepares(source) and node.op != "Const")):
                yield name, source
            else:
                pending.append(source)


def _chain(draft: Draft, name: str) -> list[str]:
    """Return the nodes on a way from a placeholder to the named one, both included; sizes lead nowhere."""
    readers: dict[str, str] = {name: ""}
    pending = [name]
    while pending:
        current = pending.pop(0)
        node = draft.node(current)
        if node.op == "Placeholder":
            chain = [current]
            while readers[chain[-1]]:
                chain.append(readers[chain[-1]])
            return chain
        for source in [] if node.op in _ABOUT_SIZES else map(_name, node.inputs):
            if source not in readers:
                readers[source] = current
                pending.append(source)
    return []


def _arithmetic(draft: Draft, image: str, chain: list[str]) -> str:
    """Join the image and those of the chain's nodes that compute with it and a constant; return the last one."""
    last = image
    for name in chain[1:]:
        node = draft.nodes[name]
        if _computes(draft, node):
            inputs = tuple(text if draft.constant(text) is not None else last for text in node.inputs)
            draft.change(name, inputs=inputs)
            last = name
    return last


def _computes(draft: Draft, node: NodeDef) -> bool:
    constants = [draft.constant(text) is not None for text in node.inputs]
    return node.op in _ARITHMETIC and sorted(constants) == [False, True]


def _name(text: str) -> str:
    return Reference.parse(text).node
