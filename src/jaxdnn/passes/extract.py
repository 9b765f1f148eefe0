"""Cut a part out of a model: other inputs, other outputs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from jaxdnn.errors import InputError
from jaxdnn.ir import Model, Value
from jaxdnn.passes.prune import prune


def extract(
    model: Model, *, inputs: Iterable[str] | None = None, outputs: Iterable[str] | None = None
) -> Model:
    """Return the part of a model that computes ``outputs`` from ``inputs``.

    Given, with ``inputs=["h"], outputs=["y"]``::

        graph 'n' (x) -> (z)
          h = Conv(x)
          y = Relu(h)
          z = Softmax(y)

    Result::

        graph 'n' (h) -> (y)
          y = Relu(h)

    An inner value that becomes an input has an unknown shape; ``load(…, input_shapes=)`` states it.

    Raises:
        InputError: a name is unknown, or an output depends on an input that is not among ``inputs``.
    """
    graph = model.graph
    ends = graph.outputs if outputs is None else tuple(outputs)
    aliases = {**graph.aliases, **{name: graph.resolve(name) for name in ends}}
    starts = graph.inputs
    if inputs is not None:
        known = {value.name: value for value in graph.inputs}
        names = [graph.resolve(name) for name in inputs]
        starts = tuple(known.get(name, Value(name)) for name in names)
    fed = {value.name for value in starts}
    nodes = tuple(node for node in graph.nodes if not fed.intersection(node.outputs))
    aliases = {alias: name for alias, name in aliases.items() if alias != name}
    cut = replace(graph, inputs=starts, outputs=ends, nodes=nodes, aliases=aliases)
    result = prune(replace(model, graph=cut, checked=model.checked and inputs is None))
    needed = {name for node in result.graph.nodes for name in node.inputs}
    needed.update(cut.resolve(name) for name in ends)
    produced = fed.union(*(node.outputs for node in result.graph.nodes))
    if needed - produced:
        raise InputError(
            f"{', '.join(map(repr, ends))} also needs {', '.join(map(repr, sorted(needed - produced)))}, "
            "which is not among the inputs"
        )
    if inputs is None:
        starts = tuple(value for value in starts if value.name in needed)
        produced -= fed - needed
    kept = {alias: name for alias, name in result.graph.aliases.items() if name in produced}
    return replace(result, graph=replace(result.graph, inputs=starts, aliases=kept))
