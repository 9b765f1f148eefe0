"""Nets from nets: parts, other layers, other names, and two nets joined. Parameters are shared, never copied."""

from __future__ import annotations

import glob
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp

from jaxdnn.errors import InputError, located
from jaxdnn.ir import Graph, Model, Node
from jaxdnn.layers.base import Layer
from jaxdnn.lowering.program import CustomLayers
from jaxdnn.net import Net
from jaxdnn.new_layer import NewLayer, NewNode, as_layer, new_node, value_shapes
from jaxdnn.passes import edit, extract
from jaxdnn.passes import rename as naming
from jaxdnn.passes.rewrite import fresh
from jaxdnn.policy import Policy


def subnet(
    net: Net, inputs: str | Iterable[str] | None = None, outputs: str | Iterable[str] | None = None
) -> Net:
    """Return the part of a net that computes ``outputs`` from ``inputs``.

    Args:
        net: the whole.
        inputs: names of values (or layers) that a call feeds; by default the net's inputs, as far as they are
            needed. What is known of the values' shapes and types is known of the new inputs.
        outputs: names of the values (or layers) that a call returns; by default the net's outputs.

    Raises:
        InputError: a name is unknown, or an output needs something that ``inputs`` do not give.
    """
    model = extract(_model(net), inputs=_listed(inputs), outputs=_listed(outputs))
    stated = {value.name for value in net.graph.inputs}
    new = [value.name for value in model.graph.inputs if value.name not in stated]
    specs = {name: net.specs[name] for name in new if name in net.specs}
    values = tuple(
        replace(value, shape=specs[value.name].shape, dtype=specs[value.name].dtype)
        if value.name in specs
        else value
        for value in model.graph.inputs
    )
    return _rebuilt(net, replace(model, graph=replace(model.graph, inputs=values)))


def with_layer(
    net: Net,
    name: str,
    layer: NewLayer,
    *,
    inputs: str | Iterable[str] | None = None,
    params: Mapping[str, Any] | None = None,
    key: jax.Array | None = None,
) -> Net:
    """Return a net in which a layer is replaced; what reads its outputs reads the new layer's.

    Args:
        net: the old net.
        name: of the layer, or of a value that it computes.
        layer: a layer, such as ``Dense(units=10)``, or a function ``f(weights, *inputs)``, see
            :class:`~jaxdnn.CustomLayer`.
        inputs: names of the values (or layers) that it reads; by default what the old one reads.
        params: its parameters by slot. The others are drawn with ``key``; without a key the old layer's are kept
            where they fit (a function keeps them all), and the rest is :attr:`~jaxdnn.Net.missing`.
        key: a ``jax.random.key``. Weights are drawn like Caffe's ``xavier``, biases are zero.

    Raises:
        JaxdnnError: a name is unknown, the layer does not fit, or it reads what is computed from it.
    """
    old = edit.find_node(net.graph, name)
    node = replace(old, inputs=_resolved(net, inputs) or old.inputs, origin="")
    new = _new_node(net, node, layer, params, key)
    model = edit.replace_node(_model(net, without=new.fresh), new.node, new.arrays)
    return _rebuilt(net, model, new.custom_layers)


def insert(
    net: Net,
    name: str,
    layer: NewLayer,
    *,
    after: str,
    inputs: str | Iterable[str] | None = None,
    params: Mapping[str, Any] | None = None,
    key: jax.Array | None = None,
) -> Net:
    """Return a net with one more layer: whatever read the value ``after`` reads the layer's output.

    Args:
        net: the old net.
        name: what the layer and its output are called.
        layer, params, key: as for :func:`with_layer`.
        after: name of a value (or layer). If it is an output of the net, the new value is one instead.
        inputs: names of the values (or layers) that the new one reads; by default ``after``.

    Raises:
        JaxdnnError: a name is unknown or taken, the layer does not fit, or it reads what is computed from it.
    """
    model = _model(net)
    if name in naming.all_names(model):
        raise InputError(f"the new layer cannot be called {name!r}: that name is taken in {net.name!r}")
    value = net.graph.resolve(after)
    node = Node(name, Layer(), _resolved(net, inputs) or (value,), (name,))
    new = _new_node(net, node, layer, params, key)
    return _rebuilt(net, edit.insert_node(model, new.node, after=value, params=new.arrays), new.custom_layers)


