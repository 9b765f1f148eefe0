"""Pooling."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from jaxdnn.errors import LayerError
from jaxdnn.importers.tensorflow.builder import TensorFlowBuilder
from jaxdnn.importers.tensorflow.registry import NodeSource, rules
from jaxdnn.importers.tensorflow.rules.convolution import channels_last, padding, per_axis
from jaxdnn.layers.indexing import ScatterNd
from jaxdnn.layers.pooling import Pool
from jaxdnn.layers.shape import Reshape
from jaxdnn.layers.tensor import ShapeOf

Values = tuple[str, ...]


@rules("MaxPool", "AvgPool", "MaxPool3D", "AvgPool3D")
def pool(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Largest elements or averages."""
    return b.emit(node, window_pool(node, "average" if node.op.startswith("Avg") else "max"), inputs)


def window_pool(node: NodeSource, statistic: Literal["max", "average"]) -> Pool:
    """Return the layer of a node that states window and stride; averages count the cells of the input alone."""
    last = channels_last(node)
    return Pool(
        statistic=statistic,
        kernel=per_axis(node, "ksize", last),
        stride=per_axis(node, "strides", last),
        padding=padding(node, last),
        divisor="valid",
        channels_last=last,
    )


@rules("MaxPoolV2", inputs=3)
def max_pool_v2(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Kernel and stride are inputs; the file must fix them."""
    last = channels_last(node)
    sizes = []
    for name, value in zip(("ksize", "strides"), inputs[1:], strict=True):
        array = b.constant(value)
        if array is None or array.ndim != 1 or len(array) < 3:
            raise LayerError(f"{name} must be a constant with one value per axis")
        sizes.append(tuple(array[1:-1].tolist() if last else array[2:].tolist()))
    kernel, stride = sizes
    layer = Pool(
        statistic="max", kernel=kernel, stride=stride, padding=padding(node, last), channels_last=last
    )
    return b.emit(node, layer, inputs[:1])


@rules("MaxPoolGrad", inputs=3)
def max_unpool(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """The gradient of a max pool, used to undo one: each value goes to where the maximum was, and meets others."""
    x, _, values = inputs
    layer = replace(window_pool(node, "max"), indices=True, index_of="batch")
    _, places = b.emit(node, layer, (x,), outputs=2, part="pool")
    (places,) = b.emit(node, Reshape(shape=(-1, 1)), (places,), part="places")
    (values,) = b.emit(node, Reshape(shape=(-1,)), (values,), part="values")
    (count,) = b.emit(node, ShapeOf(what="count"), (x,), part="count")
    (shape,) = b.emit(node, ShapeOf(), (x,), part="shape")
    flat = b.late(node, ScatterNd(shape=()), (places, values), part="flat", shape=count)
    return b.late(node, Reshape(shape=(), zero_copies=False), flat, shape=shape)


@rules("MaxPoolWithArgmax", outputs=("output", "argmax"))
def max_pool_with_argmax(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Indices count channels too, and images if the node says so."""
    layer = Pool(
        statistic="max",
        kernel=per_axis(node, "ksize", True),
        stride=per_axis(node, "strides", True),
        padding=padding(node, True),
        indices=True,
        channels_last=True,
    )
    batch = node.attributes.boolean("include_batch_in_index", False)
    return b.emit(node, replace(layer, index_of="batch" if batch else "sample"), inputs, outputs=2)
