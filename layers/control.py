"""Layers that compute graphs of layers: branches and loops."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from jaxdnn.layers.base import Layer, Shape, require


class Subgraph(Protocol):
    """What a graph is to a layer; :class:`jaxdnn.ir.Graph` is one."""

    @property
    def name(self) -> str:
        """What errors call it."""

    @property
    def inputs(self) -> Sequence[Any]:
        """What it is fed, in order."""

    @property
    def outputs(self) -> Sequence[str]:
        """The names of the values that it yields, in order."""


class Control(Layer):
    """A layer that computes other graphs.

    Params: the parameters of all nodes of the graphs. A slot is called like the parameter, ``owner/slot``.

    Attributes:
        weights: the shape of each parameter that a node of a graph refers to.
    """

    weights: tuple[tuple[str, Shape], ...] = ()

    @property
    def graphs(self) -> tuple[Subgraph, ...]:
        """The graphs that are computed."""
        raise NotImplementedError

    def param_shapes(self, *inputs: Shape) -> Mapping[str, Shape]:
        """See :class:`Control`."""
        del inputs
        return dict(self.weights)


class Branch(Control):
    """Compute one of several graphs.

    Inputs: the number of the branch, a scalar; then what all branches are fed. Truth counts as 1. A number that no
    branch has means the last one.

    Outputs: those of the branch. Where the number is not known while the program is traced, all branches must yield
    values of the same shapes and types.

    Attributes:
        branches: the graphs. All have the same inputs and as many outputs.
    """

    branches: tuple[Subgraph, ...]

    def __post_init__(self) -> None:
        require(bool(self.branches), "there must be a branch")
        counts = {(len(graph.inputs), len(graph.outputs)) for graph in self.branches}
        require(len(counts) == 1, "branches must have as many inputs and outputs as each other")

    @property
    def graphs(self) -> tuple[Subgraph, ...]:
        """The branches."""
        return self.branches


class While(Control):
    """Compute a graph again and again while another one yields true.

    Inputs: the variables' first values, then what stays the same. Both graphs are fed all of that.

    Outputs: the variables' last values. A variable keeps its shape and type; one that has no elements at first (a list
    whose elements' shape is not known yet) takes the shape that the body gives it, and begins with zeros. Where the
    number of rounds is known while the program is traced and small, shapes may change from round to round.

    Attributes:
        condition: yields one boolean scalar.
        body: yields the variables' next values.
    """

    condition: Subgraph
    body: Subgraph

    def __post_init__(self) -> None:
        require(len(self.condition.outputs) == 1, "the condition must be one value")
        counts = len(self.condition.inputs), len(self.body.inputs)
        require(counts[0] == counts[1], f"the condition has {counts[0]} inputs, the body {counts[1]}")
        variables = len(self.body.outputs)
        require(variables <= counts[1], f"the body yields {variables} values, but has {counts[1]} inputs")

    @property
    def graphs(self) -> tuple[Subgraph, ...]:
        """The condition and the body."""
        return self.condition, self.body
