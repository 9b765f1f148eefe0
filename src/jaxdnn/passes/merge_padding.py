"""Let convolutions and pools do the padding before them, and join paddings."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeGuard

import numpy as np

from jaxdnn.ir import Model, Node
from jaxdnn.layers.activation import Clip, HardSigmoid, Relu, Sigmoid, Softmax, Softplus
from jaxdnn.layers.base import Layer, spread
from jaxdnn.layers.convolution import Conv, Im2Col
from jaxdnn.layers.elementwise import Abs, Exp, Square
from jaxdnn.layers.padding import Padding, ends, spatial_axes
from jaxdnn.layers.pooling import Pool
from jaxdnn.layers.shape import Pad
from jaxdnn.passes.ranks import ranks
from jaxdnn.passes.rewrite import output_values, readers, rebuild

Amounts = dict[int, tuple[int, int]]
"""By axis, counted from the front, the elements that are added before and after."""

_LOWEST = float(np.finfo(np.float32).min)


def merge_padding(model: Model) -> Model:
    """Merge paddings into the convolutions and pools that read them, and into each other.

    Given::

        graph 'n' (x) -> (y)
          p = Pad(x) {before=(1, 1), after=(2, 2), axis=2}
          y = Conv(p) {filters=8, kernel=(3, 3), stride=2}

    Result::

        graph 'n' (x) -> (y)
          y = Conv(x) {filters=8, kernel=(3, 3), stride=2, padding=((1, 2), (1, 2))}

    Of a padding by a constant with two readers or more all must be able to do it themselves, and it must be no output.
    Those that can, if it adds elements along their spatial axes alone and their own padding is given in numbers:

    * A convolution, and its patches: its own padding is zeros, so the constant must be 0.
    * A pool whose window is larger than the padding, so that each window still covers a cell of the input, and whose
      last window is not dropped by a rule that asks where the padding ends (``ceil_clip``). An average counts the cells
      of the padding if it divides by those of the padded input or of the window; one that divides by those of its own
      input does so too once the padding is its own, if it had none. A zero adds nothing to an average, nor to a
      stochastic pool. It is no maximum if the input is nowhere negative, which its producer tells (a rectifier), and
      neither is the lowest number.

    Two paddings by the same constant become one, a padding and a crop of what it added too. A padding that adds nothing
    goes, and its name becomes another one of its input.
    """
    while (merged := _absorb(_join(model))) is not model:
        model = merged
    return model


def _join(model: Model) -> Model:
    """Merge each padding into the one that alone reads it, and remove those that add nothing."""
    graph = model.graph
    known, consumers, outputs = ranks(graph), readers(graph), output_values(graph)
    nodes = {node.name: node for node in graph.nodes}
    pads: dict[str, Node] = {}
    same: dict[str, str] = {}
    for node in graph.nodes:
        if not isinstance(node.layer, Pad):
            continue
        first = pads.get(node.inputs[0])
        layer: Pad | None = node.layer
        if first is not None and node.inputs[0] not in outputs and len(consumers[node.inputs[0]]) == 1:
            layer = _joined(first.layer, node.layer, known.get(first.inputs[0]))
            if layer is not None:
                del nodes[first.name]
                node = nodes[node.name] = replace(node, layer=layer, inputs=first.inputs)
        if layer is not None and not any((*layer.before, *layer.after)):
            same[node.outputs[0]] = node.inputs[0]
            del nodes[node.name]
        else:
            pads[node.outputs[0]] = node
    return model if len(nodes) == len(graph.nodes) else rebuild(model, nodes.values(), same=same)


def _joined(first: Layer, second: Layer, rank: int | None) -> Pad | None:
    """Return the padding that does what two in a row do."""
    if not (_adds_constant(first) and _adds_constant(second)):
        return None
    early, late = _amounts(first, rank), _amounts(second, rank)
    if not early or late is None:
        return None
    axes = range(min((*early, *late)), max((*early, *late)) + 1)
    pairs = [(early.get(axis, (0, 0)), late.get(axis, (0, 0))) for axis in axes]
    total = [(one[0] + two[0], one[1] + two[1]) for one, two in pairs]
    early_numbers, late_numbers, sums = (
        [n for pair in part for n in pair] for part in (early.values(), late.values(), total)
    )
    # What a crop takes away is lost: a padding behind it does not bring it back.
    adds = min(early_numbers) >= 0 and min(sums) >= 0
    if not adds and max(early_numbers + late_numbers) > 0:
        return None
    if adds and first.value != second.value and max(late_numbers, default=0) > 0:
        return None
    before, after = zip(*total, strict=True)
    return Pad(before=before, after=after, axis=axes.start, value=first.value)


def _adds_constant(layer: Layer) -> TypeGuard[Pad]:
    return isinstance(layer, Pad) and layer.mode == "constant" and not layer.axes


def _amounts(pad: Pad, rank: int | None) -> Amounts | None:
    """Return what is added where anything is; None if the axes are not known."""
    if pad.axis < 0 and rank is None:
        return None
    start = pad.axis if pad.axis >= 0 else pad.axis + (rank or 0)
    pairs = enumerate(zip(pad.before, pad.after, strict=True), start)
    return {axis: pair for axis, pair in pairs if pair != (0, 0)}


def _absorb(model: Model) -> Model:
    """Merge paddings into the layers that read them."""
    graph = model.graph
    known, consumers, outputs = ranks(graph), readers(graph), output_values(graph)
    nodes = {node.name: node for node in graph.nodes}
    for node in graph.nodes:
        pad = node.layer
        if not _adds_constant(pad) or node.outputs[0] in outputs:
            continue
        (value,), source = node.outputs, graph.producers.get(node.inputs[0])
        merged = {
            reader.name: _with_padding(reader, value, pad, known.get(reader.outputs[0]), source)
            for reader in consumers[value]
        }
        found = {name: layer for name, layer in merged.items() if layer is not None}
        if found and len(found) == len(merged):
            for name, layer in found.items():
                nodes[name] = replace(
                    nodes[name], layer=layer, inputs=(*node.inputs, *nodes[name].inputs[1:])
                )
            del nodes[node.name]
    return model if len(nodes) == len(graph.nodes) else rebuild(model, nodes.values())


def _with_padding(reader: Node, value: str, pad: Pad, rank: int | None, source: Node | None) -> Layer | None:
    """Return a layer that pads its input itself, None if it cannot.

    Args:
        reader: the node that reads the padded value.
        value: the padded value.
        pad: the padding.
        rank: of the value.
        source: the node that produces what is padded, if there is one.
    """
    layer = reader.layer
    # A subclass may pad with another number than zero.
    if type(layer) not in (Conv, Im2Col, Pool) or reader.inputs[0] != value or value in reader.inputs[1:]:
        return None
    assert isinstance(layer, Conv | Im2Col | Pool)
    amounts = None if rank is None else _amounts(pad, rank)
    padding = None if rank is None or amounts is None else _summed(layer, amounts, rank)
    if padding is None:
        return None
    if isinstance(layer, Pool):
        return _padded_pool(layer, padding, pad.value, source)
    return replace(layer, padding=_simplest(padding)) if pad.value == 0 else None


def _summed(layer: Conv | Im2Col | Pool, amounts: Amounts, rank: int) -> list[tuple[int, int]] | None:
    """Return a layer's padding of each spatial axis with these amounts, None if it cannot have them."""
    if any(number < 0 for pair in amounts.values() for number in pair) or isinstance(layer.padding, str):
        return None
    axes = spatial_axes(layer.axis, layer.channels_last, rank)[1]
    own = layer.padding
    if not axes or not amounts.keys() <= set(axes) or (isinstance(own, tuple) and len(own) != len(axes)):
        return None
    ones = (1,) * len(axes)
    pairs = zip(axes, *ends(own, ones, ones, ones), strict=True)
    added = ((amounts.get(axis, (0, 0)), before, after) for axis, before, after in pairs)
    return [(before + more[0], after + more[1]) for more, before, after in added]


