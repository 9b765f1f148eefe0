"""Remove transposes, and reshapes, that others undo or replace."""

from __future__ import annotations

from dataclasses import replace

from jaxdnn.ir import Model, Node
from jaxdnn.layers.base import Layer
from jaxdnn.layers.shape import Flatten, Permute, Reshape
from jaxdnn.layers.tensor import ExpandDims, Squeeze
from jaxdnn.passes.cancel_transposes import cancel_transposes
from jaxdnn.passes.permutation import Order, compose, order_of
from jaxdnn.passes.ranks import ranks
from jaxdnn.passes.rewrite import rebuild

_MOVEMENTS = (Permute, Reshape, Flatten, Squeeze, ExpandDims)


def merge_transposes(model: Model) -> Model:
    """Merge transposes that follow each other, and those that layers between them only keep apart.

    Given::

        graph 'n' (x) -> (y)
          a = Permute(x) {order=(0, 2, 3, 1)}
          b = Relu(a)
          y = Permute(b) {order=(0, 3, 1, 2)}

    Result::

        graph 'n' (x) -> (y)
          y = Relu(x)

    * A transpose that changes nothing goes; its name becomes another one of its input.
    * A transpose of a transpose is one transpose of the first one's input. Equal transposes of a value are one.
    * A transpose goes if all that it depends on can be computed in the order that it brings about: through layers that
      take elements one by one, or along an axis that they state, back to transposes that it undoes and to constants,
      which are transposed at once. Nothing else may read the values between, and none of them may be an output.
    * Of two reshapes in a row the last one is enough if its result is certainly the same: it names all sizes itself, or
      copies only such as the first one copies.
    """
    while (merged := cancel_transposes(_merge_reshapes(_merge_neighbours(model)))) is not model:
        model = merged
    return model


def _merge_neighbours(model: Model) -> Model:
    """Let each transpose read what is no transpose, and remove those that change nothing or are there twice."""
    sources: dict[str, tuple[str, Order]] = {}
    known: dict[tuple[str, Order], str] = {}
    same: dict[str, str] = {}
    nodes: list[Node] = []
    for node in model.graph.nodes:
        if not isinstance(node.layer, Permute):
            nodes.append(node)
            continue
        (value,), (output,) = node.inputs, node.outputs
        source, before = sources.get(value, (value, ()))
        order = compose(before, order_of(node.layer))
        sources[output] = source, order
        equal = known.setdefault((source, order), output) if order else source
        if equal != output:
            same[output] = equal
        elif source == value:
            nodes.append(node)
        else:
            nodes.append(replace(node, layer=Permute(order=order), inputs=(source,)))
    unchanged = all(old is new for old, new in zip(model.graph.nodes, nodes, strict=False))
    return model if unchanged and not same else rebuild(model, nodes, same=same, unread=_MOVEMENTS)


def _merge_reshapes(model: Model) -> Model:
    """Let each reshape read what the reshape before it reads, where that certainly gives the same."""
    known, produced = ranks(model.graph), dict(model.graph.producers)
    nodes = []
    for node in model.graph.nodes:
        first = produced.get(node.inputs[0]) if node.inputs else None
        if first is not None and _replaces(first.layer, node.layer, [known.get(v, 0) for v in first.inputs]):
            node = replace(node, inputs=first.inputs)
            produced.update(dict.fromkeys(node.outputs, node))
        nodes.append(node)
    unchanged = all(old is new for old, new in zip(model.graph.nodes, nodes, strict=True))
    return model if unchanged else rebuild(model, nodes, unread=_MOVEMENTS)


def _replaces(first: Layer, second: Layer, read: list[int]) -> bool:
    """Return whether the second of two layers in a row gives the same without the first one.

    Args:
        first, second: the layers.
        read: the rank of what the first one reads; 0 where it is not known.
    """
    if not isinstance(first, Reshape | Flatten | Squeeze | ExpandDims):
        return False
    if isinstance(second, Reshape) and second.num_axes == -1 and second.axis >= 0:
        copied = [i for i, size in enumerate(second.shape, second.axis) if size == 0 and second.zero_copies]
        needed = {*range(second.axis), *copied}
    elif isinstance(second, Flatten) and second.end_axis == -1 and 0 <= second.axis < read[0]:
        needed = set(range(second.axis))
    else:
        return False
    return needed <= _kept_axes(first)


def _kept_axes(layer: Reshape | Flatten | Squeeze | ExpandDims) -> set[int]:
    """Return axes that a reshape certainly leaves where and as they are."""
    copied: list[int] = []
    first = layer.axis if isinstance(layer, Reshape | Flatten) else min(layer.axes, default=0)
    if isinstance(layer, Reshape) and layer.zero_copies and layer.axis >= 0:
        copied = [i for i, size in enumerate(layer.shape, layer.axis) if size == 0]
    return {*range(first), *copied}
