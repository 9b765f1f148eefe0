"""What operators with a window over the spatial axes state: kernel, stride, dilation, padding."""

from __future__ import annotations

from typing import Any

from jaxdnn.errors import LayerError
from jaxdnn.importers.onnx.registry import NodeSource
from jaxdnn.layers.base import PerAxis
from jaxdnn.layers.padding import Padding

_SAME = {"SAME_UPPER": "same_upper", "SAME_LOWER": "same_lower"}


def steps(node: NodeSource, name: str) -> PerAxis:
    """Return strides or dilations, 1 where they are not stated."""
    return node.attributes.integers(name, ()) or 1


def padding(node: NodeSource) -> Padding:
    """Return the padding of the spatial axes.

    Raises:
        LayerError: it has an odd number of values, or negative ones.
    """
    kind = auto_pad(node)
    pads = node.attributes.integers("pads", ())
    if kind in _SAME:
        return _SAME[kind]
    if kind == "VALID" or not pads:
        return 0
    if len(pads) % 2:
        raise LayerError(f"pads must have two values per axis, got {pads}")
    half = len(pads) // 2
    return tuple(zip(pads[:half], pads[half:], strict=True))


def auto_pad(node: NodeSource) -> str:
    """Return how the padding is to be chosen; ``NOTSET`` where it is stated."""
    return node.attributes.one_of("auto_pad", ("NOTSET", "VALID", *_SAME), "NOTSET") or "NOTSET"


def convolution(node: NodeSource) -> dict[str, Any]:
    """Return what all convolutions state alike; weight and bias are inputs of theirs."""
    return {
        "filters": None,
        "kernel": None,
        "stride": steps(node, "strides"),
        "padding": padding(node),
        "dilation": steps(node, "dilations"),
        "groups": node.attributes.integer("group", 1),
        "bias": False,
    }
