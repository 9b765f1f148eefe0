"""Text graphs as OpenCV's scripts write them: what they leave out or mean otherwise is put into TensorFlow's words."""

from __future__ import annotations

import math
from dataclasses import replace

from jaxdnn.errors import GraphError
from jaxdnn.importers.tensorflow.graphdef import Attribute, NodeDef
from jaxdnn.importers.tensorflow.order import Reference, data_inputs
from jaxdnn.importers.tensorflow.tensors import NAMES, DType, Tensor

SWAP = "@SwapBoxAxes"
"""The op that exchanges x and y of box predictions; no graph can have one of this name, nor of the next ones."""

PROPOSALS = "@Proposals"
"""The op that makes an array of a fixed size of what a first stage detected."""

PROPOSED = "@ProposedScores"
"""The op that takes a second stage's scores from rows that hold no proposal."""

CROP = "@CropDetections"
"""The op that cuts the boxes of detections out of a feature map."""

_MARK = "loc_pred_transposed"


def translate(nodes: tuple[NodeDef, ...]) -> tuple[NodeDef, ...]:
    """Return a text graph's nodes, with the constants that it reads, as TensorFlow would write them."""
    return _crop(_follow_proposals(_swap_boxes(_dilate(_read_numbers(nodes)))))


def _read_numbers(nodes: tuple[NodeDef, ...]) -> tuple[NodeDef, ...]:
    """Let images of bytes be numbers, because a text graph leaves out the node that converts them."""
    image, number = DType(NAMES["UINT8"]), DType(NAMES["FLOAT"])
    return tuple(
        replace(node, attributes={**node.attributes, "dtype": number})
        if node.op == "Placeholder" and node.attributes.get("dtype") == image
        else node
        for node in nodes
    )


def _dilate(nodes: tuple[NodeDef, ...]) -> tuple[NodeDef, ...]:
    """Make dilated convolutions of those between SpaceToBatchND and a BatchToSpaceND without sizes.

    ::

        Given   SpaceToBatchND(x, block, paddings) -> Conv2D VALID -> BiasAdd -> BatchToSpaceND
        Result  Conv2D EXPLICIT (paddings, dilations=block) of x -> BiasAdd
    """
    if all(node.op != "BatchToSpaceND" for node in nodes):
        return nodes
    known = {node.name: node for node in nodes}
    changed: dict[str, NodeDef] = {}
    for node in nodes:
        if node.op != "BatchToSpaceND" or len(data_inputs(node)) > 2:
            continue
        conv = _required(known, node, "Conv2D")
        deal = _required(known, conv, "SpaceToBatchND")
        x, block, paddings = data_inputs(deal)
        attributes: dict[str, Attribute] = {
            **conv.attributes,
            "padding": b"EXPLICIT",
            "explicit_paddings": [0, 0, *_constant(known, paddings, (2, 2)), 0, 0],
            "dilations": [1, *_constant(known, block, (2,)), 1],
        }
        changed[conv.name] = replace(conv, attributes=attributes)
        changed[deal.name] = replace(deal, op="Identity", inputs=(x,))
        changed[node.name] = replace(node, op="Identity", inputs=data_inputs(node)[:1])
    return tuple(changed.get(node.name, node) for node in nodes)


def _upstream(known: dict[str, NodeDef], source: str, op: str) -> NodeDef | None:
    """Return the nearest node of this op among an input's and those that first inputs lead to."""
    seen: set[str] = set()
    while source in known and source not in seen:
        node = known[source]
        if node.op == op:
            return node
        seen.add(source)
        source = _source(next(iter(data_inputs(node)), ""))
    return None


def _source(text: str) -> str:
    return Reference.parse(text).node


def _required(known: dict[str, NodeDef], node: NodeDef, op: str) -> NodeDef:
    found = _upstream(known, _source(next(iter(data_inputs(node)), "")), op)
    if found is None:
        raise GraphError(f"without sizes it has to follow a {op}", layer=node.place)
    return found


