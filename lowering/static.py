"""Which inputs decide shapes, so that a program is compiled for their values."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from jaxdnn.ir import Graph, Value
from jaxdnn.layers.tensor import ShapeOf
from jaxdnn.lowering.registry import Lowering


def static_inputs(graph: Graph, lowerings: Mapping[str, Lowering | None]) -> tuple[str, ...]:
    """Return the inputs that some layer has to know while the program is traced.

    Those are scalars and vectors of integers or booleans (a number of elements to keep, a size) from which a
    shape is computed. What is computed from the shape of an input does not depend on the input.
    """
    wanted: set[str] = set()
    for node in reversed(graph.nodes):
        lowering = lowerings[node.name]
        if lowering is not None:
            wanted.update(node.inputs[index] for index in lowering.known(node.layer, len(node.inputs)))
        if not wanted.isdisjoint(node.outputs) and not isinstance(node.layer, ShapeOf):
            wanted.update(node.inputs)
    return tuple(value.name for value in graph.inputs if value.name in wanted and _may_be_static(value))


def _may_be_static(value: Value) -> bool:
    return value.shape is not None and len(value.shape) < 2 and np.dtype(value.dtype).kind in "iub"
