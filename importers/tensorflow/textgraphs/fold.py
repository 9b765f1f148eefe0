"""Arithmetic that OpenCV cannot do: on constants alone, and divisions."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from jaxdnn.importers.tensorflow.order import needed
from jaxdnn.importers.tensorflow.textgraphs.draft import Draft

_LARGEST = 4096
"""Elements of a constant that a text graph may hold; larger ones are weights, which nobody computes with."""

_FUNCTIONS: dict[str, Callable[..., np.ndarray]] = {
    "Add": np.add,
    "AddV2": np.add,
    "AddN": lambda *terms: np.sum(terms, axis=0),
    "Sub": np.subtract,
    "Mul": np.multiply,
    "RealDiv": np.divide,
    "Maximum": np.maximum,
    "Minimum": np.minimum,
    "Relu": lambda x: np.maximum(x, 0),
    "Pack": lambda *parts: np.stack(parts),
}


def fold_constants(draft: Draft, ends: Iterable[str]) -> None:
    """Make constants of what small constants alone decide, and products of divisions by constants.

    ::

        Given   x * Relu(a) / (Relu(a) + Relu(b) + 0.0001)
        Result  x * constant * constant

    Args:
        draft: the graph, changed in place.
        ends: only what these nodes need is looked at.
    """
    for node in needed(draft.nodes, ends, ()):
        arrays = [draft.constant(text) for text in node.inputs]
        known = [array for array in arrays if array is not None and array.size <= _LARGEST]
        if node.op in _FUNCTIONS and len(known) == len(arrays) > 0 and node.attributes.get("axis", 0) == 0:
            dtype = np.result_type(*known)
            if dtype in (np.float32, np.int32):
                draft.fix(node.name, np.asarray(_FUNCTIONS[node.op](*known), dtype))
        elif node.op == "RealDiv" and len(arrays) == 2 and arrays[0] is None and len(known) == 1:
            inverse = draft.add_constant(f"{node.name}/inverse", np.float32(1) / known[0].astype(np.float32))
            draft.change(node.name, op="Mul", inputs=(node.inputs[0], inverse))
