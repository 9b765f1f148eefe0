"""Normalisation by statistics, and the affine maps that follow it."""

from __future__ import annotations

import numpy as np

from jaxdnn.layers.base import normalize_axis
from jaxdnn.layers.normalization import (
    BatchNorm,
    Bias,
    LocalResponseNorm,
    MeanVarianceNorm,
    Normalize,
    Scale,
)
from jaxdnn.onnx.exporter import Exporter
from jaxdnn.onnx.registry import NotExpressible, exports
from jaxdnn.onnx.rules.layout import channels_first


@exports(BatchNorm)
def batch_norm(e: Exporter, layer: BatchNorm, x: str) -> str:
    """Use the operator where channels lie on axis 1, and else compute with one factor per channel."""
    rank = e.inputs[0].rank
    axis = rank if layer.axis == rank else normalize_axis(layer.axis, rank)
    along = (-1, *(1,) * (rank - axis - 1)) if axis < rank else (1,)
    if layer.use_batch_statistics:
        others = [i for i in range(rank) if i != axis]
        y = e.op("Sub", x, e.reduce("Mean", x, others))
        variance = e.reduce("Mean", e.op("Mul", y, y), others)
        y = e.op("Div", y, e.op("Sqrt", e.op("Add", variance, float(layer.epsilon))))
        return _affine(e, layer, y, along)
    if axis == 1 and rank >= 2:
        count = e.params["mean"].shape
        scale = e.param("scale") if layer.scale else np.ones(count, e.type)
        bias = e.param("bias") if layer.bias else np.zeros(count, e.type)
        statistics = e.param("mean"), e.param("variance")
        return e.op("BatchNormalization", x, scale, bias, *statistics, epsilon=layer.epsilon)
    factor = (1 / np.sqrt(e.params["variance"] + e.number(layer.epsilon))).reshape(along)
    y = e.op("Mul", e.op("Sub", x, e.param("mean", along)), e.stored("variance", factor))
    return _affine(e, layer, y, along)


def _affine(e: Exporter, layer: BatchNorm, y: str, along: tuple[int, ...]) -> str:
    y = e.op("Mul", y, e.param("scale", along)) if layer.scale else y
    return e.op("Add", y, e.param("bias", along)) if layer.bias else y


@exports(Scale, Bias)
def scale_or_bias(e: Exporter, layer: Scale | Bias, x: str, *operand: str) -> str:
    """See :class:`~jaxdnn.layers.normalization.Scale`."""
    slot, operator = ("scale", "Mul") if isinstance(layer, Scale) else ("bias", "Add")
    source = e.inputs[0]
    sizes = e.inputs[1].sizes if operand else e.params[slot].shape
    behind = (1,) * (source.rank - normalize_axis(layer.axis, source.rank) - len(sizes)) if sizes else ()
    if operand:
        y = e.op(operator, x, e.reshape(operand[0], (*sizes, *behind)) if behind else operand[0])
    else:
        y = e.op(operator, x, e.param(slot, e.params[slot].shape + behind))
    if isinstance(layer, Scale) and layer.bias:
        return e.op("Add", y, e.param("bias", e.params["bias"].shape + behind))
    return y


@exports(LocalResponseNorm)
def local_response_norm(e: Exporter, layer: LocalResponseNorm, x: str) -> str:
    """Use the operator across channels of pictures; within a channel the energy is an average pool of squares."""
    source = e.inputs[0]
    across = layer.region == "across_channels"
    if layer.left_out is not None or (across and (source.rank != 4 or layer.axis % 4 != 1)):
        raise NotExpressible("its window over channels has no operator")
    count = layer.size if layer.average else 1
    if across:
        alpha = layer.alpha * layer.size / count
        if alpha <= 0 or layer.beta <= 0 or layer.size % 2 == 0:
            raise NotExpressible("runtimes take positive factors and odd windows only")
        return e.op("LRN", x, alpha=alpha, beta=layer.beta, bias=layer.bias, size=layer.size)
    moved = channels_first(e, source, layer.axis, False)
    rank = len(moved.spatial)
    pads = [*((layer.size - 1) // 2,) * rank, *(layer.size // 2,) * rank]
    squares = e.op("Mul", moved.name, moved.name)
    mean = e.op("AveragePool", squares, kernel_shape=(layer.size,) * rank, pads=pads, count_include_pad=1)
    alpha = layer.alpha if layer.average else layer.alpha * layer.size**rank
    base = e.op("Add", e.op("Mul", mean, float(alpha)), float(layer.bias))
    return moved.restore(e.op("Mul", moved.name, e.op("Pow", base, -float(layer.beta))))


@exports(MeanVarianceNorm)
def mean_variance_norm(e: Exporter, layer: MeanVarianceNorm, x: str) -> str:
    """See :class:`~jaxdnn.layers.normalization.MeanVarianceNorm`."""
    rank = e.inputs[0].rank
    axes = range(layer.axis if layer.axis >= 0 else layer.axis + rank, rank)
    y = e.op("Sub", x, e.reduce("Mean", x, axes)) if layer.subtract_mean else x
    if not layer.normalize_variance:
        return y
    variance = e.reduce("Mean", e.op("Mul", y, y), axes)
    if layer.epsilon_inside:
        return e.op("Div", y, e.op("Sqrt", e.op("Add", variance, float(layer.epsilon))))
    return e.op("Div", y, e.op("Add", e.op("Sqrt", variance), float(layer.epsilon)))


@exports(Normalize)
def normalize(e: Exporter, layer: Normalize, x: str) -> str:
    """See :class:`~jaxdnn.layers.normalization.Normalize`."""
    rank = e.inputs[0].rank
    axis = normalize_axis(layer.axis, rank)
    axes = range(axis, rank if layer.across_spatial else axis + 1)
    norm = e.op("Add", e.reduce("L1" if layer.order == 1 else "SumSquare", x, axes), float(layer.epsilon))
    y = e.op("Div", x, norm if layer.order == 1 else e.op("Sqrt", norm))
    if layer.scale == "none":
        return y
    return e.op("Mul", y, e.param("scale", (-1, *(1,) * (rank - axis - 1))))