def _constant(known: dict[str, NodeDef], name: str, shape: tuple[int, ...]) -> list[int]:
    node = known.get(_source(name))
    tensor = node.attributes.get("value") if node is not None else None
    if not isinstance(tensor, Tensor) or tensor.shape not in (shape, (math.prod(shape),)):
        raise GraphError(f"block shape and paddings have to be constants, {name!r} is not one of {shape}")
    return [int(value) for value in tensor.array().ravel()]


def _swap_boxes(nodes: tuple[NodeDef, ...]) -> tuple[NodeDef, ...]:
    """Exchange x and y behind the layers that are marked as predicting y before x, bias included."""
    marked = {node.name for node in nodes if node.attributes.get(_MARK) is True}
    if not marked:
        return nodes
    readers = {
        _source(data_inputs(node)[0]): node.name
        for node in nodes
        if node.op == "BiasAdd" and len(data_inputs(node)) == 2
    }
    ends = {readers.get(name, name) for name in marked}
    result = []
    for node in nodes:
        if node.name in marked:
            node = replace(node, attributes={k: v for k, v in node.attributes.items() if k != _MARK})
        if node.name in ends:
            inner = f"{node.name}@yx"
            result += [replace(node, name=inner), NodeDef(node.name, SWAP, (inner,), {}, node.line)]
        else:
            result.append(node)
    return tuple(result)


def _follow_proposals(nodes: tuple[NodeDef, ...]) -> tuple[NodeDef, ...]:
    """Give the second stage of a detector all rows that the first one may yield, but no scores to empty ones.

    OpenCV lets empty rows become detections of no size. How many proposals there are depends on the data; the
    second stage computes on as many rows as there may be.

    ::

        Given   P = DetectionOutput(…) -> anything -> priors of DetectionOutput(locations, scores, priors)
        Result  P -> P@rows -> anything -> priors of DetectionOutput(locations, scores@proposed, priors)
    """
    known = {node.name: node for node in nodes}
    first: dict[str, str] = {}
    for node in nodes:
        inputs = data_inputs(node)
        found = None
        if node.op == "DetectionOutput" and len(inputs) > 2:
            found = _upstream(known, _source(inputs[2]), "DetectionOutput")
        if found is not None:
            first[node.name] = found.name
    if not first:
        return nodes
    result = []
    for node in nodes:
        inputs = tuple(
            f"{_source(text)}@rows" if _source(text) in first.values() else text for text in data_inputs(node)
        )
        if node.name in first:
            name = f"{node.name}@proposed"
            attributes = {"num_classes": node.attributes.get("num_classes", 0)}
            result.append(
                NodeDef(name, PROPOSED, (inputs[1], f"{first[node.name]}@rows"), attributes, node.line)
            )
            inputs = (inputs[0], name, *inputs[2:])
        result.append(replace(node, inputs=inputs))
        if node.name in first.values():
            result.append(NodeDef(f"{node.name}@rows", PROPOSALS, (node.name,), {}, node.line))
    return tuple(result)


def _crop(nodes: tuple[NodeDef, ...]) -> tuple[NodeDef, ...]:
    """Cut the boxes of detections where CropAndResize has three inputs: a feature map, detections, and a size.

    Of a first stage's detections all rows are cut, see :func:`_follow_proposals`; of others as many as there are.
    """
    if all(node.op != "CropAndResize" for node in nodes):
        return nodes
    known = {node.name: node for node in nodes}
    result = []
    for node in nodes:
        inputs = data_inputs(node)
        if node.op == "CropAndResize" and len(inputs) == 3:
            whole = _upstream(known, _source(inputs[1]), PROPOSALS) is not None
            node = replace(node, op=CROP, attributes={**node.attributes, "counted": not whole})
        result.append(node)
    return tuple(result)