def without(net: Net, name: str) -> Net:
    """Return a net that lacks a layer of one input and one output; its output's name stands for its input.

    Args:
        net: the old net.
        name: of the layer, or of the value that it computes.

    Raises:
        JaxdnnError: the name is unknown, the layer has more inputs or outputs, or the rest does not fit.
    """
    return _rebuilt(net, edit.remove_node(_model(net), edit.find_node(net.graph, name)))


def rename(net: Net, names: Mapping[str, str]) -> Net:
    """Return a net with other names.

    Args:
        net: the old net.
        names: by old name. A layer, its output and the owner of its parameters often have the same name: all get
            the new one. The layers keep their dtype policies.

    Raises:
        InputError: an old name is unknown, or a new one taken.
    """
    policies = {names.get(name, name): net.policy.of(name) for name in net.graph.layer_names}
    return _rebuilt(net, naming.rename(_model(net), names), policies=policies)


def join(first: Net, second: Net, connections: Mapping[str, str] | None = None) -> Net:
    """Return one net that feeds values of one net to inputs of another.

    Its inputs are those of the first and those of the second that nothing feeds. Its outputs are those of the first
    that feed nothing, then those of the second. Parameters are shared with both nets. What has a name in the second
    that is taken in the first is called ``<name of the second net>/<name>``.

    Args:
        first: what comes first.
        second: what reads it.
        connections: names of the second net's inputs by names of values (or layers) of the first; by default the
            first one's only output feeds the second one's only required input.

    Raises:
        InputError: a name is unknown, the ranks or types of a value and its input differ, or the nets' outputs are of
            different types.
        JaxdnnError: the second net cannot compute on these shapes.
    """
    if connections is None:
        connections = _only_connection(first, second)
    _check_connections(first, second, connections)
    types, second_types = first.program.custom_layers, second.program.custom_layers
    clashing = {
        name: fresh(name, {*types, *second_types})
        for name, custom in second_types.items()
        if types.get(name, custom) != custom
    }
    one, two = _model(first), naming.rename_types(_model(second), clashing)
    new = naming.clashes(one, two)
    fed = {value: new.get(name, name) for value, name in connections.items()}
    model = naming.join(one, naming.rename(two, new), fed)
    policies = {name: first.policy.of(name) for name in first.graph.layer_names}
    policies |= {new.get(name, name): second.policy.of(name) for name in second.graph.layer_names}
    customs = {clashing.get(name, name): custom for name, custom in second_types.items()}
    return _rebuilt(first, model, customs, policies)


def _new_node(
    net: Net, node: Node, given: NewLayer, params: Mapping[str, Any] | None, key: jax.Array | None
) -> NewNode:
    """Return a node with a new layer; ``node.params`` are those of the node that it replaces."""
    runs = [value_shapes(net.graph, run) for run in net.trials]
    inputs = [[run[value] for value in node.inputs] for run in runs if run.keys() >= set(node.inputs)]
    others = [other for other in net.graph.nodes if other.name != node.name]
    shared = {owner for other in others for owner in naming.owners(other)}
    own = naming.owners(node) - shared
    owner = own.pop() if len(own) == 1 else fresh(node.name, shared)
    with located(layer=repr(node.name)):
        layer, custom_layers = as_layer(node.name, given, inputs, net.program.custom_layers)
        node = replace(node, layer=layer)
        return new_node(node, custom_layers, inputs, net.stored, owner, params or {}, key)


