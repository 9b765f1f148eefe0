"""TensorFlow 1's branches, which are Switch and Merge nodes, as If nodes with functions.

Given::

    y = Merge(f(Switch(x, p):0), g(Switch(x, p):1))

Result::

    branch = If(p, x)               # else_branch: f(@0), then_branch: g(@0)
    y = @Merged(branch:0, p)        # its second output tells which of the Merge's inputs it is

Where the file fixes ``p``, y is what the live branch computes.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import replace

from jaxdnn.errors import GraphError
from jaxdnn.importers.tensorflow.extract import Arguments, Nodes, extract, reachable, unused
from jaxdnn.importers.tensorflow.graphdef import Attribute, FunctionDef, FunctionName, NodeDef
from jaxdnn.importers.tensorflow.loops import MERGES, SWITCHES
from jaxdnn.importers.tensorflow.order import Reference, data_inputs, needed
from jaxdnn.importers.tensorflow.tensors import Tensor

Sides = Mapping[Reference, int]
"""For what is computed in branches: each deciding value, and for which of its values it is computed."""

MERGED = "@Merged"
"""The op that stands in a lifted Merge's place."""

_LIMIT = 10_000


def lift_branches(
    nodes: Nodes, ends: Iterable[str], given: Container[str]
) -> tuple[Nodes, dict[str, FunctionDef]]:
    """Replace branches by If nodes. What lies inside of a branch is lifted when that function is imported.

    Args:
        nodes: the graph, without loops.
        ends: names of the nodes that are wanted.
        given: names of values that are known.

    Returns:
        the graph, and the functions that its new nodes call.

    Raises:
        GraphError: nothing tells which input of a Merge is alive.
    """
    ends = list(ends)
    functions: dict[str, FunctionDef] = {}
    for _ in range(_LIMIT):
        merges = [node for node in needed(nodes, ends, given) if node.op in MERGES]
        if not merges:
            break
        nodes, new = _Branches(nodes, given).lift(merges)
        functions |= new
    return nodes, functions


