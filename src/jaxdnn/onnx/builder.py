"""The ONNX graph under construction: nodes, constants, and names that are given once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from onnx import GraphProto, NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

from jaxdnn.onnx.sizes import Sizes

Input = str | np.ndarray | np.generic | Sequence[int] | None
"""What an operator reads: a value's name, a constant, integers (int64), or nothing (an input that is left out)."""

_SHARED_BYTES = 1 << 12
"""Constants up to this size are stored once however often they are used."""


class Builder:
    """A graph that grows.

    Args:
        opset: version of the ai.onnx operators.
        values, nodes, parameters: names that are given to none but the net's own values, nodes and parameters.

    Attributes:
        nodes: what has been added, in order; inside :meth:`graph` those of the inner graph.
        prologue: what computes the batch; it comes before all else, so that inner graphs see it too.
    """

    def __init__(
        self, opset: int, values: Collection[str], nodes: Collection[str], parameters: Collection[str]
    ) -> None:
        self.opset = opset
        self.nodes: list[NodeProto] = []
        self.prologue: list[NodeProto] = []
        self._free = set(parameters) - set(values)
        self._taken = {*values, *parameters}
        self._node_names = set(nodes)
        self._initializers: dict[str, np.ndarray] = {}
        self._shared: dict[tuple[Any, ...], str] = {}
        self._parameters: dict[str, list[str]] = {}

    def fresh(self, name: str) -> str:
        """Return a value's name that nothing else has: this one, or one with a number behind it."""
        return _unused(name, self._taken)

    def node(
        self, name: str, operator: str, inputs: Sequence[Input], outputs: Sequence[str], **attributes: Any
    ) -> NodeProto:
        """Add a node.

        Args:
            name: of the node; a number is put behind it where another one has it.
            operator: of ai.onnx.
            inputs: what it reads.
            outputs: names of its results.
            attributes: those that are None are left out.
        """
        given = {key: value for key, value in attributes.items() if value is not None}
        read = [self.value(each, name) for each in inputs]
        while read and not read[-1]:
            read.pop()
        node = helper.make_node(operator, read, list(outputs), name=_unused(name, self._node_names), **given)
        self.nodes.append(node)
        return node

    def value(self, value: Input, owner: str) -> str:
        """Return the name of what an operator reads; constants are added."""
        if isinstance(value, str) or value is None:
            return value or ""
        array = np.asarray(value) if isinstance(value, np.ndarray | np.generic) else np.array(value, np.int64)
        return self.constant(array, f"{owner}/constant")

    def constant(self, array: np.ndarray, name: str) -> str:
        """Add a constant and return its name; a small one that exists already is used again."""
        small = array.nbytes <= _SHARED_BYTES
        key = (array.dtype.str, array.shape, array.tobytes()) if small else ()
        if small and key in self._shared:
            return self._shared[key]
        name = self.initializer(array, self.fresh(name))
        if small:
            self._shared[key] = name
        return name

    def initializer(self, array: np.ndarray, name: str) -> str:
        """Add a constant under just this name."""
        self._taken.add(name)
        self._initializers[name] = array
        return name

    def parameter(self, array: np.ndarray, reference: str) -> str:
        """Add a parameter under its name ``owner/slot``; its second form, if there is one, has a number behind that."""
        for name in self._parameters.setdefault(reference, []):
            stored = self._initializers[name]
            if (stored.shape, stored.dtype) == (array.shape, array.dtype) and np.array_equal(stored, array):
                return name
        name = reference if reference in self._free else self.fresh(reference)
        self._free.discard(reference)
        self._parameters[reference].append(name)
        return self.initializer(array, name)

    def graph(
        self,
        name: str,
        inputs: Sequence[tuple[str, str, Sizes | None]],
        body: Callable[..., Sequence[str]],
        outputs: Sequence[tuple[str, Sizes | None]],
    ) -> GraphProto:
        """Build the graph of a Loop, Scan or If. It may read all values from around it.

        Args:
            name: of the graph.
            inputs: name, numpy type and sizes of each input; sizes of None leave the rank open.
            body: adds nodes; it gets the inputs' names and returns the names of the outputs, each of them a result
                of a node that it added.
            outputs: type and sizes of each output.
        """
        names = [self.fresh(each) for each, _, _ in inputs]
        with self._inner() as nodes:
            results = body(*names)
        return helper.make_graph(
            nodes,
            name,
            [value_info(n, dtype, sizes) for n, (_, dtype, sizes) in zip(names, inputs, strict=True)],
            [value_info(n, dtype, sizes) for n, (dtype, sizes) in zip(results, outputs, strict=True)],
        )

    @contextmanager
    def _inner(self) -> Iterator[list[NodeProto]]:
        outer, self.nodes = self.nodes, []
        try:
            yield self.nodes
        finally:
            self.nodes = outer

    def initializers(self) -> list[TensorProto]:
        """Return the constants that some node reads."""
        read = {name for node in (*self.prologue, *self.nodes) for name in reads(node)}
        return [
            numpy_helper.from_array(np.ascontiguousarray(array).reshape(array.shape), name)
            for name, array in self._initializers.items()
            if name in read
        ]


def reads(node: NodeProto) -> Iterator[str]:
    """Yield the names of the values that a node reads, those that its graphs read included."""
    yield from node.input
    for attribute in node.attribute:
        if attribute.HasField("g"):
            for inner in attribute.g.node:
                yield from reads(inner)
            yield from (output.name for output in attribute.g.output)


def value_info(name: str, dtype: str, sizes: Sizes | None, batch: str = "batch") -> ValueInfoProto:
    """Return a value's declaration; a size that is neither known nor the batch stays open.

    Args:
        name: of the value.
        dtype: numpy's name of its type.
        sizes: of its axes; None leaves their number open.
        batch: the name of the batch's size.
    """
    shape = None
    if sizes is not None:
        shape = [
            size
            if isinstance(size, int)
            else batch
            if size is not None and size.at(0) == 0 and size.factor == 1
            else None
            for size in sizes
        ]
    return helper.make_tensor_value_info(name, element_type(dtype), shape)


def element_type(dtype: str) -> int:
    """Return ONNX' number of a numpy type."""
    return int(helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))


def _unused(name: str, taken: set[str]) -> str:
    unused, number = name, 1
    while unused in taken:
        unused, number = f"{name}_{number}", number + 1
    taken.add(unused)
    return unused
