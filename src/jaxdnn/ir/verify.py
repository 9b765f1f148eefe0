"""What a legal graph is, stated as a function."""

from __future__ import annotations

from collections import Counter

from jaxdnn.errors import GraphError
from jaxdnn.ir.graph import Graph, split_reference


def verify(graph: Graph) -> None:
    """Check the graph's invariants.

    Every node and every value has a unique name; a node reads only inputs and values of earlier nodes
    (topological order, hence no cycle); outputs and aliases exist; each parameter reference is ``owner/slot``.

    Raises:
        GraphError: an invariant does not hold.
    """
    for kind, names in (
        ("input", [value.name for value in graph.inputs]),
        ("node", [node.name for node in graph.nodes]),
        ("output", list(graph.outputs)),
    ):
        for name, count in Counter(names).items():
            if count > 1:
                raise GraphError(f"{kind} {name!r} occurs {count} times in graph {graph.name!r}")
    known = {value.name for value in graph.inputs}
    for node in graph.nodes:
        where = f"{node.name!r} ({type(node.layer).__name__})"
        for name in node.inputs:
            if name not in known:
                raise GraphError(f"input {name!r} is not produced by an earlier layer", layer=where)
        for name in node.outputs:
            if name in known:
                raise GraphError(f"output {name!r} is produced a second time", layer=where)
            known.add(name)
        for slot, reference in node.params.items():
            if not all(split_reference(reference)):
                raise GraphError(f"slot {slot!r} refers to {reference!r}, not to owner/slot", layer=where)
    for alias, name in graph.aliases.items():
        if name not in known:
            raise GraphError(f"alias {alias!r} of {name!r} in graph {graph.name!r}: no layer produces that")
    for name in graph.outputs:
        if graph.aliases.get(name, name) not in known:
            raise GraphError(f"output {name!r} of graph {graph.name!r} is produced by no layer")
