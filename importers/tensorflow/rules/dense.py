"""Matrix products and biases."""

from __future__ import annotations

import numpy as np

from jaxdnn.errors import LayerError
from jaxdnn.importers.tensorflow.builder import TensorFlowBuilder
from jaxdnn.importers.tensorflow.registry import NodeSource, rules
from jaxdnn.importers.tensorflow.rules.convolution import channels_last
from jaxdnn.layers.activation import LogSoftmax
from jaxdnn.layers.arithmetic import Binary, Cast, Einsum, Unary
from jaxdnn.layers.base import dims
from jaxdnn.layers.dense import Dense, MatMul
from jaxdnn.layers.indexing import GatherNd, ScatterNd
from jaxdnn.layers.normalization import Bias
from jaxdnn.layers.reduction import Reduce
from jaxdnn.layers.tensor import ExpandDims

Values = tuple[str, ...]


@rules("MatMul", inputs=2)
def matmul(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """A dense layer where the right matrix is a constant."""
    node.attributes.ignore("a_is_sparse", "b_is_sparse")
    return product(b, node, inputs)


def product(b: TensorFlowBuilder, node: NodeSource, inputs: Values, part: str = "") -> Values:
    """Add the matrix product of a node, or of the part of a node that is one."""
    transpose_a = node.attributes.boolean("transpose_a", False)
    transpose_b = node.attributes.boolean("transpose_b", False)
    x, weight = inputs
    array = b.constant(weight)
    if array is not None and array.ndim != 2:
        raise LayerError(f"the second matrix is {dims(array.shape)}")
    reference = None if array is None or transpose_a or 0 in array.shape else b.learned(weight, "weight")
    if array is None or reference is None:
        return b.emit(node, MatMul(transpose_a=transpose_a, transpose_b=transpose_b), inputs, part=part)
    units = array.shape[0 if transpose_b else 1]
    layer = Dense(units=units, bias=False, transpose=not transpose_b)
    return b.emit(node, layer, (x,), {"weight": reference}, part=part)


@rules("BatchMatMulV3", inputs=2)
def batch_matmul_typed(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """The products' type is stated, so that those of small integers fit."""
    dtype = node.attributes.dtype("Tout").numpy if node.attributes.has("Tout") else None
    node.attributes.ignore("Ta", "Tb")
    if dtype is None or np.dtype(dtype).kind != "i":
        return batch_matmul(b, node, inputs)
    cast = (b.emit(node, Cast(dtype=dtype), (x,), part=name)[0] for name, x in zip("xy", inputs, strict=True))
    return batch_matmul(b, node, tuple(cast))


@rules("BatchMatMul", "BatchMatMulV2", inputs=2)
def batch_matmul(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Matrix products of the last two axes; the adjoint of complex matrices is more than the transpose."""
    node.attributes.ignore("grad_x", "grad_y")
    if node.attributes.has("T") and (node.attributes.dtype("T").numpy or "").startswith("complex"):
        inputs = tuple(
            b.emit(node, Unary(function="conjugate"), (value,), part=name)[0]
            if node.attributes.boolean(name, False)
            else value
            for name, value in zip(("adj_x", "adj_y"), inputs, strict=True)
        )
    layer = MatMul(
        transpose_a=node.attributes.boolean("adj_x", False),
        transpose_b=node.attributes.boolean("adj_y", False),
    )
    return b.emit(node, layer, inputs)


@rules("Einsum", inputs=(1, None))
def einsum(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Pass the equation on."""
    return b.emit(node, Einsum(equation=node.attributes.text("equation")), inputs)


@rules("BiasAdd", "BiasAddV1", inputs=2)
def bias_add(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Add a vector along the channels."""
    return add_bias(b, node, inputs, -1 if channels_last(node) else 1)


def add_bias(b: TensorFlowBuilder, node: NodeSource, inputs: Values, axis: int, part: str = "") -> Values:
    """Add a bias along an axis, as a parameter if it is a constant."""
    x, bias = inputs
    array = b.constant(bias)
    if array is not None and array.ndim != 1:
        raise LayerError(f"the bias is {dims(array.shape)}, a vector expected")
    reference = b.learned(bias, "bias")
    if reference is not None:
        return b.emit(node, Bias(axis=axis), (x,), {"bias": reference}, part=part)
    if axis == -1:
        return b.emit(node, Binary(function="add"), inputs, part=part)
    return b.emit(node, Bias(axis=axis), inputs, part=part)


@rules("SparseTensorDenseMatMul", inputs=4)
def sparse_matmul(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """The sparse matrix is filled up first."""
    places, values, shape, dense = inputs
    sparse = b.late(node, ScatterNd(shape=()), (places, values), part="dense", shape=shape)
    layer = MatMul(
        transpose_a=node.attributes.boolean("adjoint_a", False),
        transpose_b=node.attributes.boolean("adjoint_b", False),
    )
    return b.emit(node, layer, (*sparse, dense))


@rules("SparseSoftmaxCrossEntropyWithLogits", inputs=2, outputs=("loss", "backprop"))
def sparse_cross_entropy(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """A loss that an evaluation graph kept; its gradient has no use here."""
    scores, labels = inputs
    logarithms = b.emit(node, LogSoftmax(axis=-1), (scores,), part="logarithms")
    places = b.emit(node, ExpandDims(axes=(-1,)), (labels,), part="places")
    own = b.emit(node, GatherNd(batch_axes=1), (*logarithms, *places), part="own")
    return b.emit(node, Unary(function="negate"), own)


@rules("SoftmaxCrossEntropyWithLogits", inputs=2, outputs=("loss", "backprop"))
def cross_entropy(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """The same with a distribution for each label."""
    scores, labels = inputs
    logarithms = b.emit(node, LogSoftmax(axis=-1), (scores,), part="logarithms")
    parts = b.emit(node, Binary(function="multiply"), (*logarithms, labels), part="parts")
    return b.emit(node, Reduce(operation="sum", axes=(-1,), coefficient=-1.0), parts)
