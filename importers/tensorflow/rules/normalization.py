"""Batch normalisation and its like."""

from __future__ import annotations

import warnings

import numpy as np

from jaxdnn.errors import JaxdnnWarning
from jaxdnn.importers.tensorflow.builder import TensorFlowBuilder
from jaxdnn.importers.tensorflow.registry import NodeSource, rules
from jaxdnn.importers.tensorflow.rules.convolution import channels_last
from jaxdnn.layers.activation import Relu
from jaxdnn.layers.arithmetic import Binary, Unary
from jaxdnn.layers.constant import Const
from jaxdnn.layers.normalization import BatchNorm, LocalResponseNorm
from jaxdnn.layers.reduction import Reduce
from jaxdnn.layers.shape import Reshape
from jaxdnn.layers.tensor import FillLike

Values = tuple[str, ...]

_STATISTICS = ("y", "batch_mean", "batch_variance", "reserve_space_1", "reserve_space_2", "reserve_space_3")


@rules("FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3", inputs=5, outputs=_STATISTICS)
def fused_batch_norm(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Normalise by given statistics, or by the batch's own."""
    return _fused(b, node, inputs)


@rules("_FusedBatchNormEx", inputs=(5, 6), outputs=_STATISTICS)
def fused_batch_norm_ex(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """TensorFlow's own optimiser joins it with a sum and an activation."""
    activation = node.attributes.one_of("activation_mode", ("Identity", "Relu"), "Identity")
    node.attributes.ignore("num_side_inputs")
    values = _fused(b, node, inputs[:5], "normalized")
    y = values[:1]
    if len(inputs) == 6:
        y = b.emit(node, Binary(function="add"), (*y, inputs[5]), part="sum" if activation == "Relu" else "")
    if activation == "Relu":
        y = b.emit(node, Relu(), y)
    return (*y, *values[1:])


def _fused(b: TensorFlowBuilder, node: NodeSource, inputs: Values, part: str = "") -> Values:
    x, scale, bias, mean, variance = inputs
    axis = -1 if channels_last(node) else 1
    epsilon = node.attributes.number("epsilon", 1e-4)
    given = b.constant(mean)
    # Text graphs leave the attribute out; but who gives statistics wants them used.
    if node.attributes.boolean("is_training", given is None or given.size == 0):
        warnings.warn(
            f"{node.name!r} ({node.op}): is_training is set, so it normalises by the statistics of the batch at "
            "hand; the graph was frozen for training",
            JaxdnnWarning,
            stacklevel=2,
        )
        y = batch_norm(b, node, x, {"scale": scale, "bias": bias}, epsilon, axis, part)
        batch_mean, unbiased, *reserved = _statistics(b, node, x, axis)
        share = node.attributes.number("exponential_avg_factor", 1.0)
        if share != 1:
            batch_mean = _running(b, node, mean, batch_mean, share, "running_mean")
            unbiased = _running(b, node, variance, unbiased, share, "running_variance")
        return (*y, batch_mean, unbiased, *reserved)
    slots = {"scale": scale, "bias": bias, "mean": mean, "variance": variance}
    y = batch_norm(b, node, x, slots, epsilon, axis, part)
    return (*y, mean, variance, mean, variance, variance)


def _running(b: TensorFlowBuilder, node: NodeSource, old: str, new: str, share: float, part: str) -> str:
    """Move a statistic a share of the way from its old value to that of the batch."""
    weight = b.const(node, np.array(share, np.float32), part=f"{part}/share")
    (step,) = b.emit(node, Binary(function="subtract"), (new, old), part=f"{part}/step")
    (part_of_it,) = b.emit(node, Binary(function="multiply"), (step, weight), part=f"{part}/part")
    return b.emit(node, Binary(function="add"), (old, part_of_it), part=part)[0]


def _statistics(b: TensorFlowBuilder, node: NodeSource, x: str, axis: int) -> Values:
    """Return mean, unbiased variance, mean and variance of a batch; what nobody reads is dropped later."""
    axes = (0, 2, 3) if axis == 1 else (0, 1, 2)
    (mean,) = b.emit(node, Reduce(operation="mean", axes=axes, keepdims=True), (x,), part="mean_along")
    (square,) = b.emit(node, Binary(function="squared_difference"), (x, mean), part="squares")
    (variance,) = b.emit(node, Reduce(operation="mean", axes=axes), (square,), part="variance")
    (total,) = b.emit(node, Reduce(operation="sum", axes=axes), (square,), part="total")
    (ones,) = b.emit(node, FillLike(value=1.0), (square,), part="ones")
    (count,) = b.emit(node, Reduce(operation="sum", axes=axes), (ones,), part="count")
    one = b.const(node, np.array(1, np.float32), part="one")
    (less,) = b.emit(node, Binary(function="subtract"), (count, one), part="less")
    (fewer,) = b.emit(node, Binary(function="maximum"), (less, one), part="fewer")
    (unbiased,) = b.emit(node, Binary(function="divide"), (total, fewer), part="unbiased")
    (mean,) = b.emit(node, Reshape(shape=(-1,)), (mean,), part="mean")
    return mean, unbiased, mean, variance, variance


@rules("BatchNormWithGlobalNormalization", inputs=5)
def global_batch_norm(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """The ancestor of the fused one."""
    x, mean, variance, bias, scale = inputs
    slots = {"bias": bias, "mean": mean, "variance": variance}
    if node.attributes.boolean("scale_after_normalization"):
        slots["scale"] = scale
    return batch_norm(b, node, x, slots, node.attributes.number("variance_epsilon"), -1)


def batch_norm(
    b: TensorFlowBuilder,
    node: NodeSource,
    x: str,
    slots: dict[str, str],
    epsilon: float,
    axis: int,
    part: str = "",
) -> Values:
    """Add a batch normalisation; where a slot is computed it is spelled out."""
    layer = BatchNorm(
        epsilon=epsilon,
        scale="scale" in slots,
        bias="bias" in slots,
        use_batch_statistics="mean" not in slots,
        axis=axis,
    )
    arrays = {slot: b.constant(value) for slot, value in slots.items()}
    if all(array is not None and array.ndim == 1 and array.dtype.kind == "f" for array in arrays.values()):
        params = {slot: b.learned(value, slot) or "" for slot, value in slots.items()}
        return b.emit(node, layer, (x,), params, part=part)
    return _composed(b, node, x, slots, layer, part)


def _composed(
    b: TensorFlowBuilder, node: NodeSource, x: str, slots: dict[str, str], layer: BatchNorm, part: str
) -> Values:
    """Compute the map from values, step by step."""

    def along(slot: str) -> str:
        if layer.axis == -1:
            return slots[slot]
        return b.emit(node, Reshape(shape=(-1, 1, 1)), (slots[slot],), part=slot)[0]

    if layer.use_batch_statistics:
        plain = BatchNorm(epsilon=layer.epsilon, use_batch_statistics=True, axis=layer.axis)
        (y,) = b.emit(node, plain, (x,), part="normalized")
    else:
        (epsilon,) = b.emit(node, Const(value=np.array(layer.epsilon, np.float32)), (), part="epsilon")
        (spread,) = b.emit(node, Binary(function="add"), (along("variance"), epsilon), part="spread")
        (factor,) = b.emit(node, Unary(function="rsqrt"), (spread,), part="factor")
        (centred,) = b.emit(node, Binary(function="subtract"), (x, along("mean")), part="centred")
        (y,) = b.emit(node, Binary(function="multiply"), (centred, factor), part="normalized")
    if layer.scale:
        (y,) = b.emit(node, Binary(function="multiply"), (y, along("scale")), part="scaled")
    if layer.bias:
        (y,) = b.emit(node, Binary(function="add"), (y, along("bias")), part=part)
    return (y,)


@rules("LRN")
def lrn(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """The sum is not divided by its number of terms."""
    layer = LocalResponseNorm(
        size=2 * node.attributes.integer("depth_radius", 5) + 1,
        alpha=node.attributes.number("alpha", 1.0),
        beta=node.attributes.number("beta", 0.5),
        bias=node.attributes.number("bias", 1.0),
        average=False,
        axis=-1,
    )
    return b.emit(node, layer, inputs)
