"""One plan of a net as an ONNX graph, node by node."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

import jax.numpy as jnp
import numpy as np
from onnx import GraphProto, helper

from jaxdnn.ir import Node, split_reference
from jaxdnn.layers.late import Late
from jaxdnn.lowering.precision import at_least_float32
from jaxdnn.onnx.builder import Builder, element_type, reads, value_info
from jaxdnn.onnx.exporter import Exporter, Tensor
from jaxdnn.onnx.fallback import fallback
from jaxdnn.onnx.plan import Plan
from jaxdnn.onnx.registry import NotExpressible
from jaxdnn.onnx.rules import EXPORTERS

Refused = tuple[Node, str]
"""A node that has no standard operators, and why."""


class Writer:
    """Writes a plan.

    Args:
        plan: what is written.
        opset: version of the operators.
        batch: name of the batch's size.
    """

    def __init__(self, plan: Plan, opset: int, batch: str) -> None:
        self.plan = plan
        self.opset = opset
        self.batch = batch
        graph = plan.net.graph
        self.outputs = {name: graph.resolve(name) for name in plan.outputs}
        references = [reference for node in graph.nodes for reference in node.params.values()]
        names = [node.name for node in graph.nodes]
        self.builder = Builder(opset, {*graph.values, *self.outputs}, names, references)
        self._names: dict[str, str] = {}
        self._casts: dict[tuple[str, str], str] = {}

    def write(self) -> list[Refused]:
        """Write all nodes and return those that cannot be; then there is no graph."""
        refused = []
        for value in self.plan.inputs:
            if value.dtype != self.plan.dtype(value.name):  # 64 bits, which jax computes in 32
                self._names[value.name] = self._cast(value.name, self.plan.dtype(value.name))
        for node in self.plan.nodes:
            mark = len(self.builder.nodes)
            try:
                self._finish(node, self._results(node), mark)
            except NotExpressible as reason:
                del self.builder.nodes[mark:]
                refused.append((node, str(reason)))
        return refused

    def _results(self, node: Node) -> Sequence[str]:
        """Add a node's operators, by its exporter or else by the fallback."""
        e = self._exporter(node)
        exporter = EXPORTERS.get(type(e.layer))
        mark = len(self.builder.nodes)
        try:
            if exporter is None:
                return fallback(e)
            results = exporter(e, e.layer, *(each.name for each in e.inputs))
            return (results,) if isinstance(results, str) else results
        except NotExpressible as reason:
            if exporter is None:
                raise
            del self.builder.nodes[mark:]
            try:
                return fallback(e)
            except NotExpressible:
                raise reason from None

    def _exporter(self, node: Node) -> Exporter:
        plan, program = self.plan, self.plan.net.program
        if not all(map(plan.has, (*node.inputs, *node.outputs))):
            raise NotExpressible("a size that it needs depends on the data")
        layer, varying = plan.layer(node)
        arguments = tuple(map(self._tensor, node.inputs))
        compute = program.type_for(node, arguments)
        late = len(node.layer.names) if isinstance(node.layer, Late) else 0
        indices = program.lowering_of(node).indices
        inputs = tuple(
            each if index in indices else self._in_type(each, compute)
            for index, each in enumerate(arguments[: len(arguments) - late])
        )
        return Exporter(
            builder=self.builder,
            program=program,
            node=node,
            layer=layer,
            type=compute,
            inputs=inputs,
            arguments=arguments,
            outputs=tuple(Tensor(name, plan.sizes(name), plan.dtype(name)) for name in node.outputs),
            params={slot: self._param(reference, compute) for slot, reference in node.params.items()},
            batch=lambda: self.batch_size,
            varying=varying,
        )

    def _tensor(self, name: str) -> Tensor:
        """Return a value in the type that the net computes it in."""
        sizes, dtype = self.plan.sizes(name), self.plan.dtype(name)
        if not self.plan.is_folded(name):
            return Tensor(self._names.get(name, name), sizes, dtype)
        known = self.plan.constant(name)
        if name not in self._names:
            own = self.builder.fresh(f"{name}@constant") if name in self.outputs else name
            written = self._varying(name, own) if known is None else self.builder.initializer(known, own)
            self._names[name] = written
        return Tensor(self._names[name], sizes, dtype, known)

    def _varying(self, value: str, name: str) -> str:
        """Compute a constant that follows from the batch under this name."""
        affine = self.plan.affine(value)
        assert affine is not None
        operands = [
            ("Mul", affine[0]),
            ("Add", affine[1]),
            ("Reshape", np.array(self.plan.sizes(value), np.int64)),
        ]
        result, owner = self.batch_size, f"{value}@batch"
        for operator, operand in operands:
            self.builder.node(owner, operator, [result, operand], [result := self.builder.fresh(owner)])
        self.builder.node(owner, "Cast", [result], [name], to=element_type(self.plan.dtype(value)))
        return name

    def _in_type(self, value: Tensor, dtype: str) -> Tensor:
        """Convert floats to the type that a node computes in."""
        if value.dtype == dtype or not is_float(value.dtype):
            return value
        if value.known is not None:
            known = value.known.astype(dtype)
            return replace(value, dtype=dtype, known=known, name=self.builder.constant(known, value.name))
        return replace(value, dtype=dtype, name=self._cast(value.name, dtype))

    def _cast(self, name: str, dtype: str) -> str:
        if (name, dtype) not in self._casts:
            result = self._casts[name, dtype] = self.builder.fresh(f"{name}@{dtype}")
            self.builder.node(result, "Cast", [name], [result], to=element_type(dtype))
        return self._casts[name, dtype]

    def _param(self, reference: str, dtype: str) -> np.ndarray:
        owner, slot = split_reference(reference)
        array = np.asarray(self.plan.net.stored[owner][slot])
        kept = array if not is_float(str(array.dtype)) else array.astype(dtype, copy=False)
        return kept.reshape(self.plan.runs[0].params.get(reference, kept.shape))

    @cached_property
    def batch_size(self) -> str:
        """The name of the batch's size, an int64 vector of one element."""
        first = next(value for value in self.plan.inputs if value.shape)
        outer, self.builder.nodes = self.builder.nodes, self.builder.prologue
        shape, size = (self.builder.fresh(f"{self.batch}@{what}") for what in ("shape", "size"))
        self.builder.node(shape, "Shape", [first.name], [shape])
        self.builder.node(size, "Gather", [shape, [0]], [size])
        self.builder.nodes = outer
        return size

    def _finish(self, node: Node, results: Sequence[str], mark: int) -> None:
        """Give a node's results the names of the net's values, and the node that yields the first one its name."""
        emitted = self.builder.nodes[mark:]
        read = {name for each in emitted for name in reads(each)}
        producers = {name: each for each in emitted for name in each.output}
        for value, result in zip(node.outputs, results, strict=True):
            name = self._names[value] = self._own_name(value)
            producer = producers.pop(result, None)
            if producer is None or result in read:
                producer = self.builder.node(f"{node.name}/Identity", "Identity", [result], [name])
            else:
                index = list(producer.output).index(result)
                producer.output[index] = name
            if value == node.outputs[0]:
                producer.name = node.name

    def _own_name(self, value: str) -> str:
        """Return a value's name in the graph: its own, unless an output of another type or value has that."""
        dtype = self.plan.dtype(value)
        taken = value in self.outputs and (self.outputs[value] != value or at_least_float32(dtype) != dtype)
        return self.builder.fresh(f"{value}@{dtype}") if taken else value

    def graph(self) -> GraphProto:
        """Return the graph of all that was written."""
        plan = self.plan
        named = {value.name for value in plan.inputs}
        outputs = []
        for name, value in self.outputs.items():
            tensor = self._tensor(value)
            dtype = at_least_float32(tensor.dtype)
            result = self.builder.fresh(f"{name}@output") if name in named - {tensor.name} else name
            if tensor.dtype != dtype:
                self.builder.node(result, "Cast", [tensor.name], [result], to=element_type(dtype))
            elif tensor.name != result:
                self.builder.node(result, "Identity", [tensor.name], [result])
            outputs.append(value_info(result, dtype, tensor.sizes, self.batch))
        inputs = [value_info(v.name, v.dtype, plan.sizes(v.name), self.batch) for v in plan.inputs]
        return helper.make_graph(
            [*self.builder.prologue, *self.builder.nodes],
            plan.net.name or "net",
            inputs,
            outputs,
            self.builder.initializers(),
            value_info=[
                value_info(self._names[name], plan.dtype(name), plan.sizes(name), self.batch)
                for node in plan.nodes
                for name in node.outputs
                if self._names[name] not in self.outputs
            ],
        )


def is_float(dtype: str) -> bool:
    """Whether numpy's name is that of a floating-point type."""
    return bool(jnp.issubdtype(jnp.dtype(dtype), jnp.floating))