def _simplest(padding: list[tuple[int, int]]) -> Padding:
    """Return padding as people write it: one number for both ends, one for all axes."""
    if any(before != after for before, after in padding):
        return tuple(padding)
    numbers = tuple(before for before, _ in padding)
    return numbers[0] if len(set(numbers)) == 1 else numbers


def _padded_pool(
    pool: Pool, padding: list[tuple[int, int]], value: float, source: Node | None
) -> Pool | None:
    """Return a pool with this padding that computes what it computed of a padded input, None if none does."""
    if pool.kernel is None or pool.indices or pool.dilation != 1:
        return None
    if pool.rounding in ("ceil_clip", "ceil_inside"):  # which windows are dropped depends on the padding
        return None
    if isinstance(pool.kernel, tuple) and len(pool.kernel) != len(padding):
        return None
    kernel = spread("kernel", pool.kernel, len(padding))
    if any(max(pair) >= size for pair, size in zip(padding, kernel, strict=True)):
        return None
    padded = replace(pool, padding=_simplest(padding))
    if pool.statistic == "max":
        neutral = value <= _LOWEST or (
            value == 0 and source is not None and _is_nowhere_negative(source.layer)
        )
        # Rounded up, the last window may lie in the padding alone.
        return padded if neutral and pool.rounding == "floor" else None
    if value != 0:
        return None
    if pool.statistic == "average" and pool.divisor == "valid":
        plain = pool.padding == 0 and pool.rounding == "floor"
        return replace(padded, divisor="padded") if plain else None
    return padded


def _is_nowhere_negative(layer: Layer) -> bool:
    """Return whether no output of a layer can be negative, whatever it reads."""
    if isinstance(layer, Relu):
        return layer.negative_slope == 0
    if isinstance(layer, Clip):
        return layer.floor >= 0
    return isinstance(layer, Sigmoid | HardSigmoid | Softmax | Softplus | Abs | Square | Exp)
