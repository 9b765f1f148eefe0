"""Cutting a part out of a graph and making a function of it."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import replace

from jaxdnn.errors import GraphError
from jaxdnn.importers.tensorflow.graphdef import Argument, FunctionDef, NodeDef
from jaxdnn.importers.tensorflow.order import Reference, data_inputs

Nodes = Mapping[str, NodeDef]


class Arguments:
    """What a part is given: some values of its own, then each outer value that it reads, once.

    Attributes:
        values: references of the graph around the part, in the order of the arguments.
    """

    def __init__(self, values: Iterable[str] = ()) -> None:
        self.values = list(values)
        self._indices: dict[str, int] = {}

    def index(self, text: str) -> int:
        """Return the number of the argument that an outer value is, which may be a new one."""
        if text not in self._indices:
            self._indices[text] = len(self.values)
            self.values.append(text)
        return self._indices[text]

    def function(self, name: str, nodes: Iterable[NodeDef], results: Iterable[str]) -> FunctionDef:
        """Return a function that takes all arguments."""
        returns = {f"@{index}": result for index, result in enumerate(results)}
        inputs = tuple(Argument(argument(index)) for index in range(len(self.values)))
        return FunctionDef(name, inputs, tuple(map(Argument, returns)), tuple(nodes), returns)


def argument(index: int) -> str:
    """Return an argument's name, which no node has: names of nodes begin with a letter, digit or dot."""
    return f"@{index}"


def extract(
    nodes: Nodes,
    roots: Iterable[str],
    argument_of: Callable[[Reference], int | None],
    borders: Container[str] = (),
) -> tuple[dict[str, NodeDef], list[str]]:
    """Copy the nodes that some outputs need, up to the arguments.

    Nodes that are only waited for (control inputs) are copied too: they tell which branch a constant belongs to.

    Args:
        nodes: the graph.
        roots: the outputs that the part yields.
        argument_of: the number of the argument that a reference becomes; None inside the part.
        borders: nodes behind which no control input leads.

    Returns:
        the nodes by name, and the roots as the part names them.

    Raises:
        GraphError: a node that is read does not exist.
    """
    numbers: dict[Reference, int] = {}

    def renamed(text: str) -> str:
        number = numbers.get(Reference.parse(text))
        return text if number is None else argument(number)

    needed: set[str] = set()
    roots = list(roots)
    stack = list(roots)
    while stack:
        reference = Reference.parse(stack.pop())
        if reference in numbers or reference.node in needed:
            continue
        number = argument_of(reference)
        if number is not None:
            numbers[reference] = number
            continue
        if reference.node not in nodes:
            raise GraphError(f"{reference.node!r} is read, which no node produces")
        needed.add(reference.node)
        stack.extend(data_inputs(nodes[reference.node]))
    found = reachable(nodes, needed, borders, controls=True)
    part = {
        name: replace(node, inputs=tuple(map(renamed, node.inputs)))
        for name, node in nodes.items()
        if name in found
    }
    return part, [renamed(text) for text in roots]


def reachable(
    nodes: Nodes, ends: Iterable[str], given: Container[str], *, controls: bool = False
) -> set[str]:
    """Return the names of the nodes that some nodes need, themselves included. Names that nothing has are left out.

    Args:
        nodes: the graph.
        ends: names of nodes.
        given: names whose values are known; nothing behind them is needed.
        controls: whether to follow control inputs too.
    """
    found: set[str] = set()
    stack = list(ends)
    while stack:
        name = stack.pop()
        if name in found or name in given or name not in nodes:
            continue
        found.add(name)
        node = nodes[name]
        texts = [text.removeprefix("^") for text in node.inputs] if controls else data_inputs(node)
        stack.extend(Reference.parse(text).node for text in texts)
    return found


def unused(name: str, taken: Container[str]) -> str:
    """Return the name, with a number behind it if it is taken."""
    found, count = name, 0
    while found in taken:
        count += 1
        found = f"{name}_{count}"
    return found
