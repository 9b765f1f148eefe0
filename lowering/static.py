"""Which inputs decide shapes, so that a program is compiled for their values."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from jaxdnn.ir import Graph, Value
from jaxdnn.layers.base import Layer
from jaxdnn.layers.control import While
from jaxdnn.layers.tensor import ShapeOf
from jaxdnn.lowering.registry import Interpreter, Lowering


def static_inputs(graph: Graph, lowerings: Mapping[str, Lowering | None]) -> tuple[str, ...]:
    """Return the inputs that some layer has to know while the program is traced.

    Those are scalars and vectors of integers or booleans (a number of elements to keep, a size) from which a
    shape is computed. What is computed from the shape of an input does not depend on the input.
    """
    wanted = shape_deciders(graph, lowerings)
    return tuple(value.name for value in graph.inputs if value.name in wanted and _may_be_static(value))


def shape_deciders(graph: Graph, lowerings: Mapping[str, Lowering | None]) -> set[str]:
    """Return all values from which a shape is computed, inputs among them."""
    wanted: set[str] = set()
    for node in reversed(graph.nodes):
        lowering = lowerings[node.name]
        if lowering is not None:
            wanted.update(node.inputs[index] for index in lowering.known(node.layer, len(node.inputs)))
        if not wanted.isdisjoint(node.outputs) and not isinstance(node.layer, ShapeOf):
            wanted.update(node.inputs)
    return wanted


def nested_deciders(layer: Layer, count: int, graphs: tuple[Interpreter, ...]) -> set[int]:
    """Return the numbers of the inputs from which a shape inside of a layer's graphs is computed.

    Args:
        layer: what holds the graphs.
        count: how many inputs it has; the graphs are fed the last ones of them.
        graphs: what runs the graphs.
    """
    fed = count - len(graphs[0].inputs)
    wanted = set().union(*(graph.deciders for graph in graphs))
    if isinstance(layer, While):
        variables = len(layer.body.outputs)
        if any(index < variables for index in wanted):
            # A variable is known in every round only if the rounds are.
            wanted = carried(graphs[1], wanted | deciding(*graphs), variables)
    return {fed + index for index in wanted}


def deciding(condition: Interpreter, body: Interpreter) -> set[int]:
    """Return the numbers of a loop's inputs on which it depends how often it runs."""
    return carried(body, condition.reads((0,)), body.outputs)


def carried(body: Interpreter, needed: set[int], variables: int) -> set[int]:
    """Return the inputs of a loop's body that some of them depend on, in any round.

    Args:
        body: of the loop.
        needed: numbers of inputs; the first ones are the variables.
        variables: how many they are.
    """
    while True:
        more = needed | body.reads(tuple(sorted(index for index in needed if index < variables)))
        if more == needed:
            return needed
        needed = more


def decides_shapes(shape: tuple[int | None, ...], dtype: object) -> bool:
    """Whether an array of this shape and type may hold sizes: a scalar or vector of integers or booleans."""
    return len(shape) < 2 and np.dtype(dtype).kind in "iub"  # type: ignore[call-overload]


def _may_be_static(value: Value) -> bool:
    return value.shape is not None and decides_shapes(value.shape, value.dtype)
