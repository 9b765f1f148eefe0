"""The number of axes of values, as far as it follows from the layers."""

from __future__ import annotations

from jaxdnn.ir import Graph, Node
from jaxdnn.layers.base import Layer
from jaxdnn.layers.constant import Const, Parameter
from jaxdnn.layers.convolution import Conv, ConvTranspose, Im2Col
from jaxdnn.layers.dense import Dense
from jaxdnn.layers.families import ALONG_AXIS, ELEMENTWISE, JOINING
from jaxdnn.layers.late import Late
from jaxdnn.layers.normalization import Bias, LocalResponseNorm, MeanVarianceNorm, Normalize, Scale
from jaxdnn.layers.pooling import Pool
from jaxdnn.layers.shape import Concat, Crop, Pad, Permute, Reshape, Reverse, Slice
from jaxdnn.layers.tensor import ExpandDims, Squeeze

_SAME_RANK: tuple[type[Layer], ...] = (
    *(*ELEMENTWISE, *ALONG_AXIS),
    *(Scale, Bias, LocalResponseNorm, MeanVarianceNorm, Normalize),
    *(Conv, ConvTranspose, Im2Col, Pool, Concat, Crop, Pad, Permute, Reverse, Slice),
)
"""The outputs have as many axes as the first input."""


def inner(layer: Layer) -> Layer:
    """Return the layer that a late layer computes, any other one as it is."""
    return layer.layer if isinstance(layer, Late) else layer


def ranks(graph: Graph) -> dict[str, int]:
    """Return the number of axes of each value for which it is certain; values of other layers are left out."""
    found = {value.name: len(value.shape) for value in graph.inputs if value.shape is not None}
    for node in graph.nodes:
        rank = _rank(node, [found.get(value) for value in node.inputs])
        if rank is not None:
            found.update(dict.fromkeys(node.outputs, rank))
    return found


def _rank(node: Node, inputs: list[int | None]) -> int | None:
    layer = inner(node.layer)
    if isinstance(layer, Const):
        return layer.value.ndim
    if isinstance(layer, Parameter):
        return len(layer.shape)
    if isinstance(layer, JOINING):
        known = [rank for rank in inputs if rank is not None]
        return max(known) if len(known) == len(inputs) else None
    first = inputs[0] if inputs else None
    if isinstance(layer, Dense) and layer.axis >= 0:
        return layer.axis + 1
    if isinstance(layer, Conv | ConvTranspose) and isinstance(layer.kernel, tuple):
        return (1 if layer.channels_last or layer.axis < 0 else layer.axis) + 1 + len(layer.kernel)
    if isinstance(layer, _SAME_RANK):
        return first
    if isinstance(layer, Reshape) and layer is node.layer and (layer.axis, layer.num_axes) == (0, -1):
        return len(layer.shape)
    if isinstance(layer, Squeeze) and layer.axes and first is not None:
        return first - len(layer.axes)
    if isinstance(layer, ExpandDims) and layer is node.layer and first is not None:
        return first + len(layer.axes)
    return None
