"""What is known of a net before it is written: the sizes of values by batch, and which of them are constants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from jax.dtypes import canonicalize_dtype

from jaxdnn.errors import InputError, JaxdnnError
from jaxdnn.ir import Node, Value
from jaxdnn.layers.base import Layer
from jaxdnn.layers.late import Late, with_attributes
from jaxdnn.lowering import Inferred, Spec, infer
from jaxdnn.lowering.infer import stored_shapes
from jaxdnn.net import Net
from jaxdnn.onnx.registry import NotExpressible
from jaxdnn.onnx.sizes import Sizes, fit

_OPEN = 4
"""The first batch that is tried where the file states none: slices of the first rows are not empty then."""


@dataclass(frozen=True)
class Plan:
    """A net for one batch or for any.

    Attributes:
        net: what is written.
        inputs: what a call feeds.
        batches: the batches that were tried: one, or three if the batch is open.
        runs: what was inferred for each of them.
    """

    net: Net
    inputs: tuple[Value, ...]
    batches: tuple[int, ...]
    runs: tuple[Inferred, ...]

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of the outputs; what stands in for a loss that needs labels is among them."""
        return self.net.program.default_outputs([value.name for value in self.inputs])

    @cached_property
    def nodes(self) -> list[Node]:
        """The nodes that the outputs need and whose results are not known beforehand, in order."""
        graph = self.net.graph
        needed = self.net.program.needed([graph.resolve(name) for name in self.outputs])
        return [node for node in needed if not all(self.is_folded(name) for name in node.outputs)]

    def has(self, name: str) -> bool:
        """Whether anything is known of a value: what follows a size that depends on the data is not."""
        return all(name in run.values for run in self.runs)

    def sizes(self, name: str) -> Sizes:
        """Return the sizes of a value's axes."""
        shapes = [run.values[name].shape or () for run in self.runs]
        if len(set(map(len, shapes))) > 1:
            raise NotExpressible("the number of axes depends on the batch")
        found: list[tuple[int | None, ...]] = list(zip(*shapes, strict=True))
        return tuple(
            None if None in axis else fit(self.batches, [size or 0 for size in axis]) for axis in found
        )

    def dtype(self, name: str) -> str:
        """Return numpy's name of a value's type, which inputs of 64 bits are converted to."""
        return str(canonicalize_dtype(self.runs[0].values[name].dtype))

    def is_constant(self, name: str) -> bool:
        """Whether a value is known while a program is traced, for any one batch."""
        return all(name in run.constants for run in self.runs)

    def constant(self, name: str) -> np.ndarray | None:
        """Return a value that is the same for all batches."""
        first, *others = arrays = [run.constants.get(name) for run in self.runs]
        if first is None or not all(other is not None and _equal(first, other) for other in others):
            return None
        return arrays[0]

    def affine(self, name: str) -> tuple[np.ndarray, np.ndarray] | None:
        """Return factors and offsets of a constant whose elements are whole numbers that follow from the batch."""
        arrays = [run.constants[name] for run in self.runs]
        if len({array.shape for array in arrays}) > 1 or arrays[0].dtype.kind not in "iu":
            return None
        try:
            sizes = [
                fit(self.batches, [int(v) for v in each]) for each in zip(*map(np.ravel, arrays), strict=True)
            ]
        except NotExpressible:
            return None
        factors = [0 if isinstance(size, int) else size.factor for size in sizes]
        offsets = [size if isinstance(size, int) else size.offset for size in sizes]
        return np.array(factors, np.int64), np.array(offsets, np.int64)

    def is_folded(self, name: str) -> bool:
        """Whether a value is written as a constant, or as numbers that follow from the batch."""
        known = self.is_constant(name)
        return known and (self.constant(name) is not None or self.affine(name) is not None)

    def layer(self, node: Node) -> tuple[Layer, frozenset[str]]:
        """Return a node's layer, late attributes filled in, and which of them differ from batch to batch."""
        if not isinstance(node.layer, Late):
            return node.layer, frozenset()
        names = node.inputs[len(node.inputs) - len(node.layer.names) :]
        late = dict(zip(node.layer.names, names, strict=True))
        for attribute, value in late.items():
            if not self.is_constant(value):
                raise NotExpressible(f"its {attribute} depends on the data")
        first, *others = (
            with_attributes(node.layer.layer, {key: run.constants[value] for key, value in late.items()})
            for run in self.runs
        )
        varying = {key for key in late if any(getattr(each, key) != getattr(first, key) for each in others)}
        return first, frozenset(varying)


def plans(net: Net, batch: str | int | None) -> tuple[list[Plan], str]:
    """Return the plans that are worth trying, the best first, and why the first is not for any batch, if so.

    Args:
        net: whose inputs have all sizes but the first.
        batch: a name for any batch, one size, or None for any batch if that is possible and else the stated one.

    Raises:
        JaxdnnError: shapes do not fit, or an input's sizes are open.
    """
    program = net.program
    inputs = tuple(value for value in net.graph.inputs if value.name in net.graph.required_inputs)
    if not program.default_outputs([value.name for value in inputs]):
        inputs = net.graph.inputs  # a loss alone: nothing is left of it without its labels
    for value in inputs:
        if value.name in program.static_inputs:
            raise InputError(f"input {value.name!r} decides shapes, and a file of ONNX has fixed ones")
        if value.shape is None or None in value.shape[1:]:
            raise InputError(
                f"input {value.name!r} has no complete shape: {value.text}; give "
                f"input_shapes={{{value.name!r}: (…)}}"
            )
    found = []
    stated = {value.shape[0] for value in inputs if value.shape and value.shape[0] is not None}
    least = batch if isinstance(batch, int) else min(stated, default=1)
    why = ""
    if not isinstance(batch, int):
        if len(stated) > 1:
            why = (
                f"the inputs' first sizes are {', '.join(map(str, sorted(stated)))}, which is no common batch"
            )
        elif any(value.shape for value in inputs):
            try:
                start = min(stated, default=_OPEN)
                found.append(_plan(net, inputs, (start, start + 1, 4 * start + 3)))
            except JaxdnnError as error:
                why = f"with another batch {error}"
    if not isinstance(batch, str):
        one = len(stated) > 1 and batch is None
        found.append(_plan(net, inputs, (least,), keep=one))
    return found, why


def _plan(net: Net, inputs: tuple[Value, ...], batches: tuple[int, ...], *, keep: bool = False) -> Plan:
    stored = stored_shapes(net.stored)
    runs = tuple(infer(net.program, _specs(inputs, None if keep else size), stored) for size in batches)
    first = batches[0]
    sized = tuple(
        replace(value, shape=_specs((value,), None if keep else first)[value.name].shape) for value in inputs
    )
    return Plan(net, sized, batches, runs)


def _specs(inputs: tuple[Value, ...], batch: int | None) -> Mapping[str, Spec]:
    """Return the inputs for a batch, or as they are stated."""
    specs = {}
    for value in inputs:
        first = batch
        if value.shape and batch is None:
            first = 1 if value.shape[0] is None else value.shape[0]
        specs[value.name] = Spec((first, *value.shape[1:]) if value.shape else (), value.dtype)
    return specs


def _equal(one: np.ndarray, other: np.ndarray) -> bool:
    return one.dtype == other.dtype and np.array_equal(one, other, equal_nan=one.dtype.kind == "f")
