"""Weights that a file holds in few bits: what they stand for is computed before the graph is read.

Such a weight is four nodes, of which the graph needs one. All of them are computed into one block of memory.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from contextlib import suppress
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from jaxdnn.errors import JaxdnnError
from jaxdnn.importers.files import aligned_empty
from jaxdnn.importers.tensorflow.attributes import Attributes
from jaxdnn.importers.tensorflow.graphdef import Attribute, NodeDef
from jaxdnn.importers.tensorflow.order import data_inputs
from jaxdnn.importers.tensorflow.registry import NodeSource
from jaxdnn.importers.tensorflow.rules.quantized import layer_of
from jaxdnn.importers.tensorflow.tensors import NAMES, DType, Tensor
from jaxdnn.layers.quantization import Dequantize

_FLOAT = DType(NAMES["FLOAT"])
_ALIGNED = 16
"""Arrays begin at multiples of so many elements, 64 bytes: jax takes these without a copy."""


_STATED = ("mode", "axis", "narrow_range")


class _Weight(NamedTuple):
    """A Dequantize of constants: its place among the nodes, and what it reads."""

    place: int
    integers: np.ndarray
    low: np.float32
    high: np.float32


def dequantized(nodes: tuple[NodeDef, ...], fed: Container[str] = ()) -> tuple[NodeDef, ...]:
    """Return nodes in which each Dequantize of constants is a constant, unless a call feeds these.

    Those that make no sense stay what they are, for the rule to say why.
    """
    constants = {
        node.name: node.attributes.get("value")
        for node in nodes
        if node.op == "Const" and node.name not in fed
    }
    groups: dict[tuple[Dequantize, np.dtype[np.generic]], list[_Weight]] = {}
    for place, node in enumerate(nodes):
        if node.op == "Dequantize":
            with suppress(JaxdnnError):
                found = _read(place, node, constants)
                if found is not None:
                    groups.setdefault((found[0], found[1].integers.dtype), []).append(found[1])
    results = list(nodes)
    weights = [weight for group in groups.values() for weight in group]
    block = aligned_empty(sum(_room(weight) for weight in weights), "float32")
    start = 0
    for (layer, dtype), group in groups.items():
        lows, highs = (np.array([getattr(weight, end) for weight in group]) for end in ("low", "high"))
        for weight, factor, summand in zip(group, *layer.affine(dtype, lows, highs), strict=True):
            array = block[start : start + weight.integers.size].reshape(weight.integers.shape)
            start += _room(weight)
            array[...] = weight.integers
            array *= factor
            array += summand
            node = nodes[weight.place]
            value = Tensor(_FLOAT, array.shape, array.data.cast("B"))
            results[weight.place] = NodeDef(node.name, "Const", (), {"value": value}, node.line)
    return tuple(results)


def _read(
    place: int, node: NodeDef, constants: Mapping[str, Attribute | None]
) -> tuple[Dequantize, _Weight] | None:
    """Return the weight that a node stands for, None if the rule has to look at it."""
    stored = [constants.get(name.removesuffix(":0")) for name in data_inputs(node)]
    tensors = [each for each in stored if isinstance(each, Tensor)]
    # Without raw bytes a few stored values may stand for any number of elements.
    if not len(tensors) == len(stored) == 3 or not len(tensors[0].content):
        return None
    stated = tuple(
        [each for each in map(node.attributes.get, _STATED) if each is None or isinstance(each, bytes | int)]
    )
    if len(stated) < len(_STATED):
        return None
    layer = _layer(stated)
    integers, low, high = (each.array() for each in tensors)
    if layer.axis is not None or not low.size == high.size == 1 or integers.dtype.kind not in "iu":
        return None
    return layer, _Weight(place, integers, np.float32(low.flat[0]), np.float32(high.flat[0]))


@lru_cache(maxsize=64)
def _layer(stated: tuple[bytes | int | None, ...]) -> Dequantize:
    """Return what such attributes say; nearly all nodes state the same."""
    attributes = {name: value for name, value in zip(_STATED, stated, strict=True) if value is not None}
    return layer_of(NodeSource("", "Dequantize", Attributes(attributes)))


def _room(weight: _Weight) -> int:
    return -(-weight.integers.size // _ALIGNED) * _ALIGNED
