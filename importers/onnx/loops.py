"""Loops that gather rows: what ONNX's Loop and Scan have in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import onnx

from jaxdnn.errors import GraphError
from jaxdnn.importers.onnx.builder import OnnxBuilder
from jaxdnn.importers.onnx.graphs import Body
from jaxdnn.importers.onnx.registry import NodeSource, Values
from jaxdnn.importers.tensor_builder import Part
from jaxdnn.layers.arithmetic import Binary
from jaxdnn.layers.control import While
from jaxdnn.layers.lists import ListReserve, ListSet

Round = Callable[[str, Values], tuple[str, Values, Values]]
"""Of a round's number and the variables: whether another round follows, the variables' next values, and the rows."""


@dataclass(frozen=True)
class Loop:
    """A loop that computes variables, and gathers a row of some values in each round.

    Attributes:
        b: what is built.
        node: what the loop is called, without outputs.
        run: imports the nodes of one round.
        rows: how many values are gathered.
        bound: the greatest number of rounds, ``""`` for none.
        goes_on: whether there is a first round, ``""`` if that is sure.
    """

    b: OnnxBuilder
    node: NodeSource
    run: Round
    rows: int
    bound: str
    goes_on: str = ""

    def compute(self, first: Values, names: Values, room: str = "") -> Values:
        """Return the variables' last values and the gathered rows, which are joined along a new first axis.

        Where a condition ends the loop and rows are gathered, it runs twice: the number of rounds has to be known
        before there is room for the rows.

        Args:
            first: the variables' first values.
            names: what the results are called, ``""`` where that does not matter.
            room: how many rows there are, at least as many as rounds; by default as many.
        """
        b, bound = self.b, self.bound
        body = self._body(len(first), 0)
        known = b.constant(body.results[1])
        endless = known is not None and bool(known) and not self.goes_on
        if endless and not bound:
            raise GraphError("nothing ends the loop: it has neither a number of rounds nor a condition")
        zero = b.const(self.node, np.array(0, np.int64), part="zero")
        go = self.goes_on or b.const(self.node, np.array(True), part="go")
        if not endless:
            if not self.rows:
                return self._while(body, (zero, go, *first), ("", "", *names))[2:]
            counting = self.node._replace(name=f"{self.node.name}@count")
            bound = replace(self, node=counting)._while(body, (zero, go, *first), ())[0]
        body = self._body(len(first), self.rows)
        body = replace(
            body,
            arguments=(body.arguments[0], *body.arguments[2:]),
            results=(body.results[0], *body.results[2:]),
        )
        reserve = ListReserve(count=0, shape=(-1,))
        lists = [
            b.late(self.node, reserve, (), part=f"rows{index}", count=room or bound)[0]
            for index in range(self.rows)
        ]
        return replace(self, bound=bound)._while(body, (zero, *first, *lists), ("", *names), known=True)[1:]

    def _body(self, variables: int, rows: int) -> Part:
        """Build a round. It is fed its number, whether it is computed, the variables and the lists of rows."""
        b, node = self.b, self.node

        def fill(arguments: Values) -> Values:
            index, _, *given = arguments
            goes_on, values, found = self.run(index, tuple(given[:variables]))
            if "" in values:
                raise GraphError("a variable of the loop is left out after a round")
            one = b.const(node, np.array(1, np.int64), part="one")
            (following,) = b.emit(node, Binary(function="add"), (index, one), part="next")
            written = [
                b.emit(node, ListSet(), (rows_so_far, index, row), part="write")[0]
                for rows_so_far, row in zip(given[variables:], found[:rows], strict=True)
            ]
            return (following, goes_on, *values, *written)

        return b.part(f"{node.name}/body", 2 + variables + rows, fill)

    def _while(self, body: Part, first: Values, names: Values, known: bool = False) -> Values:
        """Add the loop; its variables are the number of the round, whether it goes on unless it is known, and more."""
        b, node = self.b, self.node

        def fill(arguments: Values) -> Values:
            if not self.bound:
                return arguments[1:2]
            less = Binary(function="less")
            before_end = b.emit(node, less, (arguments[0], self.bound), part="before_end")
            if known:
                return before_end
            return b.emit(node, Binary(function="and"), (*before_end, arguments[1]), part="goes_on")

        condition = b.part(f"{node.name}/condition", len(first), fill)
        return b.control(
            node._replace(outputs=names),
            lambda graphs, weights: While(condition=graphs[0], body=graphs[1], weights=weights),
            first,
            (condition, body),
        )


def passed_on(graph: onnx.GraphProto, start: int, returned: int, count: int) -> set[int]:
    """Return the numbers of a loop's variables that its body returns as they are: constants and weights stay such.

    Args:
        graph: the body.
        start: number of the first variable among its inputs.
        returned: the same among its outputs.
        count: how many there are.
    """
    body = Body.of(graph)
    fixed = set()
    for index in range(count):
        name = body.outputs[returned + index]
        for _ in body.nodes:
            node = body.producers.get(name)
            if node is None or node.op_type != "Identity" or len(node.input) != 1:
                break
            name = node.input[0]
        if name == body.inputs[start + index]:
            fixed.add(index)
    return fixed