class _Branches:
    """The branches of a graph."""

    def __init__(self, nodes: Nodes, given: Container[str]) -> None:
        self._nodes = nodes
        self._given = given
        self._sides: dict[str, Sides] = {}

    def lift(self, merges: list[NodeDef]) -> tuple[Nodes, dict[str, FunctionDef]]:
        """Lift the last of the Merge nodes, which lies in no other branch, and those decided with it."""
        decider, sides = self._decided(merges[-1])
        known = self._constant(decider, len(sides))
        if known is not None:
            return self._choose(merges[-1], sides.index(known)), {}
        group = self._group(merges, decider)
        arguments = Arguments([decider.text])
        name = unused(f"{group[0].name.rpartition('/')[0] or group[0].name}/If", self._nodes)
        functions: dict[str, FunctionDef] = {}
        parts = []
        for side in range(len(sides)):
            roots = [data_inputs(node)[self._decided(node)[1].index(side)] for node in group]
            parts.append(extract(self._nodes, roots, lambda ref: self._argument(ref, decider, arguments)))
        for side, (inside, results) in enumerate(parts):
            function = arguments.function(f"{name}@{side}", inside.values(), results)
            functions[function.name] = replace(function, inputs=function.inputs[1:])
        names: list[Attribute] = [FunctionName(function) for function in functions]
        attributes: dict[str, Attribute] = {"branches": names}
        if len(names) == 2:
            attributes = {"else_branch": names[0], "then_branch": names[1]}
        op = "StatelessIf" if len(names) == 2 else "StatelessCase"
        branch = NodeDef(name, op, tuple(arguments.values), attributes, group[0].line)
        nodes = {**self._nodes, name: branch}
        for index, node in enumerate(group):
            places: Attribute = [self._decided(node)[1].index(side) for side in range(len(sides))]
            inputs = (f"{name}:{index}", decider.text)
            nodes[node.name] = replace(node, op=MERGED, inputs=inputs, attributes={"places": places})
        return nodes, functions

    def _choose(self, merge: NodeDef, index: int) -> Nodes:
        place: Attribute = [index]
        alive = replace(merge, op=MERGED, inputs=(data_inputs(merge)[index],), attributes={"places": place})
        return {**self._nodes, merge.name: alive}

    def _argument(self, reference: Reference, decider: Reference, arguments: Arguments) -> int | None:
        node = self._nodes.get(reference.node)
        if node is not None and node.op in SWITCHES and self._decider(node) == decider:
            return arguments.index(data_inputs(node)[0])
        if reference.node in self._given or decider not in self._sides_of(reference):
            return arguments.index(reference.text)
        return None

    def _group(self, merges: list[NodeDef], decider: Reference) -> list[NodeDef]:
        """Return the Merge nodes that the same value decides and none of which needs another one."""
        around = self._around(merges[-1])
        group: list[NodeDef] = []
        behind: set[str] = set()
        for node in reversed(merges):
            if node.name in behind:
                continue
            if not group or (self._decided(node)[0] == decider and self._around(node) == around):
                group.append(node)
                behind |= reachable(self._nodes, [node.name], self._given)
        return group[::-1]

    def _around(self, merge: NodeDef) -> Sides:
        """Return the branches that a Merge itself lies in."""
        return self._sides_of(Reference(merge.name))

    def _decided(self, merge: NodeDef) -> tuple[Reference, list[int]]:
        """Return what decides a Merge, and for which of its values each input is alive."""
        found = [self._sides_of(Reference.parse(text)) for text in data_inputs(merge)]
        candidates = []
        for decider in dict.fromkeys(key for sides in found for key in sides):
            stated = [sides.get(decider) for sides in found]
            spare = iter(set(range(len(found))).difference(stated))
            sides = [next(spare, -1) if side is None else side for side in stated]
            if stated.count(None) < 2 and sorted(sides) == list(range(len(found))):
                candidates.append((None not in stated, decider, sides))
        if candidates:
            # The innermost one comes last; one that each input states is surer.
            certain = [candidate for candidate in candidates if candidate[0]]
            _, decider, sides = (certain or candidates)[-1]
            return decider, sides
        raise GraphError("nothing tells which of its inputs is alive", layer=merge.place)

    def _sides_of(self, reference: Reference) -> Sides:
        """Return the branches that a value lies in, the innermost one last."""
        node = self._nodes.get(reference.node)
        if node is None:
            return {}
        if reference.node not in self._sides:
            self._find_sides(reference.node)
        sides = self._sides[reference.node]
        return {**sides, self._decider(node): reference.port} if node.op in SWITCHES else sides

    def _find_sides(self, end: str) -> None:
        """Find the branches of a node and of all that it needs, without those that a Switch opens by itself."""
        stack = [(end, False)]
        opened: set[str] = set()
        while stack:
            name, visited = stack.pop()
            node = self._nodes[name]
            sources = [Reference.parse(text.removeprefix("^")) for text in node.inputs]
            if visited:
                self._sides[name] = self._joined(node, sources)
            elif name not in opened and name not in self._sides:
                opened.add(name)
                stack.append((name, True))
                stack += [(ref.node, False) for ref in sources if ref.node in self._nodes]

    def _joined(self, node: NodeDef, sources: list[Reference]) -> Sides:
        found: dict[Reference, int] = {}
        closed: set[Reference] = set()
        for reference in sources:
            source = self._nodes.get(reference.node)
            sides = dict(self._sides.get(reference.node, {}))
            if source is not None and source.op in SWITCHES:
                sides[self._decider(source)] = reference.port
            if node.op in MERGES:
                closed.update(key for key, side in sides.items() if found.get(key, side) != side)
            found.update(sides)
        return {key: side for key, side in found.items() if key not in closed}

    def _decider(self, switch: NodeDef) -> Reference:
        """Return what decides a Switch, behind nodes that only pass it on."""
        data = data_inputs(switch)
        if len(data) != 2:
            raise GraphError(f"takes 2 inputs, {len(data)} given", layer=switch.place)
        reference = Reference.parse(data[1])
        seen = set()
        while reference.node not in seen:
            seen.add(reference.node)
            node = self._nodes.get(reference.node)
            if node is None or node.op != "Identity" or not data_inputs(node):
                break
            reference = Reference.parse(data_inputs(node)[0])
        return reference

    def _constant(self, decider: Reference, count: int) -> int | None:
        """Return the branch that the file itself fixes, if it does; a number that none has means the last one."""
        node = self._nodes.get(decider.node)
        value = node.attributes.get("value") if node is not None and node.op == "Const" else None
        if not isinstance(value, Tensor) or decider.node in self._given:
            return None
        array = value.array()
        if array.size != 1 or array.dtype.kind not in "biu":
            return None
        number = int(array.reshape(()))
        return number if 0 <= number < count else count - 1
