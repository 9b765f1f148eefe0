"""Fold batch norms, scales and biases into the weights before them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from jaxdnn.ir import Model, Node, split_reference
from jaxdnn.layers.base import Layer
from jaxdnn.layers.convolution import Conv, ConvTranspose
from jaxdnn.layers.dense import Dense
from jaxdnn.layers.filters import by_filter, filter_count
from jaxdnn.layers.late import Late
from jaxdnn.passes.affine import Affine, Channels, affine
from jaxdnn.passes.ranks import inner, ranks
from jaxdnn.passes.rewrite import (
    fresh,
    output_values,
    readers,
    rebuild,
    reference_counts,
    stored_params,
)


def fold_batch_norm(model: Model) -> Model:
    """Fold what multiplies each channel by a number and adds one into the weights of the layer before it.

    Given::

        graph 'n' (x) -> (y)
          c = Conv(x, weight=c/weight)
          b = BatchNorm(c, mean=b/mean, variance=b/variance)
          y = Scale(b, scale=y/scale, bias=y/bias)

    Result::

        graph 'n' (x) -> (y)
          y = Conv(x, weight=c/weight, bias=c/bias)

    The layers that are folded into are :class:`Conv`, :class:`ConvTranspose` and :class:`Dense`; those that are folded
    are batch norms with stored statistics, scales, biases, sums, products, differences and quotients with a constant
    or stored array that varies along the channels alone, and powers of exponent 1. All of a row of them are folded at
    once: in float64, and stored in the weight's type, or in float32 if that is wider.

    The node that is left has the name and the value of the last one, the weight keeps its owner. Nothing is folded
    where a value between is an output or is read by another node as well, where another node has the same weight
    or bias, where a number is missing, or where a folded one would not be finite.
    """
    graph = model.graph
    search = _Search(model)
    folds = [fold for fold in map(search.fold, graph.nodes) if fold is not None]
    if not folds:
        return model
    last = {fold.removed[-1]: fold for fold in folds}
    gone = {name for fold in folds for name in fold.removed}
    nodes: list[Node] = []
    params: dict[str, np.ndarray] = {}
    for node in graph.nodes:
        if node.name in last:
            nodes.append(last[node.name].node)
            params.update(last[node.name].params)
        elif node.name not in gone:
            nodes.append(node)
    return rebuild(model, nodes, params=params)


@dataclass(frozen=True)
class _Fold:
    """A node in the place of several.

    Attributes:
        node: the new one.
        params: its weight and bias, by ``"owner/slot"``.
        removed: names of the nodes in whose place it is, in order.
    """

    node: Node
    params: dict[str, np.ndarray]
    removed: tuple[str, ...]


class _Search:
    """What has to be known of a whole model to fold into one of its nodes."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._readers = readers(model.graph)
        self._outputs = output_values(model.graph)
        self._ranks = ranks(model.graph)
        self._counts = reference_counts(model.graph)
        stored = (f"{owner}/{slot}" for owner, slots in model.params.items() for slot in slots)
        self._references = {*self._counts, *stored}

    def fold(self, node: Node) -> _Fold | None:
        """Return what a node and those behind it become; None if nothing can be folded into it."""
        layer = inner(node.layer)
        channels = _channels(layer, self._ranks.get(node.outputs[0])) if node.outputs else None
        arrays = stored_params(self._model, node)
        shared = any(self._counts[reference] > 1 for reference in node.params.values())
        if channels is None or arrays is None or "weight" not in arrays or shared:
            return None
        steps = self._steps(node, channels)
        if not steps:
            return None
        total, _ = steps[0]
        for step, _ in steps[1:]:
            total = total.then(step)
        folded = _fold_arrays(layer, arrays, total, channels.count)
        if folded is None:
            return None
        owner = split_reference(node.params["weight"])[0]
        bias = node.params.get("bias") or fresh(f"{owner}/bias", self._references)
        self._references.add(bias)
        references = {**node.params, "bias": bias}
        last = steps[-1][1]
        result = replace(
            node, name=last.name, outputs=last.outputs, layer=_with_bias(node.layer), params=references
        )
        params = {references[slot]: array for slot, array in folded.items()}
        return _Fold(result, params, (node.name, *(step.name for _, step in steps)))

    def _steps(self, node: Node, channels: Channels) -> list[tuple[Affine, Node]]:
        """Return the maps that follow a node, each the only reader of the value before it."""
        steps: list[tuple[Affine, Node]] = []
        (value,) = node.outputs
        while value not in self._outputs and len(self._readers[value]) == 1:
            (reader,) = self._readers[value]
            step = affine(self._model, reader, value, channels)
            if step is None:
                break
            steps.append((step, reader))
            (value,) = reader.outputs
        return steps


def _channels(layer: Layer, rank: int | None) -> Channels | None:
    """Return where a layer's output has its channels, None for a layer that is not folded into."""
    count = filter_count(layer)
    if count is None:
        return None
    assert isinstance(layer, Conv | ConvTranspose | Dense)
    last = isinstance(layer, Dense) or layer.channels_last
    return Channels(-1 if last else layer.axis, count, rank)


def _with_bias(layer: Layer) -> Layer:
    if isinstance(layer, Late):
        return replace(layer, layer=_with_bias(layer.layer))
    assert isinstance(layer, Conv | ConvTranspose | Dense)
    return replace(layer, bias=True)


def _fold_arrays(
    layer: Layer, arrays: dict[str, np.ndarray], total: Affine, count: int
) -> dict[str, np.ndarray] | None:
    """Return weight and bias after a map; None if their sizes do not fit the layer or a number is not finite."""
    weight, bias = arrays["weight"], arrays.get("bias", np.zeros(count, np.float32))
    dtype = np.promote_types(weight.dtype, np.float32)
    if bias.size != count:
        return None
    shift = bias.reshape(-1).astype(np.float64)
    folded = {"weight": weight}
    # What overflows becomes an infinity, which is looked for below.
    with np.errstate(over="ignore", invalid="ignore"):
        if total.scale is not None:
            blocks = by_filter(layer, weight, count)
            if blocks is None:
                return None
            scale = total.scale.reshape(blocks.shape[0], 1, blocks.shape[2], 1)
            folded["weight"] = (blocks.astype(np.float64) * scale).reshape(weight.shape).astype(dtype)
            shift = shift * total.scale
        folded["bias"] = (shift + total.shift).astype(dtype)
    return folded if all(np.isfinite(array).all() for array in folded.values()) else None
