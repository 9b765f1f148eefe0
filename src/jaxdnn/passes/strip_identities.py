"""Remove layers that return what they are given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jaxdnn.ir import Graph, Model, Node
from jaxdnn.layers.activation import Clip, Relu
from jaxdnn.layers.arithmetic import Cast
from jaxdnn.layers.base import Layer
from jaxdnn.layers.elementwise import Dropout, Eltwise, Identity, Power
from jaxdnn.layers.shape import Concat, Flatten, Pad, Permute, Reshape, Reverse, Slice, Tile
from jaxdnn.layers.tensor import ExpandDims, Roll, SpaceToBatch, SplitSizes
from jaxdnn.passes.nested import change_graphs
from jaxdnn.passes.rewrite import rebuild


def strip_identities(model: Model) -> Model:
    """Remove layers that return their one input as it is, whatever its shape.

    Those are identities, dropout (which scales only in old networks), joins of a single input, cuts into a single
    part, reshapes, permutations, paddings and the like that leave every axis alone, powers with exponent and factor 1,
    and casts, clips and rectifiers of what an equal layer has just made. Names of removed values and layers go on
    standing for what they equal. Graphs of branches and loops are treated in the same way.

    Given::

        graph 'n' (x) -> (z)
          y = Relu(x)
          d = Dropout(y)
          c = Concat(d)
          z = Softmax(c)

    Result, with ``d`` and ``c`` as aliases of ``y``::

        graph 'n' (x) -> (z)
          y = Relu(x)
          z = Softmax(y)
    """
    graph = model.graph
    nodes = tuple(change_graphs(node, strip_identities) for node in graph.nodes)
    # Without labels, a value that only a loss reads is an output, under its own name.
    named = set(graph.default_outputs(graph.required_inputs)).difference(graph.outputs)
    same: dict[str, str] = {}
    kept = []
    for node in nodes:
        if not _is_identity(node, graph) or node.outputs[0] in named:
            kept.append(node)
            continue
        same[node.outputs[0]] = node.inputs[0]
        if node.name not in graph.values:
            same[node.name] = node.inputs[0]
    if not same and all(new is old for new, old in zip(kept, graph.nodes, strict=True)):
        return model
    return rebuild(model, kept, same=same)


def _is_identity(node: Node, graph: Graph) -> bool:
    if len(node.inputs) != 1 or len(node.outputs) != 1:
        return False
    if isinstance(node.layer, Cast | Clip) or node.layer == Relu():
        producer = graph.producers.get(node.inputs[0])
        return producer is not None and producer.layer == node.layer
    leaves_alone = _IDENTITIES.get(type(node.layer))
    return leaves_alone is not None and leaves_alone(node.layer)


def _always(layer: Layer) -> bool:
    del layer
    return True


def _keeps_axes(layer: Reshape) -> bool:
    """Whether each of the axes replaced gets its own size: one -1 among copies can be no other size."""
    kept = {0, -1} if layer.zero_copies else {-1}
    return layer.num_axes == len(layer.shape) and kept.issuperset(layer.shape)


_IDENTITIES: dict[type[Layer], Callable[[Any], bool]] = {
    Concat: _always,
    Dropout: lambda layer: layer.scale_train or layer.ratio == 0,
    Eltwise: lambda layer: not any(factor != 1 for factor in layer.coefficients),
    ExpandDims: lambda layer: not layer.axes,
    Flatten: lambda layer: layer.axis == layer.end_axis,
    Identity: _always,
    Pad: lambda layer: not any((*layer.before, *layer.after)),
    Permute: lambda layer: layer.order == tuple(range(len(layer.order))),
    Power: lambda layer: (layer.power, layer.scale, layer.shift) == (1, 1, 0),
    Reshape: _keeps_axes,
    Reverse: lambda layer: not layer.axes,
    Roll: lambda layer: not any(layer.shift),
    Slice: lambda layer: layer.parts == 1,
    SpaceToBatch: lambda layer: set(layer.block) <= {1} and not any(map(any, layer.padding)),
    SplitSizes: lambda layer: len(layer.sizes) == 1,
    Tile: lambda layer: set(layer.repeats) <= {1},
}
"""For types of layers with one input, which of them return it as it is."""
