"""TensorFlow 1's loops, which are circles in the graph, as While nodes with functions.

Given::

    i = Merge(Enter(zero), NextIteration(i + 1))     # frame_name "loop"
    go_on = LoopCond(i < Enter(n, is_constant))
    result = Exit(Switch(i, go_on):0)                # i + 1 reads Switch(i, go_on):1

Result::

    loop = While(zero, n)                            # cond: @0 < @1, body: @0 + 1, @1
    result = Identity(loop:0)
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import replace

from jaxdnn.errors import GraphError, some
from jaxdnn.importers.tensorflow.extract import Arguments, Nodes, argument, extract, reachable, unused
from jaxdnn.importers.tensorflow.graphdef import FunctionDef, FunctionName, NodeDef
from jaxdnn.importers.tensorflow.order import Reference, data_inputs

MERGES = ("Merge", "RefMerge")
SWITCHES = ("Switch", "RefSwitch", "_SwitchN")
_ENTERS = ("Enter", "RefEnter")
_EXITS = ("Exit", "RefExit")
_NEXT = ("NextIteration", "RefNextIteration")


def lift_loops(
    nodes: Nodes, alive: Container[str], given: Container[str]
) -> tuple[Nodes, dict[str, FunctionDef]]:
    """Replace loops by While nodes, inner ones first.

    Args:
        nodes: the graph.
        alive: the nodes that outputs need; other loops stay as they are.
        given: names of values that are known.

    Returns:
        the graph, and the functions that its new nodes call.

    Raises:
        GraphError: a loop is not one that TensorFlow's own functions make.
    """
    frames: dict[str, list[NodeDef]] = {}
    for node in nodes.values():
        if node.op in _ENTERS and node.name in alive:
            frames.setdefault(_frame(node), []).append(node)
    functions: dict[str, FunctionDef] = {}
    while frames:
        lifted = [frame for frame in frames if _Loop(nodes, frames[frame], given).is_innermost()]
        if not lifted:
            raise GraphError(f"the loops {some(list(frames))} are of a form that is not known")
        for frame in lifted:
            nodes, new = _Loop(nodes, frames.pop(frame), given).lift(frame)
            functions |= new
    return nodes, functions


def _frame(node: NodeDef) -> str:
    name = node.attributes.get("frame_name")
    if not isinstance(name, bytes):
        raise GraphError("has no attribute 'frame_name'", layer=node.place)
    return name.decode("utf-8", "replace")


class _Loop:
    """One loop, whose variables are its Merge nodes."""

    def __init__(self, nodes: Nodes, enters: list[NodeDef], given: Container[str]) -> None:
        self._nodes = nodes
        self._given = given
        self._enters = {node.name: data_inputs(node)[0] for node in enters if data_inputs(node)}
        variables = [(node, *ends) for node in nodes.values() if (ends := self._ends(node))]
        if not variables:
            raise GraphError(f"the loop of {some(list(self._enters))} has no variable")
        self._line = variables[0][0].line
        self._begins = [self._enters[begin] for _, begin, _ in variables]
        self._next = [data_inputs(nodes[after])[0] for _, _, after in variables]
        self._merges = {node.name: index for index, (node, _, _) in enumerate(variables)}
        deciding = {
            node.name: self._merges[_source(node)]
            for node in nodes.values()
            if node.op in SWITCHES and _source(node) in self._merges
        }
        self._switches = {name: index for name, index in deciding.items() if self._decider(name)}
        self._borders = {*self._merges, *self._switches, *self._enters}
        self._condition = self._find_condition()

    def _ends(self, node: NodeDef) -> tuple[str, str] | None:
        """Return the Enter and the NextIteration of a variable's Merge, None for any other node."""
        sources = [Reference.parse(text).node for text in data_inputs(node)]
        if node.op not in MERGES or len(sources) != 2:
            return None
        begin, after = sources if sources[0] in self._enters else reversed(sources)
        closing = self._nodes.get(after)
        closes = closing is not None and closing.op in _NEXT and data_inputs(closing)
        return (begin, after) if begin in self._enters and closes else None

    def _decider(self, switch: str) -> NodeDef | None:
        """Return the LoopCond that decides a Switch; any other one belongs to a branch."""
        decider = self._nodes.get(Reference.parse(data_inputs(self._nodes[switch])[-1]).node)
        return decider if decider is not None and decider.op == "LoopCond" and data_inputs(decider) else None

    def _find_condition(self) -> str:
        """Return what decides whether the loop goes on."""
        for name in self._switches:
            decider = self._decider(name)
            if decider is not None:
                return data_inputs(decider)[0]
        raise GraphError(f"the loop of {some(list(self._merges))} has no condition")

    def is_innermost(self) -> bool:
        """Whether no other loop's result is needed inside of it."""
        ends = [Reference.parse(text).node for text in (self._condition, *self._next)]
        inside = reachable(self._nodes, ends, self._borders)
        return not any(self._nodes[name].op in _EXITS for name in inside)

    def lift(self, frame: str) -> tuple[Nodes, dict[str, FunctionDef]]:
        """Return the graph with a While node in the loop's place, and its functions."""
        arguments = Arguments(self._begins)

        def argument_of(reference: Reference) -> int | None:
            if reference.node in self._enters:
                return arguments.index(self._enters[reference.node])
            if reference.node in self._given:
                return arguments.index(reference.text)
            return {**self._merges, **self._switches}.get(reference.node)

        decided, decision = extract(self._nodes, [self._condition], argument_of, self._borders)
        changed, after = extract(self._nodes, self._next, argument_of, self._borders)
        after += [argument(index) for index in range(len(self._begins), len(arguments.values))]
        name = unused(frame.removesuffix("/while_context"), self._nodes)
        condition = arguments.function(f"{name}@cond", decided.values(), decision)
        body = arguments.function(f"{name}@body", changed.values(), after)
        attributes = {"cond": FunctionName(condition.name), "body": FunctionName(body.name)}
        loop = NodeDef(name, "StatelessWhile", tuple(arguments.values), attributes, self._line)
        nodes = {key: node for key, node in self._nodes.items() if key not in self._borders}
        for node in self._nodes.values():
            if node.op in _EXITS and _source(node) in self._switches:
                result = f"{name}:{self._switches[_source(node)]}"
                nodes[node.name] = replace(node, op="Identity", inputs=(result,))
        nodes[name] = loop
        return nodes, {condition.name: condition, body.name: body}


def _source(node: NodeDef) -> str:
    return next((Reference.parse(text).node for text in data_inputs(node)), "")
