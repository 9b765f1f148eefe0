"""A graph that is being rewritten as a text graph."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np

from jaxdnn.errors import GraphError
from jaxdnn.importers.tensorflow.graphdef import Attribute, NodeDef, TensorShape
from jaxdnn.importers.tensorflow.order import Reference, data_inputs, needed
from jaxdnn.importers.tensorflow.tensors import FLOAT_VAL, INT_VAL, NAMES, DType, Tensor

_PASSED_THROUGH = frozenset(("Identity", "StopGradient", "CheckNumerics"))
_STORED = frozenset(("Const", "Dequantize"))
"""What readers of a text graph find in the binary file by name."""

_UNUSED = frozenset(
    (
        *("T", "N", "Tshape", "Tidx", "Tdim", "Tperm", "Tpaddings", "Tblock_shape", "Tcrops", "Index", "U"),
        *("use_cudnn_on_gpu", "_output_shapes", "_class"),
    )
)
"""Attributes that say nothing which a text graph's readers want to know."""

_LAID_OUT = frozenset(("Conv2D", "DepthwiseConv2dNative", "MaxPool", "AvgPool"))
"""Ops whose layout is written even if it is the default one: OpenCV guesses it from what is written."""


class Draft:
    """Nodes by name.

    Attributes:
        nodes: all of them, in any order; control inputs and identities are gone.
    """

    def __init__(self, nodes: Iterable[NodeDef]) -> None:
        self.nodes: dict[str, NodeDef] = {}
        for node in nodes:
            if node.name in self.nodes:
                raise GraphError(f"two nodes are called {node.name!r}", line=node.line or None)
            self.nodes[node.name] = replace(node, inputs=data_inputs(node))
        self._added: set[str] = set()
        self._remove_identities()

    def node(self, name: str) -> NodeDef:
        """Return a node that a detector of this kind has.

        Raises:
            GraphError: there is none of this name.
        """
        if name not in self.nodes:
            raise GraphError(f"the graph has no node {name!r}, which its configuration promises")
        return self.nodes[name]

    def source(self, node: NodeDef, index: int = 0) -> NodeDef | None:
        """Return the node that an input comes from; None if there is no such input or node."""
        if index >= len(node.inputs):
            return None
        return self.nodes.get(Reference.parse(node.inputs[index]).node)

    def constant(self, text: str) -> np.ndarray | None:
        """Return the array of an input that is a constant."""
        node = self.nodes.get(Reference.parse(text).node)
        tensor = node.attributes.get("value") if node is not None and node.op == "Const" else None
        return tensor.array() if isinstance(tensor, Tensor) else None

    def add(self, name: str, op: str, *inputs: str, **attributes: Attribute) -> str:
        """Add a node and return its name.

        Raises:
            GraphError: the name is taken.
        """
        if name in self.nodes:
            raise GraphError(f"the graph has a node {name!r} already")
        self.nodes[name] = NodeDef(name, op, inputs, attributes)
        self._added.add(name)
        return name

    def add_constant(self, name: str, values: np.ndarray) -> str:
        """Add an int32 or float32 array that the text graph itself holds."""
        tensor = stored(values)
        return self.add(name, "Const", dtype=tensor.dtype, value=tensor)

    def fix(self, name: str, values: np.ndarray) -> None:
        """Make a node a constant that the text graph itself holds."""
        del self.nodes[name]
        self.add_constant(name, values)

    def change(
        self,
        name: str,
        *,
        op: str | None = None,
        inputs: tuple[str, ...] | None = None,
        **attributes: Attribute,
    ) -> None:
        """Give a node another op, other inputs, or further attributes."""
        node = self.nodes[name]
        self.nodes[name] = replace(
            node,
            op=node.op if op is None else op,
            inputs=node.inputs if inputs is None else inputs,
            attributes={**node.attributes, **attributes},
        )

    def redirect(self, target: Callable[[str], str]) -> None:
        """Replace every input by what the function gives for it."""
        for name, node in self.nodes.items():
            inputs = tuple(map(target, node.inputs))
            if inputs != node.inputs:
                self.nodes[name] = replace(node, inputs=inputs)

    def written(self, *ends: str) -> tuple[NodeDef, ...]:
        """Return the nodes that the named ones need, each after its inputs.

        Constants of the binary file are left to it; those added here come along.
        """
        nodes = [
            node
            for node in needed(self.nodes, ends, ())
            if node.name in self._added or not self._is_stored(node)
        ]
        return tuple(replace(node, attributes=_attributes(node)) for node in nodes)

    def _is_stored(self, node: NodeDef) -> bool:
        return node.op in _STORED and all(self.constant(text) is not None for text in node.inputs)

    def _remove_identities(self) -> None:
        """Let readers of an identity read what it reads."""

        def origin(text: str) -> str:
            seen = set()
            while True:
                node = self.nodes.get(Reference.parse(text).node)
                if node is None or node.op not in _PASSED_THROUGH or not node.inputs or text in seen:
                    return text
                seen.add(text)
                text = node.inputs[0]

        self.redirect(origin)


def stored(values: np.ndarray) -> Tensor:
    """Return an array of int32 or float32 as OpenCV's text graphs state it, element by element."""
    integers = values.dtype == np.int32
    assert integers or values.dtype == np.float32
    dtype = DType(NAMES["INT32" if integers else "FLOAT"])
    return Tensor(dtype, values.shape, b"", {INT_VAL if integers else FLOAT_VAL: values.ravel()})


def _attributes(node: NodeDef) -> dict[str, Attribute]:
    """Return a node's attributes without unused ones. Only batch norm in training is worth mentioning."""
    stated: dict[str, Attribute] = {"data_format": b"NHWC"} if node.op in _LAID_OUT else {}
    used = {
        name: value
        for name, value in node.attributes.items()
        if name not in _UNUSED and not (name == "is_training" and value is False)
    }
    return {**stated, **used}


def placeholder_attributes(sizes: tuple[int | None, ...]) -> dict[str, Attribute]:
    """Return the attributes of a float32 placeholder."""
    return {"dtype": DType(NAMES["FLOAT"]), "shape": TensorShape(sizes)}
