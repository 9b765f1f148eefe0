"""Scan: a loop over the entries of arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx

from jaxdnn.errors import GraphError
from jaxdnn.importers.onnx.builder import OnnxBuilder
from jaxdnn.importers.onnx.loops import Loop, passed_on
from jaxdnn.importers.onnx.registry import NodeSource, Values, rules
from jaxdnn.layers.arithmetic import Binary, Cast
from jaxdnn.layers.base import require
from jaxdnn.layers.sequences import SequenceJoin
from jaxdnn.layers.shape import Gather, Reverse
from jaxdnn.layers.tensor import ShapeOf


@dataclass(frozen=True)
class _Plan:
    """What a Scan says.

    Attributes:
        graph: its body.
        scanned: how many inputs are gone through.
        axes, backwards: of those inputs.
        row_axes, rows_backwards: of the outputs that are gathered.
    """

    graph: onnx.GraphProto
    scanned: int
    axes: tuple[int, ...]
    backwards: tuple[int, ...]
    row_axes: tuple[int, ...]
    rows_backwards: tuple[int, ...]

    @classmethod
    def of(cls, node: NodeSource, inputs: int) -> _Plan:
        """Read a node's attributes; it has this many variables and scanned inputs together."""
        attributes = node.attributes
        graph = attributes.graph("body")
        scanned = attributes.integer("num_scan_inputs")
        rows = len(graph.output) - (inputs - scanned)
        if not 0 < scanned <= inputs or rows < 0 or len(graph.input) != inputs:
            raise GraphError(
                f"its body has {len(graph.input)} inputs and {len(graph.output)} outputs, which does not fit "
                f"{inputs} inputs, {scanned} of them scanned"
            )
        old = node.version < 9
        names = ("", "directions", "", "") if old else _ATTRIBUTES
        lengths = (scanned, scanned, rows, rows)
        lists = [
            attributes.integers(name, (0,) * length) if name else (0,) * length
            for name, length in zip(names, lengths, strict=True)
        ]
        for name, values, length in zip(names, lists, lengths, strict=True):
            require(len(values) == length, f"{name} has {len(values)} values, {length} are expected")
        return cls(graph, scanned, *lists)


_ATTRIBUTES = ("scan_input_axes", "scan_input_directions", "scan_output_axes", "scan_output_directions")


@rules("Scan", inputs=(0, None))
def scan(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """Operator set 8 scans each entry of a batch, up to a length of its own."""
    if node.version > 8:
        return _scan(b, node, _Plan.of(node, len(inputs)), inputs, node.outputs)
    lengths, arrays = "".join(inputs[:1]), inputs[1:]
    plan = _Plan.of(node, len(arrays))

    def run(index: str, values: Values) -> tuple[str, Values, Values]:
        del values
        entries = tuple(_entry(b, node, array, index, 0) for array in arrays)
        bound = _entry(b, node, lengths, index, 0) if lengths else ""
        return _true(b, node), (), _scan(b, node, plan, entries, (), bound)

    rows = len(plan.graph.output)
    batch = Loop(b, node._replace(name=f"{node.name}@batch"), run, rows, _size(b, node, arrays[0], 0))
    names = (*node.outputs, *[""] * (rows - len(node.outputs)))
    return batch.compute((), names)


def _scan(
    b: OnnxBuilder, node: NodeSource, plan: _Plan, inputs: Values, names: Values, bound: str = ""
) -> Values:
    """Go through the scanned inputs, the last ones; the others are the variables' first values.

    Args:
        b, node, plan, inputs: of the operator.
        names: of its outputs.
        bound: how many entries are gone through, ``""`` for all.
    """
    variables = len(inputs) - plan.scanned
    first, arrays = inputs[:variables], inputs[variables:]
    fixed = passed_on(plan.graph, 0, 0, variables)
    changing = [index for index in range(variables) if index not in fixed]
    length = _size(b, node, arrays[0], plan.axes[0])

    def run(index: str, values: Values) -> tuple[str, Values, Values]:
        given = dict(enumerate(first)) | dict(zip(changing, values, strict=True))
        backward = _from_end(b, node, index, bound or length) if any(plan.backwards) else ""
        entries = [
            _entry(b, node, array, backward if reverse else index, axis)
            for array, axis, reverse in zip(arrays, plan.axes, plan.backwards, strict=True)
        ]
        states = (given[number] for number in range(variables))
        results = node.scope.run(plan.graph, (*states, *entries), node.name)
        return _true(b, node), tuple(results[number] for number in changing), results[variables:]

    rows = len(plan.graph.output) - variables
    names = (*names, *[""] * (variables + rows - len(names)))
    moved = [bool(axis or reverse) for axis, reverse in zip(plan.row_axes, plan.rows_backwards, strict=True)]
    wanted = ["" if moves else name for name, moves in zip(names[variables:], moved, strict=True)]
    results = Loop(b, node, run, rows, bound or length).compute(
        tuple(first[number] for number in changing),
        (*(names[number] for number in changing), *wanted),
        length,
    )
    last = dict(enumerate(first)) | dict(zip(changing, results, strict=False))
    gathered = list(results[len(changing) :])
    for index, (axis, reverse) in enumerate(zip(plan.row_axes, plan.rows_backwards, strict=True)):
        place = node._replace(name=f"{node.name}@rows{index}", outputs=names[variables + index :][:1])
        if reverse:
            (gathered[index],) = b.emit(
                place, Reverse(axes=(0,)), (gathered[index],), part="reversed" if axis else ""
            )
        if axis:
            (gathered[index],) = b.emit(place, SequenceJoin(axis=axis, new_axis=True), (gathered[index],))
    return (*(last[number] for number in range(variables)), *gathered)


def _entry(b: OnnxBuilder, node: NodeSource, array: str, index: str, axis: int) -> str:
    return b.emit(node, Gather(axis=axis), (array, index), part="entry")[0]


def _size(b: OnnxBuilder, node: NodeSource, array: str, axis: int) -> str:
    """Return an array's size along an axis, of the type that rounds are counted in."""
    sizes = b.emit(node, ShapeOf(), (array,), part="sizes")
    place = b.const(node, np.array(axis, np.int64), part="axis")
    size = b.emit(node, Gather(axis=0), (*sizes, place), part="size")
    return b.emit(node, Cast(dtype="int64"), size, part="length")[0]


def _from_end(b: OnnxBuilder, node: NodeSource, index: str, length: str) -> str:
    one = b.const(node, np.array(1, np.int64), part="one")
    last = b.emit(node, Binary(function="subtract"), (length, one), part="last")
    return b.emit(node, Binary(function="subtract"), (*last, index), part="backward")[0]


def _true(b: OnnxBuilder, node: NodeSource) -> str:
    return b.const(node, np.array(True), part="true")
