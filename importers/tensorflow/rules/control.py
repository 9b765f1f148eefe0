"""Branches and loops whose bodies are functions of the library."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from jaxdnn.errors import GraphError
from jaxdnn.importers.tensorflow.branches import MERGED
from jaxdnn.importers.tensorflow.builder import TensorFlowBuilder
from jaxdnn.importers.tensorflow.graphdef import FunctionDef
from jaxdnn.importers.tensorflow.order import Reference, data_inputs
from jaxdnn.importers.tensorflow.registry import NodeSource, rules
from jaxdnn.importers.tensorflow.scope import call
from jaxdnn.layers.arithmetic import Cast
from jaxdnn.layers.control import Branch, While
from jaxdnn.layers.shape import Gather
from jaxdnn.layers.tensor import Squeeze

Values = tuple[str, ...]


@rules("If", "StatelessIf", inputs=(1, None))
def if_(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Any number but zero means yes. Where the file fixes it, only the function that is called is imported."""
    functions = [node.attributes.function(name).name for name in ("else_branch", "then_branch")]
    condition, *arguments = inputs
    known = b.constant(condition)
    if known is not None and known.size == 1:
        return call(b, functions[int(known.reshape(()) != 0)], tuple(arguments), node.name)
    (truth,) = b.emit(node, Cast(dtype="bool"), (condition,), part="condition")
    return _branch(b, node, functions, truth, tuple(arguments))


@rules("Case", "StatelessCase", inputs=(1, None))
def case(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """A number outside means the last function."""
    functions = [function.name for function in node.attributes.functions("branches")]
    return _branch(b, node, functions, inputs[0], inputs[1:])


@rules("While", "StatelessWhile", inputs=(1, None))
def while_(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """What the body returns as it was is no variable, so that constants and weights stay such inside."""
    node.attributes.ignore("maximum_iterations")
    condition, body = (node.attributes.function(name).name for name in ("cond", "body"))
    fixed = _passed_on(b.functions.get(body))
    variables = [index for index in range(len(inputs)) if index not in fixed]

    def calling(function: str, wanted: list[int], count: int) -> Callable[[Values], Values]:
        def fill(arguments: Values) -> Values:
            given = dict(enumerate(inputs)) | dict(zip(variables, arguments, strict=True))
            results = call(b, function, tuple(given[index] for index in range(len(inputs))), node.name)
            if len(results) != count:
                raise GraphError(f"function {function!r} returns {len(results)} values, {count} expected")
            return tuple(results[index] for index in wanted)

        return fill

    parts = (
        b.part(f"{node.name}/cond", len(variables), calling(condition, [0], 1)),
        b.part(f"{node.name}/body", len(variables), calling(body, variables, len(inputs))),
    )
    first = tuple(inputs[index] for index in variables)
    results = b.control(
        node,
        lambda graphs, weights: While(condition=graphs[0], body=graphs[1], weights=weights),
        first,
        parts,
    )
    last = dict(enumerate(inputs)) | dict(zip(variables, results, strict=True))
    return tuple(last[index] for index in range(len(inputs)))


@rules("Switch", "RefSwitch", "_SwitchN", inputs=2)
def switch(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """A Switch whose branches never meet again passes its input on to both."""
    del b
    return inputs[:1] * node.attributes.integer("num_outs", 2)


@rules(MERGED, inputs=(1, 2), outputs=("output", "value_index"))
def merged(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """What is left of a Merge: its result, and which of its inputs that is, which the decider's value tells."""
    places = b.const(node, np.array(node.attributes.integers("places"), np.int32), part="places")
    if len(inputs) == 1:
        return (inputs[0], *b.emit(node, Squeeze(), (places,), part="index"))
    (side,) = b.emit(node, Cast(dtype="int32"), inputs[1:], part="side")
    return (inputs[0], *b.emit(node, Gather(axis=0), (places, side), part="index"))


def _branch(
    b: TensorFlowBuilder, node: NodeSource, functions: list[str], index: str, arguments: Values
) -> Values:
    parts = tuple(
        b.part(f"{node.name}/{number}", 0, lambda _, name=name: call(b, name, arguments, node.name))  # type: ignore[misc]
        for number, name in enumerate(functions)
    )
    return b.control(node, lambda graphs, weights: Branch(branches=graphs, weights=weights), (index,), parts)


def _passed_on(body: FunctionDef | None) -> set[int]:
    """Return the numbers of the arguments that a function returns as they are, each in its own place."""
    if body is None or len(body.inputs) != len(body.outputs):
        return set()
    if any(argument.count_from or argument.types_from for argument in (*body.inputs, *body.outputs)):
        return set()
    nodes = {node.name: node for node in body.nodes}
    fixed = set()
    for index, (taken, returned) in enumerate(zip(body.inputs, body.outputs, strict=True)):
        source = Reference.parse(body.returns.get(returned.name, "")).node
        for _ in range(len(nodes)):
            node = nodes.get(source)
            if node is None or node.op != "Identity" or not data_inputs(node):
                break
            source = Reference.parse(data_inputs(node)[0]).node
        if source == taken.name:
            fixed.add(index)
    return fixed
