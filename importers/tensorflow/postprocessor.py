"""The suppression of the Object Detection API: a loop over images, unrolled over classes, as one node again."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from jaxdnn.importers.tensorflow.graphdef import NodeDef
from jaxdnn.importers.tensorflow.order import Reference, data_inputs
from jaxdnn.importers.tensorflow.tensors import NAMES, DType, Tensor

_SUPPRESSION = "BatchMultiClassNonMaxSuppression"
_SCOPE = re.compile(rf"(?:.*/)?{_SUPPRESSION}(?:_\d+)?(?=/)")
_STACK = re.compile(r"TensorArrayStack(?:_(\d+))?/TensorArrayGatherV3$")
_SUPPRESSIONS = ("NonMaxSuppressionV2", "NonMaxSuppressionV3")
_LAST_FLOAT = 2
"""The stacked results are boxes, scores, classes and then others, of which only the number of boxes is known."""

Known = Mapping[str, NodeDef]


def recognize(nodes: tuple[NodeDef, ...]) -> tuple[NodeDef, ...]:
    """Return the nodes with each such scope's results read from a single suppression.

    ::

        Given   boxes, scores -> scope/map/… (TensorArrays, a loop, NonMaxSuppression for each class)
                -> scope/map/TensorArrayStack, _1, _2, … (boxes, scores, classes, number)
        Result  boxes, scores -> scope@detections (CombinedNonMaxSuppression) -> the same names

    A scope that holds anything unexpected stays as it is.
    """
    known = {node.name: node for node in nodes}
    scopes: dict[str, list[NodeDef]] = {}
    for node in nodes:
        found = _SUPPRESSION in node.name and _SCOPE.match(node.name)
        if found:
            scopes.setdefault(found[0], []).append(node)
    replaced: dict[str, NodeDef] = {}
    added: list[NodeDef] = []
    for name, members in scopes.items():
        results = _results(nodes, name, members)
        joined = _joined(known, name, members) if results is not None else None
        if joined is not None and results is not None:
            added.append(joined)
            for result, port in results.items():
                replaced[result] = NodeDef(result, "Identity", (f"{joined.name}:{port}",))
    return (*(replaced.get(node.name, node) for node in nodes), *added)


def _results(nodes: tuple[NodeDef, ...], scope: str, members: list[NodeDef]) -> dict[str, int] | None:
    """Return the scope's nodes that others read, and which output of the suppression each one is."""
    inside = {node.name: node for node in members}
    read = {
        source
        for node in nodes
        if node.name not in inside
        for source in (Reference.parse(text).node for text in data_inputs(node))
        if source in inside
    }
    ports = {}
    for name in read:
        stacked = _STACK.search(name)
        if not stacked:
            return None
        index = int(stacked[1] or 0)
        if inside[name].attributes.get("dtype") == DType(NAMES["INT32"]):
            index = _LAST_FLOAT + 1
        elif index > _LAST_FLOAT:
            return None
        ports[name] = index
    return ports or None


@dataclass(frozen=True)
class _Arguments:
    """Names of what a suppression reads."""

    boxes: str
    scores: str
    class_count: str
    overlap: str
    threshold: str


def _joined(known: Known, scope: str, members: list[NodeDef]) -> NodeDef | None:
    """Return the suppression of all classes, if that of every class is the same."""
    inside = {node.name for node in members}
    suppressions = [node for node in members if node.op in _SUPPRESSIONS]
    arguments = [_arguments(known, inside, members, node) for node in suppressions]
    first = arguments[0] if arguments else None
    if first is None or any(
        other is None
        or (other.boxes, other.scores) != (first.boxes, first.scores)
        or any(
            _number(known, getattr(other, name)) != _number(known, getattr(first, name))
            for name in ("class_count", "overlap", "threshold")
        )
        for other in arguments
    ):
        return None
    count = _total(known, members, suppressions) or first.class_count
    inputs = (first.boxes, first.scores, first.class_count, count, first.overlap, first.threshold)
    clip = any("clip" in name.lower() for name in inside)
    attributes = {"clip_boxes": clip, "pad_per_class": False}
    return NodeDef(f"{scope}@detections", "CombinedNonMaxSuppression", inputs, attributes)


def _arguments(known: Known, inside: set[str], members: list[NodeDef], node: NodeDef) -> _Arguments | None:
    inputs = data_inputs(node)
    if len(inputs) != (4 if node.op.endswith("V2") else 5):
        return None
    boxes, scores = (list(_entering(known, inside, text)) for text in inputs[:2])
    class_count = _limit(known, inputs[2])
    threshold = inputs[4] if len(inputs) == 5 else _compared(known, members)
    if len(boxes) != 1 or len(scores) != 1 or class_count is None or threshold is None:
        return None
    arguments = _Arguments(boxes[0], scores[0], class_count, inputs[3], threshold)
    numbers = (_number(known, name) for name in (class_count, inputs[3], threshold))
    return None if None in numbers else arguments


def _entering(known: Known, inside: set[str], text: str) -> Iterator[str]:
    """Yield what a value inside is computed from outside; what only lends its shape does not count."""
    pending, seen = [text], set()
    while pending:
        text = pending.pop()
        name = Reference.parse(text).node
        if name in seen or name not in known:
            continue
        seen.add(name)
        node = known[name]
        if name not in inside:
            yield text
        elif node.op != "Shape":
            pending.extend(data_inputs(node))


def _limit(known: Known, text: str) -> str | None:
    """Return the constant that a number is, or that bounds it."""
    node = known.get(Reference.parse(text).node)
    if node is not None and node.op == "Minimum":
        constants = [name for name in data_inputs(node) if _number(known, name) is not None]
        return constants[0] if len(constants) == 1 else None
    return text if _number(known, text) is not None else None


def _total(known: Known, members: list[NodeDef], suppressions: list[NodeDef]) -> str | None:
    """Return the constant that bounds the number of all boxes: an integer of a minimum that is no class' own."""
    own = {Reference.parse(data_inputs(node)[2]).node for node in suppressions}
    bounds = [
        limit
        for node in members
        if node.op == "Minimum" and node.name not in own
        for limit in (_limit(known, node.name),)
        if limit is not None and isinstance(_number(known, limit), int)
    ]
    return bounds[0] if len({_number(known, bound) for bound in bounds}) == 1 else None


def _compared(known: Known, members: list[NodeDef]) -> str | None:
    """Return the one constant that scores are compared with where the suppression has no threshold."""
    constants = [data_inputs(node)[1] for node in members if node.op == "Greater" and "Filter" in node.name]
    return constants[0] if len({_number(known, name) for name in constants}) == 1 else None


def _number(known: Known, text: str) -> int | float | None:
    node = known.get(Reference.parse(text).node)
    tensor = node.attributes.get("value") if node is not None and node.op == "Const" else None
    if not isinstance(tensor, Tensor) or tensor.shape != ():
        return None
    value: int | float = tensor.array().item()
    return value
