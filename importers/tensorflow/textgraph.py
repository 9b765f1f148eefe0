"""Text graphs as OpenCV's scripts write them: what they leave out or mean otherwise is put into TensorFlow's words."""

from __future__ import annotations

from dataclasses import replace

from jaxdnn.errors import GraphError
from jaxdnn.importers.tensorflow.graphdef import Attribute, NodeDef
from jaxdnn.importers.tensorflow.order import Reference, data_inputs
from jaxdnn.importers.tensorflow.tensors import Tensor

SWAP = "@SwapBoxAxes"
"""The op that exchanges x and y of box predictions; no graph can have one of this name."""

_MARK = "loc_pred_transposed"


def translate(nodes: tuple[NodeDef, ...]) -> tuple[NodeDef, ...]:
    """Return a text graph's nodes, with the constants that it reads, as TensorFlow would write them."""
    return _swap_boxes(_dilate(nodes))


def _dilate(nodes: tuple[NodeDef, ...]) -> tuple[NodeDef, ...]:
    """Make dilated convolutions of those between SpaceToBatchND and a BatchToSpaceND without sizes.

    ::

        Given   SpaceToBatchND(x, block, paddings) -> Conv2D VALID -> BiasAdd -> BatchToSpaceND
        Result  Conv2D EXPLICIT (paddings, dilations=block) of x -> BiasAdd
    """
    known = {node.name: node for node in nodes}
    changed: dict[str, NodeDef] = {}
    for node in nodes:
        if node.op != "BatchToSpaceND" or len(data_inputs(node)) != 1:
            continue
        conv = _upstream(known, node, "Conv2D")
        deal = _upstream(known, conv, "SpaceToBatchND")
        x, block, paddings = data_inputs(deal)
        attributes: dict[str, Attribute] = {
            **conv.attributes,
            "padding": b"EXPLICIT",
            "explicit_paddings": [0, 0, *_constant(known, paddings, (2, 2)), 0, 0],
            "dilations": [1, *_constant(known, block, (2,)), 1],
        }
        changed[conv.name] = replace(conv, attributes=attributes)
        changed[deal.name] = replace(deal, op="Identity", inputs=(x,))
        changed[node.name] = replace(node, op="Identity")
    return tuple(changed.get(node.name, node) for node in nodes)


def _upstream(known: dict[str, NodeDef], node: NodeDef, op: str) -> NodeDef:
    """Return the nearest node of this op that first inputs lead to."""
    start, seen = node, set()
    while node.name not in seen:
        seen.add(node.name)
        source = Reference.parse(next(iter(data_inputs(node)), "")).node
        if source not in known:
            break
        node = known[source]
        if node.op == op:
            return node
    raise GraphError(f"without sizes it has to follow a {op}", layer=start.place)


def _constant(known: dict[str, NodeDef], name: str, shape: tuple[int, ...]) -> list[int]:
    node = known.get(Reference.parse(name).node)
    tensor = node.attributes.get("value") if node is not None else None
    if not isinstance(tensor, Tensor) or tensor.shape != shape:
        raise GraphError(f"block shape and paddings have to be constants, {name!r} is not one of {shape}")
    return [int(value) for value in tensor.array().ravel()]


def _swap_boxes(nodes: tuple[NodeDef, ...]) -> tuple[NodeDef, ...]:
    """Exchange x and y behind the layers that are marked as predicting y before x, bias included."""
    marked = {node.name for node in nodes if node.attributes.get(_MARK) is True}
    readers = {
        Reference.parse(data_inputs(node)[0]).node: node.name
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
