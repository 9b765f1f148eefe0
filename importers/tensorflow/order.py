"""Which nodes outputs need, in an order in which each comes after its inputs."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from jaxdnn.errors import GraphError
from jaxdnn.importers.order import in_order
from jaxdnn.importers.tensorflow.graphdef import NodeDef


@dataclass(frozen=True, slots=True)
class Reference:
    """One output of a node, as an input of another one or a user names it.

    Attributes:
        node: the node's name.
        port: number of the output; in a function the index within ``argument``.
        argument: name of the output argument, or "".
    """

    node: str
    port: int = 0
    argument: str = ""

    @classmethod
    @lru_cache(maxsize=1 << 16)  # every pass over a graph reads the same texts
    def parse(cls, text: str) -> Reference:
        """Read ``node``, ``node:port`` or ``node:argument:index``."""
        if ":" not in text:
            return cls(text)
        node, *rest = text.split(":")
        if rest and rest[-1].isdigit() and len(rest) <= 2:
            return cls(node, int(rest[-1]), rest[0] if len(rest) == 2 else "")
        return cls(node, 0, rest[0]) if len(rest) == 1 else cls(text)

    @property
    def text(self) -> str:
        """What :meth:`parse` reads as this."""
        return ":".join((self.node, *([self.argument] if self.argument else []), str(self.port)))


def data_inputs(node: NodeDef) -> tuple[str, ...]:
    """Return a node's inputs without the control inputs, which come last."""
    inputs = node.inputs
    if inputs and inputs[-1][:1] == "^":
        return tuple([name for name in inputs if name[:1] != "^"])
    return inputs


def needed(nodes: Mapping[str, NodeDef], ends: Iterable[str], given: Container[str]) -> list[NodeDef]:
    """Return the nodes that the named nodes need, themselves included, each after its inputs.

    Where a Merge reads a NextIteration the loop of TensorFlow 1 closes; that edge does not count.

    Args:
        nodes: all nodes by name.
        ends: names of nodes.
        given: names of nodes and arguments whose values are known; nothing behind them is needed.

    Raises:
        GraphError: a node that is read does not exist, or nodes read each other in a circle.
    """

    def sources(name: str) -> list[str]:
        if name not in nodes:
            raise GraphError(f"an output is to be {name!r}, which no node produces")
        node = nodes[name]
        if not node.inputs:
            return []
        merges = node.op in ("Merge", "RefMerge")
        read = []
        for index, text in enumerate(data_inputs(node)):
            source = Reference.parse(text).node
            if source not in nodes and source not in given:
                raise GraphError(f"input {index} is {text!r}, which no node produces", layer=node.place)
            if not (merges and source in nodes and "NextIteration" in nodes[source].op):
                read.append(source)
        return read

    return [nodes[name] for name in in_order(ends, sources, given)]
