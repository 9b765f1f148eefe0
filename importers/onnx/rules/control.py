"""Branches and loops."""

from __future__ import annotations

import numpy as np
import onnx

from jaxdnn.errors import GraphError
from jaxdnn.importers.onnx.builder import OnnxBuilder
from jaxdnn.importers.onnx.loops import Loop, passed_on
from jaxdnn.importers.onnx.registry import NodeSource, Values, rules
from jaxdnn.layers.control import Branch
from jaxdnn.layers.tensor import Squeeze

_ENDLESS = 2**31 - 1
"""A number of rounds that stands for none: exporters write the greatest number that there is."""


@rules("If")
def if_(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """Where the file fixes the condition, only the branch that is taken is imported."""
    graphs = [node.attributes.graph(name) for name in ("else_branch", "then_branch")]
    known = b.constant(inputs[0])
    if known is not None and known.size == 1:
        return node.scope.run(graphs[int(known.reshape(()) != 0)], (), node.name)

    def fill(graph: onnx.GraphProto) -> Values:
        results = node.scope.run(graph, (), f"{node.name}/{graph.name}")
        if "" in results:
            raise GraphError(
                "a branch yields nothing for an optional value, and the data decides which is taken"
            )
        return results

    parts = tuple(
        b.part(f"{node.name}/{name}", 0, lambda _, graph=graph: fill(graph))  # type: ignore[misc]
        for name, graph in zip(("else", "then"), graphs, strict=True)
    )
    condition = b.emit(node, Squeeze(), inputs, part="condition")
    return b.control(node, lambda graphs, weights: Branch(branches=graphs, weights=weights), condition, parts)


@rules("Loop", inputs=(0, None))
def loop(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """A round is computed only if the condition holds, so that it is a constant inside."""
    graph = node.attributes.graph("body")
    bound, goes_on, *first = (*inputs, "", "")[: max(2, len(inputs))]
    rows = len(graph.output) - 1 - len(first)
    if rows < 0 or len(graph.input) != 2 + len(first):
        raise GraphError(
            f"its body has {len(graph.input)} inputs and {len(graph.output)} outputs, at least "
            f"{2 + len(first)} and {1 + len(first)} are expected for {len(first)} variables"
        )
    fixed = passed_on(graph, 2, 1, len(first))
    variables = [index for index in range(len(first)) if index not in fixed]
    holds = b.const(node, np.array(True), part="holds")

    def run(index: str, values: Values) -> tuple[str, Values, Values]:
        given = dict(enumerate(first)) | dict(zip(variables, values, strict=True))
        arguments = (index, holds, *(given[number] for number in range(len(first))))
        go, *results = node.scope.run(graph, arguments, node.name)
        return go, tuple(results[number] for number in variables), tuple(results[len(first) :])

    bound, goes_on = (_scalar(b, node, value, part) for value, part in ((bound, "bound"), (goes_on, "first")))
    names = (*node.outputs, *[""] * (len(first) + rows - len(node.outputs)))
    repeated = Loop(b, node, run, rows, _unless_endless(b, bound), _unless_true(b, goes_on))
    wanted = (*(names[number] for number in variables), *names[len(first) :])
    results = repeated.compute(tuple(first[number] for number in variables), wanted)
    last = dict(enumerate(first)) | dict(zip(variables, results, strict=False))
    return (*(last[number] for number in range(len(first))), *results[len(variables) :])


def _scalar(b: OnnxBuilder, node: NodeSource, value: str, part: str) -> str:
    """Return a value of one element, or none, without its axes."""
    known = b.constant(value) if value else None
    if not value:
        return ""
    if known is not None and known.size == 1:
        return b.const(node, known.reshape(()), part=part)
    return b.emit(node, Squeeze(), (value,), part=part)[0]


def _unless_endless(b: OnnxBuilder, bound: str) -> str:
    known = b.constant(bound)
    return "" if known is not None and known.size == 1 and int(known) >= _ENDLESS else bound


def _unless_true(b: OnnxBuilder, condition: str) -> str:
    known = b.constant(condition)
    return "" if known is not None and known.size == 1 and bool(known) else condition
