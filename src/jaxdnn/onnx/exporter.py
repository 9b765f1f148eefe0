"""What an exporter works with: the node that it writes, and shorthand for operators that differ by opset."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from onnx import GraphProto, TensorProto, numpy_helper

from jaxdnn.ir import Node
from jaxdnn.layers.base import Layer
from jaxdnn.lowering import Program
from jaxdnn.onnx.builder import Builder, Input, element_type
from jaxdnn.onnx.registry import NotExpressible
from jaxdnn.onnx.sizes import BatchSize, Size, Sizes


@dataclass(frozen=True)
class Tensor:
    """What is known of a value of the net.

    Attributes:
        name: in the ONNX graph.
        sizes: of its axes.
        dtype: numpy's name of its type.
        known: the array, if it is the same in every call.
    """

    name: str
    sizes: Sizes
    dtype: str
    known: np.ndarray | None = None

    @property
    def rank(self) -> int:
        """The number of axes."""
        return len(self.sizes)


@dataclass(frozen=True)
class Exporter:
    """Writes one node.

    Attributes:
        builder: takes the operators.
        program: what the node is part of; its policy says in which types things are computed.
        node: as the net has it.
        layer: the node's layer, late attributes filled in; ``varying`` names those that follow from the batch.
        type: numpy's name of the floating-point type that the node computes in.
        inputs: what the layer reads, without late attributes.
        arguments: what the node reads, late attributes too, in the net's own types.
        outputs: what it must yield; their names are only the net's.
        params: arrays by slot, of the shapes that the layer demands and of the type ``type`` if they are floats.
        batch: yields the name of the batch's size, an int64 vector of one element.
        varying: attributes of the layer that follow from the batch, so that ``layer`` has them for one batch only.
    """

    builder: Builder
    program: Program
    node: Node
    layer: Layer
    type: str
    inputs: tuple[Tensor, ...]
    arguments: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    params: Mapping[str, np.ndarray]
    batch: Callable[[], str]
    varying: frozenset[str] = field(default=frozenset())

    @property
    def opset(self) -> int:
        """Version of the operators."""
        return self.builder.opset

    def op(self, operator: str, *inputs: Input | float, **attributes: Any) -> str:
        """Add an operator of one output and return that. A float among the inputs is a scalar of the node's type."""
        return self.ops(operator, 1, *inputs, **attributes)[0]

    def ops(self, operator: str, count: int, *inputs: Input | float, **attributes: Any) -> tuple[str, ...]:
        """Add an operator of several outputs."""
        name = f"{self.node.name}/{operator}"
        outputs = [self.builder.fresh(name) for _ in range(count)]
        read = [self.number(each) if isinstance(each, float) else each for each in inputs]
        self.builder.node(name, operator, read, outputs, **attributes)
        return tuple(outputs)

    def require_floats(self) -> None:
        """Raise NotExpressible unless the first input holds floating-point numbers."""
        if np.dtype(self.inputs[0].dtype).kind != "f":
            raise NotExpressible(f"the operator is not defined for {self.inputs[0].dtype}")

    def number(self, value: float, dtype: str | None = None) -> np.ndarray:
        """Return a scalar of the node's type or another one."""
        return np.array(value, dtype or self.type)

    def constant(self, array: np.ndarray, name: str = "constant") -> str:
        """Add a constant and return its name."""
        return self.builder.constant(array, f"{self.node.name}/{name}")

    def tensor(self, array: np.ndarray) -> TensorProto:
        """Return an array as an attribute holds it."""
        return numpy_helper.from_array(array)

    def param(self, slot: str, sizes: Sequence[int] | None = None) -> str:
        """Return the name of a parameter, an initializer; reshaped if sizes are given."""
        array = self.params[slot]
        array = array if sizes is None else array.reshape(tuple(sizes))
        return self.stored(slot, array)

    def stored(self, slot: str, array: np.ndarray) -> str:
        """Add what a parameter has become as an initializer of the parameter's name, ``owner/slot``."""
        return self.builder.parameter(array, self.node.params[slot])

    def graph(
        self,
        name: str,
        inputs: Sequence[tuple[str, str, Sizes | None]],
        body: Callable[..., Sequence[str]],
        outputs: Sequence[tuple[str, Sizes | None]],
    ) -> GraphProto:
        """Build an inner graph, see :meth:`jaxdnn.onnx.builder.Builder.graph`."""
        return self.builder.graph(f"{self.node.name}/{name}", inputs, body, outputs)

    def sizes(self, sizes: Sequence[Size]) -> str:
        """Return the name of an int64 vector that holds sizes.

        Raises:
            NotExpressible: one depends on the data.
        """
        if all(isinstance(size, int) for size in sizes):
            return self.constant(np.array(sizes, np.int64))
        if None in sizes:
            raise NotExpressible("a size of its output depends on the data")
        open_sizes = [size if isinstance(size, BatchSize) else BatchSize(0, size or 0) for size in sizes]
        return self.batch_vector([s.factor for s in open_sizes], [s.offset for s in open_sizes])

    def batch_vector(self, factors: Sequence[int], offsets: Sequence[int]) -> str:
        """Return the name of the int64 vector ``factors * batch + offsets``."""
        scaled = self.batch() if list(factors) == [1] else self.op("Mul", self.batch(), factors)
        return self.op("Add", scaled, offsets) if any(offsets) else scaled

    def reshape(self, x: str, sizes: Sequence[Size]) -> str:
        """Give a value other sizes; of those that are not known one may depend on the data."""
        unknown = [index for index, size in enumerate(sizes) if not isinstance(size, int)]
        empty = 0 in sizes
        if empty and self.opset < 14:
            raise NotExpressible("an empty array is reshaped, which needs opset 14")
        options = {"allowzero": 1} if empty else {}
        if len(unknown) == 1 and not empty:
            return self.op("Reshape", x, [size if isinstance(size, int) else -1 for size in sizes])
        if None in sizes and not empty:  # a single one is left to the operator
            index = list(sizes).index(None)
            sizes = [*sizes[:index], -1, *sizes[index + 1 :]]
        return self.op("Reshape", x, self.sizes(sizes), **options)

    def transpose(self, x: str, order: Sequence[int]) -> str:
        """Reorder axes: axis i of the result is axis ``order[i]``."""
        return x if list(order) == list(range(len(order))) else self.op("Transpose", x, perm=list(order))

    def cast(self, x: Input, dtype: str) -> str:
        """Convert to a type of numpy's name."""
        return self.op("Cast", x, to=element_type(dtype))

    def squeeze(self, x: str, axes: Sequence[int]) -> str:
        """Drop axes of size 1."""
        return self.op("Squeeze", x, list(axes)) if axes else x

    def unsqueeze(self, x: str, axes: Sequence[int]) -> str:
        """Insert axes of size 1 at these places of the result."""
        return self.op("Unsqueeze", x, list(axes)) if axes else x

    def reduce(self, what: str, x: str, axes: Sequence[int], *, keepdims: bool = True) -> str:
        """Add ``Reduce<what>`` over axes; over none of them it does nothing."""
        if not axes:
            return x
        if what == "Sum" or self.opset >= 18:
            return self.op(f"Reduce{what}", x, list(axes), keepdims=int(keepdims))
        return self.op(f"Reduce{what}", x, axes=list(axes), keepdims=int(keepdims))

    def pad(
        self,
        x: str,
        before: Sequence[int],
        after: Sequence[int],
        *,
        mode: str = "constant",
        value: np.ndarray | None = None,
    ) -> str:
        """Pad all axes; a negative number removes elements. The value is a scalar of the type of x, 0 by default."""
        if not any(before) and not any(after):
            return x
        return self.op("Pad", x, [*before, *after], value, mode=mode)

    def slice(
        self,
        x: str,
        starts: Sequence[int],
        ends: Sequence[int],
        axes: Sequence[int],
        steps: Sequence[int] = (),
    ) -> str:
        """Cut windows out of axes."""
        return self.op("Slice", x, list(starts), list(ends), list(axes), list(steps) or None)

    def split(self, x: str, parts: Sequence[int], axis: int) -> tuple[str, ...]:
        """Cut an axis into consecutive parts of these sizes."""
        return self.ops("Split", len(parts), x, list(parts), axis=axis)

    def concat(self, values: Sequence[Input], axis: int) -> str:
        """Join values along an axis."""
        if len(values) == 1 and isinstance(values[0], str):
            return values[0]
        return self.op("Concat", *values, axis=axis)

    def expand(self, x: Input, sizes: Sequence[Size]) -> str:
        """Stretch axes of size 1, and leading axes that are lacking, to sizes."""
        return self.op("Expand", x, self.sizes(sizes))

    def clip(self, x: str, low: float | None, high: float | None) -> str:
        """Limit the elements of a floating value."""
        return self.op("Clip", x, low, high)
