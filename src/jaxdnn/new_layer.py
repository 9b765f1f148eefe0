"""A node for a layer that is new in a net, with its parameters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypedDict

import jax
import numpy as np

from jaxdnn.errors import InputError, ShapeError, WeightsError
from jaxdnn.initialize import bind
from jaxdnn.ir import Graph, Node, Params, split_reference
from jaxdnn.layers.base import Layer, Shape, dims
from jaxdnn.layers.custom import Custom
from jaxdnn.lowering import Inferred
from jaxdnn.lowering.custom import Given, parse
from jaxdnn.lowering.program import CustomLayers
from jaxdnn.passes.rewrite import fresh

NewLayer = Layer | Given
"""A layer, or a function as :func:`jaxdnn.load` takes it for a layer type: ``f(weights, *inputs)``."""

Shapes = Mapping[str, Shape]


class NewOptions(TypedDict, total=False):
    """What may be said of a new layer.

    Attributes:
        inputs: names of the values (or layers) that it reads.
        params: its parameters by slot.
        key: a ``jax.random.key`` that draws the parameters that are not given.
    """

    inputs: str | Iterable[str] | None
    params: Mapping[str, Any] | None
    key: jax.Array | None


@dataclass(frozen=True)
class NewNode:
    """A node and what comes with it.

    Attributes:
        node: the node.
        arrays: its new parameters, by ``"owner/slot"``.
        fresh: the references of all parameters that are not the old node's, those without an array too.
        custom_layers: the function of its type, if it is one.
    """

    node: Node
    arrays: Mapping[str, Any]
    fresh: frozenset[str]
    custom_layers: CustomLayers


def value_shapes(graph: Graph, run: Inferred) -> dict[str, Shape]:
    """Return the padded shapes of the values that a run knows."""
    shapes = {
        value.name: tuple(size or 1 for size in run.values[value.name].shape or ())
        for value in graph.inputs
        if value.name in run.values
    }
    for node in graph.nodes:
        if node.name in run.shapes:
            shapes.update(zip(node.outputs, run.shapes[node.name][1], strict=True))
    return shapes


def as_layer(
    name: str, given: NewLayer, inputs: Sequence[Sequence[Shape]], known: CustomLayers
) -> tuple[Layer, CustomLayers]:
    """Return a layer as it is, and a function as a :class:`~jaxdnn.layers.custom.Custom` layer of a type of its own.

    Args:
        name: of the layer.
        given: the layer or function.
        inputs: the shapes of its inputs, for each of the sizes that are tried; empty if they are not known.
        known: the functions that there are, by type.

    Raises:
        JaxdnnError: it is neither, or the shapes of its parameters are not known.
    """
    if isinstance(given, Layer):
        return given, {}
    custom = parse({name: given})[name]
    type_name = fresh(custom.name, {other for other in known if known[other] != custom})
    weights: Shapes = {}
    if custom.weights is not None:
        weights = _agreed([custom.weight_shapes(shapes[0], {}) for shapes in inputs])
    return Custom(type=type_name, weights=tuple(weights.items())), {type_name: custom}


def new_node(
    node: Node,
    custom_layers: CustomLayers,
    inputs: Sequence[Sequence[Shape]],
    stored: Params,
    owner: str,
    params: Mapping[str, Any],
    key: jax.Array | None,
) -> NewNode:
    """Give a node its parameters.

    Args:
        node: with its layer; its ``params`` are those of the node that it replaces.
        custom_layers: the function of its type, if it is one.
        inputs: the shapes of its inputs, for each of the sizes that are tried; empty if they are not known.
        stored: the parameters that there are.
        owner: of its new parameters.
        params: arrays by slot.
        key: draws the others; without it, the old node's are kept where they fit.

    Raises:
        JaxdnnError: an array is of no slot or of another shape than its slot, or shapes have to be known and are not.
    """
    slots = _slots(node.layer, inputs)
    _check(node.layer, slots, params)
    references = dict(node.params) if isinstance(node.layer, Custom) and not slots else {}
    arrays, drawn = {}, {}
    for slot in {**slots, **params}:
        reference = f"{owner}/{slot}"
        if slot in params:
            arrays[reference] = params[slot]
        elif key is None and _has_shape(stored, node.params.get(slot), slots[slot]):
            references[slot] = node.params[slot]
            continue
        else:
            drawn[reference] = slots[slot]
        references[slot] = reference
    if key is not None:
        made, _ = bind({}, {}, drawn, key)
        arrays |= {f"{each}/{slot}": array for each, some in made.items() for slot, array in some.items()}
    return NewNode(
        replace(node, params=references), arrays, frozenset(arrays.keys() | drawn.keys()), custom_layers
    )


def _slots(layer: Layer, inputs: Sequence[Sequence[Shape]]) -> Shapes:
    if type(layer).param_shapes is Layer.param_shapes:
        return {}
    if isinstance(layer, Custom):
        return layer.param_shapes()
    return _agreed([layer.param_shapes(*shapes) for shapes in inputs])


def _agreed(found: Sequence[Shapes]) -> Shapes:
    if not found or any(shapes != found[0] for shapes in found):
        raise ShapeError(
            "the shapes of its parameters depend on sizes that are not known before a call: load the net with "
            "input_shapes="
        )
    return found[0]


def _check(layer: Layer, slots: Shapes, params: Mapping[str, Any]) -> None:
    for slot, array in params.items():
        if slot not in slots and not (isinstance(layer, Custom) and not slots):
            known = ", ".join(map(repr, slots)) or "none"
            raise InputError(f"{type(layer).__name__} has no parameter {slot!r}; it has {known}")
        if slot in slots and np.shape(array) != slots[slot]:
            raise WeightsError(f"{slot} is {dims(np.shape(array))}, {dims(slots[slot])} expected")


def _has_shape(stored: Params, reference: str | None, shape: Shape) -> bool:
    owner, slot = split_reference(reference or "")
    array = stored.get(owner, {}).get(slot)
    return array is not None and np.shape(array) == shape
