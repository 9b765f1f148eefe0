"""Files that hold a GraphDef among other things: a SavedModel's graph is taken, a MetaGraphDef is refused."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import replace

from jaxdnn.errors import FileError, ParseError, some
from jaxdnn.importers import wire
from jaxdnn.importers.tensorflow.binary import read_binary
from jaxdnn.importers.tensorflow.graphdef import GraphDef

TAG = "serve"
"""What the graph for inference is tagged with."""

SIGNATURE = "serving_default"
"""The signature whose outputs are the net's."""

Span = tuple[int, int]


def read_graph(data: bytes, ops: Container[str] | None = None) -> GraphDef:
    """Read a binary GraphDef, or the graph for inference of a SavedModel.

    ``ops`` are those of a GraphDef's nodes that are read whole, see
    :func:`~jaxdnn.importers.tensorflow.binary.read_binary`.

    ::

        SavedModel    1: version, 2: meta graph…
        MetaGraphDef  1: (4: tag…), 2: GraphDef, 5: (1: name, 2: signature)…
        SignatureDef  1: (1: name, 2: (1: tensor))… of the inputs, 2: the same of the outputs

    Raises:
        ParseError: the bytes are damaged or cut short.
        FileError: they are a MetaGraphDef, or a SavedModel without a graph for inference.
    """
    kind = _kind(data)
    if kind == "SavedModel":
        return _read_saved_model(data)
    if kind == "MetaGraphDef":
        raise FileError("this is a MetaGraphDef (.meta), not a frozen graph: its variables lie elsewhere")
    return read_binary(data, ops)


def _read_saved_model(data: bytes) -> GraphDef:
    graphs = [(start, end) for number, start, end in wire.parts(data, 0, len(data)) if number == 2]
    tags = {span: _tags(data, span) for span in graphs}
    chosen = min(
        (span for span in graphs if TAG in tags[span]), key=lambda span: len(tags[span]), default=None
    )
    if chosen is None:
        found = some(sorted({tag for names in tags.values() for tag in names}))
        raise FileError(
            f"this is a SavedModel, not a frozen graph: freeze it (convert_variables_to_constants_v2) and save its "
            f"GraphDef; of its {len(graphs)} graphs none is tagged {TAG!r}"
            + (f", but {found}" if found else "")
        )
    graph = _first(data, chosen, 2)
    if graph is None:
        raise FileError(f"this is a SavedModel whose graph tagged {TAG!r} is empty")
    return replace(read_binary(data[slice(*graph)]), results=_results(data, chosen))


def _tags(data: bytes, meta_graph: Span) -> list[str]:
    information = _first(data, meta_graph, 1)
    if information is None:
        return []
    return [_text(data, (start, end)) for number, start, end in wire.parts(data, *information) if number == 4]


def _results(data: bytes, meta_graph: Span) -> dict[str, str]:
    """Return the tensors of the signature's outputs by their names."""
    signatures = _map(data, meta_graph, 5)
    if SIGNATURE not in signatures:
        return {}
    outputs = _map(data, signatures[SIGNATURE], 2)
    tensors = {name: _first(data, information, 1) for name, information in outputs.items()}
    return {name: _text(data, span) for name, span in tensors.items() if span is not None}


def _map(data: bytes, message: Span, field: int) -> dict[str, Span]:
    """Return the values of a map from strings to messages."""
    found = {}
    for number, start, end in wire.parts(data, *message):
        if number == field:
            entry = {inner: (first, last) for inner, first, last in wire.parts(data, start, end)}
            if entry.keys() >= {1, 2}:
                found[_text(data, entry[1])] = entry[2]
    return found


def _first(data: bytes, message: Span, field: int) -> Span | None:
    found = ((start, end) for number, start, end in wire.parts(data, *message) if number == field)
    return next(found, None)


def _text(data: bytes, span: Span) -> str:
    return data[slice(*span)].decode("utf-8", "replace")


def _kind(data: bytes) -> str:
    """Tell a SavedModel and a MetaGraphDef from a GraphDef by the first fields."""
    try:
        fields = wire.fields(data, 0, len(data))
        first = next(fields, None)
        if first and first.number == 1 and first.wire_type == wire.VARINT:
            return "SavedModel"
        # In a MetaGraphDef field 2 is the graph, whose own field 1 is a node; in a GraphDef a library,
        # whose field 1 is a function, whose field 1 is a message and no name.
        second = first if first and first.number == 2 else next(fields, None)
        if second and second.number == 2 and second.wire_type == wire.BYTES:
            node = next(wire.parts(data, second.start, second.end), None)
            if node and node[0] == 1 and _is_node(data, node[1:]):
                return "MetaGraphDef"
    except ParseError:
        pass  # what is wrong is said where the graph is read
    return "GraphDef"


def _is_node(data: bytes, message: Span) -> bool:
    """Whether a message begins with a name and an op, which are no messages."""
    found = {number: data[start:end] for number, start, end in wire.parts(data, *message)}
    return all(
        number in found and found[number].isascii() and b"\n" not in found[number] for number in (1, 2)
    )
