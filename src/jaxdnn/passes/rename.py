"""Give other names to layers and values, and join two models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from jaxdnn.errors import InputError
from jaxdnn.ir import Graph, Model, Node, Source, split_reference
from jaxdnn.layers.custom import Custom
from jaxdnn.passes.nested import change_graphs
from jaxdnn.passes.rewrite import fresh, names


def all_names(model: Model) -> set[str]:
    """Return every name that a value, a layer, an alias or an owner of parameters has."""
    return names(model.graph).union(model.params, *map(owners, model.graph.nodes))


def owners(node: Node) -> set[str]:
    """Return the owners of the parameters that a node refers to."""
    return {split_reference(reference)[0] for reference in node.params.values()}


def rename(model: Model, new: Mapping[str, str]) -> Model:
    """Give other names to layers, values, aliases and owners of parameters.

    Given, with ``new={"b": "c"}``::

        graph 'n' (x) -> (b)
          a = Relu(x)
          b = Dense(a, weight=b/weight)

    Result::

        graph 'n' (x) -> (c)
          a = Relu(x)
          c = Dense(a, weight=c/weight)

    Args:
        model: the old one.
        new: by old name; everything that has the old name gets the new one.

    Raises:
        InputError: nothing has an old name, or something else has a new one already.
    """
    graph, known = model.graph, all_names(model)
    taken = known - new.keys()
    for old, name in new.items():
        if old not in known:
            graph.resolve(old)
        if name in taken:
            raise InputError(f"{old!r} cannot be called {name!r}: that name is taken in {graph.name!r}")
        taken.add(name)

    def of(name: str) -> str:
        return new.get(name, name)

    def reference(text: str) -> str:
        owner, slot = split_reference(text)
        return f"{of(owner)}/{slot}"

    nodes = tuple(
        replace(
            node,
            name=of(node.name),
            inputs=tuple(map(of, node.inputs)),
            outputs=tuple(map(of, node.outputs)),
            params={slot: reference(text) for slot, text in node.params.items()},
        )
        for node in graph.nodes
    )
    renamed = replace(
        graph,
        inputs=tuple(replace(value, name=of(value.name)) for value in graph.inputs),
        outputs=tuple(map(of, graph.outputs)),
        nodes=nodes,
        aliases={of(alias): of(value) for alias, value in graph.aliases.items()},
    )
    return replace(
        model,
        graph=renamed,
        params={of(owner): slots for owner, slots in model.params.items()},
        initializers={reference(text): value for text, value in model.initializers.items()},
    )


def rename_types(model: Model, new: Mapping[str, str]) -> Model:
    """Give other type names to :class:`~jaxdnn.layers.custom.Custom` layers, in nested graphs too."""

    def change(node: Node) -> Node:
        if isinstance(node.layer, Custom):
            return replace(node, layer=replace(node.layer, type=new.get(node.layer.type, node.layer.type)))
        return change_graphs(node, lambda nested: rename_types(nested, new))

    return replace(model, graph=replace(model.graph, nodes=tuple(map(change, model.graph.nodes))))


def clashes(first: Model, second: Model) -> dict[str, str]:
    """Return other names for what is in both models: the second one's with the second model's name before them."""
    taken = all_names(first)
    new: dict[str, str] = {}
    for name in sorted(taken & all_names(second)):
        new[name] = fresh(f"{second.graph.name}/{name}", taken | all_names(second) | {*new.values()})
    return new


def join(first: Model, second: Model, connections: Mapping[str, str]) -> Model:
    """Feed values of one model to inputs of another; no name is in both.

    Given, with ``connections={"y": "u"}``::

        graph 'n' (x) -> (y, z)          graph 'm' (u) -> (v)
          y = Relu(x)                      v = Tanh(u)
          z = Sigmoid(x)

    Result, in which the name ``u`` is an alias of ``y``::

        graph 'n+m' (x) -> (z, v)
          y = Relu(x)
          z = Sigmoid(x)
          v = Tanh(y)

    Args:
        first: what comes first.
        second: what reads it.
        connections: names of inputs of the second model by the names of values of the first.
    """
    one, two = first.graph, second.graph
    fed = {name: one.resolve(value) for value, name in connections.items()}
    nodes = tuple(replace(node, inputs=tuple(fed.get(v, v) for v in node.inputs)) for node in two.nodes)
    used = {*fed.values()}
    graph = Graph(
        name=f"{one.name}+{two.name}",
        inputs=one.inputs + tuple(value for value in two.inputs if value.name not in fed),
        outputs=tuple(name for name in one.outputs if one.resolve(name) not in used) + two.outputs,
        nodes=one.nodes + nodes,
        aliases={**one.aliases, **fed, **{alias: fed.get(v, v) for alias, v in two.aliases.items()}},
    )
    formats = dict.fromkeys((first.source.format, second.source.format))
    return Model(
        graph,
        {**first.params, **second.params},
        Source("+".join(formats), first.source.files + second.source.files, first.source.preprocessing),
        {**first.initializers, **second.initializers},
        open_shapes=True,
    )