def _model(net: Net, without: Iterable[str] = ()) -> Model:
    """Return a net's graph with its parameters on the device, less some."""
    gone = set(without)
    params = {
        owner: {slot: array for slot, array in slots.items() if f"{owner}/{slot}" not in gone}
        for owner, slots in net.params.items()
    }
    return Model(net.graph, params, net.source, open_shapes=True)


def _rebuilt(
    net: Net,
    model: Model,
    custom_layers: CustomLayers | None = None,
    policies: Mapping[str, Policy] | None = None,
) -> Net:
    """Return the net of a changed model.

    Args:
        net: the old one.
        model: the changed one.
        custom_layers: more functions.
        policies: the policy of each layer; by default the old net's for its name.
    """
    customs = {**net.program.custom_layers, **(custom_layers or {})}
    policy = _policy(net.policy, model.graph, policies or {})
    result = Net.from_model(model, policy=policy, custom_layers=customs)
    held = {f"{owner}/{slot}" for owner, slots in result.stored.items() for slot in slots}
    references = dict.fromkeys(ref for node in model.graph.nodes for ref in node.params.values())
    return replace(result, missing=tuple(ref for ref in references if ref not in held))


def _policy(policy: Policy, graph: Graph, wanted: Mapping[str, Policy]) -> Policy:
    """Return a policy that names only layers that there are, and gives each one what is wanted for it."""
    layers = list(graph.layer_names)
    unmatched = policy.unmatched(layers)
    result = replace(policy, layers=tuple(pair for pair in policy.layers if pair[0] not in unmatched))
    exceptions = tuple(
        (glob.escape(name), wanted[name])
        for name in layers
        if name in wanted and _types(result.of(name)) != _types(wanted[name])
    )
    return replace(result, layers=result.layers + exceptions)


def _types(policy: Policy) -> tuple[str, str]:
    return policy.params, policy.compute


def _listed(given: str | Iterable[str] | None) -> tuple[str, ...] | None:
    if given is None:
        return None
    return (given,) if isinstance(given, str) else tuple(given)


def _resolved(net: Net, inputs: Iterable[str] | None) -> tuple[str, ...]:
    return tuple(net.graph.resolve(name) for name in _listed(inputs) or ())


def _only_connection(first: Net, second: Net) -> dict[str, str]:
    needed = second.graph.required_inputs
    if len(first.graph.outputs) != 1 or len(needed) != 1:
        raise InputError(
            f"{first.name!r} has {len(first.graph.outputs)} outputs and {second.name!r} {len(needed)} inputs: "
            "say which output feeds which input"
        )
    return {first.graph.outputs[0]: needed[0]}


def _check_connections(first: Net, second: Net, connections: Mapping[str, str]) -> None:
    if not connections:
        raise InputError(f"nothing of {first.name!r} feeds an input of {second.name!r}")
    if first.policy.output != second.policy.output:
        raise InputError(
            f"{first.name!r} yields {first.policy.output} and {second.name!r} {second.policy.output}: give them "
            "policies with the same type of outputs"
        )
    feeding: dict[str, str] = {}
    for value, name in connections.items():
        spec = first.specs.get(first.graph.resolve(value))
        if name not in second.inputs:
            known = ", ".join(map(repr, second.inputs))
            raise InputError(f"{second.name!r} has no input {name!r}; its inputs are {known}")
        if name in feeding:
            raise InputError(f"input {name!r} of {second.name!r} is fed by {feeding[name]!r} and {value!r}")
        feeding[name] = value
        wanted = second.inputs[name]
        if spec is None or spec.shape is None or wanted.shape is None:
            continue
        if len(spec.shape) != len(wanted.shape) or _kind(spec.dtype) != _kind(wanted.dtype):
            raise InputError(f"{value!r} is {spec}, input {name!r} of {second.name!r} takes {wanted}")


def _kind(dtype: str) -> str:
    return "float" if jnp.issubdtype(dtype, jnp.floating) else dtype
