"""Pooling."""

from __future__ import annotations

import numpy as np

from jaxdnn.errors import LayerError
from jaxdnn.importers.onnx.builder import OnnxBuilder
from jaxdnn.importers.onnx.registry import NodeSource, Values, rules
from jaxdnn.importers.onnx.rules.windows import padding, steps
from jaxdnn.layers.arithmetic import Binary, Unary
from jaxdnn.layers.pooling import MaxUnpool, Pool, Statistic
from jaxdnn.layers.reduction import Reduce
from jaxdnn.layers.roi import RoiPool


@rules("MaxPool")
def max_pool(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """A second output tells where the maxima are, counting the whole batch."""
    column_major = node.attributes.flag("storage_order", False)
    layer = _window(node, "max", indices=len(node.outputs) > 1, first_fastest=column_major)
    return b.emit(node, layer, inputs, outputs=2 if layer.indices else 1)


@rules("AveragePool")
def average_pool(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """Padding counts if the node says so."""
    padded = node.attributes.flag("count_include_pad", False)
    return b.emit(node, _window(node, "average", divisor="padded" if padded else "valid"), inputs)


@rules("LpPool")
def lp_pool(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """The norm of each window."""
    layer = _window(node, "sum")
    order = node.attributes.number("p", 2.0)
    powers = _powers(b, node, inputs, order)
    return _root(b, node, b.emit(node, layer, powers, part="sums"), order)


def _window(
    node: NodeSource,
    statistic: Statistic,
    *,
    divisor: str = "padded",
    indices: bool = False,
    first_fastest: bool = False,
) -> Pool:
    return Pool(
        statistic=statistic,
        kernel=node.attributes.integers("kernel_shape"),
        stride=steps(node, "strides"),
        padding=padding(node),
        dilation=steps(node, "dilations"),
        rounding="ceil_inside" if node.attributes.flag("ceil_mode", False) else "floor",
        divisor=divisor,  # type: ignore[arg-type]
        indices=indices,
        index_of="batch",
        first_fastest=first_fastest,
    )


@rules("GlobalAveragePool", "GlobalMaxPool")
def global_pool(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """One window over all spatial axes."""
    return b.emit(node, Pool(statistic="max" if "Max" in node.op else "average", kernel=None), inputs)


@rules("GlobalLpPool")
def global_lp_pool(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """The norm of each channel."""
    order = node.attributes.number("p", 2.0)
    powers = _powers(b, node, inputs, order)
    along = Reduce(operation="sum", axes=(2,), later_axes=True, keepdims=True)
    return _root(b, node, b.emit(node, along, powers, part="sums"), order)


def _powers(b: OnnxBuilder, node: NodeSource, x: Values, order: float) -> Values:
    if order == 2:
        return b.emit(node, Unary(function="square"), x, part="powers")
    sizes = b.emit(node, Unary(function="abs"), x, part="sizes")
    if order == 1:
        return sizes
    exponent = b.const(node, np.array(order, np.float32), part="order")
    return b.emit(node, Binary(function="power"), (*sizes, exponent), part="powers")


def _root(b: OnnxBuilder, node: NodeSource, x: Values, order: float) -> Values:
    if order == 2:
        return b.emit(node, Unary(function="sqrt"), x)
    exponent = b.const(node, np.array(1 / order, np.float32), part="root")
    return b.emit(node, Binary(function="power"), (*x, exponent))


@rules("MaxUnpool", inputs=(2, 3))
def max_unpool(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """Indices count the batch that the pool read; a stated size is reached with zeros behind."""
    x, indices, shape = inputs
    layer = MaxUnpool(
        kernel=node.attributes.integers("kernel_shape"),
        stride=steps(node, "strides"),
        padding=padding(node),
        index_of="batch",
    )
    if not shape:
        return b.emit(node, layer, (x, indices))
    return b.late(node, layer, (x, indices), shape=shape)


@rules("MaxRoiPool", inputs=2)
def max_roi_pool(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """Regions with the number of their image in front."""
    size = node.attributes.integers("pooled_shape")
    if len(size) != 2:
        raise LayerError(f"pooled_shape must be rows and columns, got {size}")
    layer = RoiPool(output=(size[0], size[1]), spatial_scale=node.attributes.number("spatial_scale", 1.0))
    return b.emit(node, layer, inputs)
