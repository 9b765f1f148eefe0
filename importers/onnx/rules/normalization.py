"""Normalisation by statistics, and the affine maps behind it."""

from __future__ import annotations

import warnings

import numpy as np

from jaxdnn.errors import JaxdnnWarning, LayerError
from jaxdnn.importers.onnx.builder import OnnxBuilder
from jaxdnn.importers.onnx.registry import NodeSource, Values, rules
from jaxdnn.layers.arithmetic import Binary, Unary
from jaxdnn.layers.normalization import BatchNorm, Bias, LocalResponseNorm, MeanVarianceNorm, Scale
from jaxdnn.layers.reduction import Reduce
from jaxdnn.layers.shape import Reshape, ReshapeLike

_SLOTS = ("scale", "bias", "mean", "variance")


@rules("BatchNormalization", inputs=5)
def batch_normalization(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """Normalise by the stored statistics; by the batch's own in a graph that is set to training."""
    x, *slots = inputs
    epsilon = node.attributes.number("epsilon", 1e-5)
    momentum = node.attributes.number("momentum", 0.9)
    spatial = node.attributes.flag("spatial", True)
    training = node.attributes.flag("training_mode", False)
    tests = node.attributes.flag("is_test", False)
    if node.version < 7:
        training = len(node.outputs) > 1 and not tests
    if not training:
        return _by_stored(b, node, x, slots, epsilon, spatial)
    if not spatial:
        raise LayerError("is set to training with statistics of each element, which is not known")
    warnings.warn(
        f"{node.name!r} (BatchNormalization): it normalises by the statistics of the batch at hand, as it is set to "
        "training",
        JaxdnnWarning,
        stacklevel=2,
    )
    (y,) = b.emit(node, BatchNorm(epsilon=epsilon, use_batch_statistics=True), (x,), part="normalized")
    y = affine(b, node, y, slots[0], slots[1], 1)
    if len(node.outputs) < 2:
        return (y,)
    (flat,) = b.emit(node, Reshape(shape=(0, 0, -1)), (x,), part="flat")
    (mean,) = b.emit(node, Reduce(operation="mean", axes=(0, 2)), (flat,), part="batch_mean")
    (centred,) = b.emit(node, Bias(axis=1), (flat, _negative(b, node, mean)), part="centred")
    (square,) = b.emit(node, Unary(function="square"), (centred,), part="squares")
    (variance,) = b.emit(node, Reduce(operation="mean", axes=(0, 2)), (square,), part="batch_variance")
    pairs = (("mean", slots[2], mean), ("variance", slots[3], variance))
    return (y, *(_running(b, node, old, new, momentum, name) for name, old, new in pairs))


def _negative(b: OnnxBuilder, node: NodeSource, value: str) -> str:
    return b.emit(node, Unary(function="negate"), (value,), part="negative")[0]


def _running(b: OnnxBuilder, node: NodeSource, old: str, new: str, momentum: float, part: str) -> str:
    """Keep a share of a statistic and take the rest from the batch."""
    shares = (("old", old, momentum), ("new", new, 1 - momentum))
    parts: list[str] = []
    for name, value, share in shares:
        factor = b.const(node, np.array(share, np.float32), part=f"{part}/{name}_share")
        parts += b.emit(node, Binary(function="multiply"), (value, factor), part=f"{part}/{name}")
    return b.emit(node, Binary(function="add"), (parts[0], parts[1]), part=f"running_{part}")[0]


def _by_stored(
    b: OnnxBuilder, node: NodeSource, x: str, slots: list[str], epsilon: float, spatial: bool
) -> Values:
    arrays = [b.constant(value) for value in slots]
    known = [array for array in arrays if array is not None and array.ndim == 1 and array.dtype.kind == "f"]
    if spatial and len(known) == len(slots):
        layer = BatchNorm(epsilon=epsilon, scale=True, bias=True)
        params = {slot: b.learned(value, slot) or "" for slot, value in zip(_SLOTS, slots, strict=True)}
        return b.emit(node, layer, (x,), params)
    scale, bias, mean, variance = slots
    constant = b.const(node, np.array(epsilon, np.float32), part="epsilon")
    (spread,) = b.emit(node, Binary(function="add"), (variance, constant), part="spread")
    (factor,) = b.emit(node, Unary(function="rsqrt"), (spread,), part="factor")
    (factor,) = b.emit(node, Binary(function="multiply"), (factor, scale), part="scaled_factor")
    (y,) = b.emit(node, Bias(axis=1), (x, _negative(b, node, mean)), part="centred")
    (y,) = b.emit(node, Scale(axis=1), (y, factor), part="scaled")
    return b.emit(node, Bias(axis=1), (y, bias))


def affine(
    b: OnnxBuilder, node: NodeSource, x: str, scale: str, bias: str, axis: int | None, part: str = ""
) -> str:
    """Multiply by a scale and add a bias, either of which may be left out; params where they are constants.

    Args:
        b, node: see :meth:`OnnxBuilder.emit`.
        x: what is mapped.
        scale, bias: values, or ``""``.
        axis: where their axes lie; None: they are broadcast as in numpy.
        part: what the last step is called if it is not the node's.
    """
    steps = [(name, value) for name, value in (("scale", scale), ("bias", bias)) if value]
    for name, value in steps:
        step = part if name == steps[-1][0] else "scaled"
        array = b.constant(value)
        broadcast = axis is None and (array is None or 1 in array.shape or array.ndim == 0)
        reference = None if broadcast else b.learned(value, name)
        if broadcast:
            function = "multiply" if name == "scale" else "add"
            (x,) = b.emit(node, Binary(function=function), (x, value), part=step)
            continue
        rank = 1 if array is None else array.ndim
        kind = Scale if name == "scale" else Bias
        layer = kind(axis=-rank if axis is None else axis, num_axes=rank)
        inputs, params = ((x, value), {}) if reference is None else ((x,), {name: reference})
        (x,) = b.emit(node, layer, inputs, params, part=step)
    return x


@rules("InstanceNormalization", inputs=3)
def instance_normalization(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """Normalise each channel of each sample."""
    x, scale, bias = inputs
    layer = MeanVarianceNorm(axis=2, epsilon=node.attributes.number("epsilon", 1e-5), epsilon_inside=True)
    (y,) = b.emit(node, layer, (x,), part="normalized")
    return (affine(b, node, y, scale, bias, 1),)


@rules("GroupNormalization", inputs=3)
def group_normalization(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """Normalise groups of channels; at first each group had one scale, then each channel."""
    x, scale, bias = inputs
    groups = node.attributes.integer("num_groups")
    if groups < 1:
        raise LayerError(f"num_groups must be at least 1, got {groups}")
    node.attributes.ignore("stash_type")
    layer = MeanVarianceNorm(axis=2, epsilon=node.attributes.number("epsilon", 1e-5), epsilon_inside=True)
    (y,) = b.emit(node, Reshape(shape=(groups, -1), axis=1, num_axes=1), (x,), part="groups")
    (y,) = b.emit(node, layer, (y,), part="normalized")
    if node.version < 21:
        return b.emit(node, ReshapeLike(), (affine(b, node, y, scale, bias, 1, "mapped"), x))
    (y,) = b.emit(node, ReshapeLike(), (y, x), part="whole")
    return (affine(b, node, y, scale, bias, 1),)


@rules("LayerNormalization", inputs=(2, 3))
def layer_normalization(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """Normalise the axes from one on; the statistics are outputs too."""
    x, scale, bias = inputs
    node.attributes.ignore("stash_type")
    axis, epsilon = node.attributes.integer("axis", -1), node.attributes.number("epsilon", 1e-5)
    layer = MeanVarianceNorm(axis=axis, epsilon=epsilon, epsilon_inside=True)
    (y,) = b.emit(node, layer, (x,), part="normalized")
    y = affine(b, node, y, scale, bias, None)
    if not any(node.outputs[1:]):
        return (y,)
    along = Reduce(operation="mean", axes=(axis,), later_axes=True, keepdims=True)
    (mean,) = b.emit(node, along, (x,), part="mean")
    (centred,) = b.emit(node, Binary(function="subtract"), (x, mean), part="centred")
    (square,) = b.emit(node, Unary(function="square"), (centred,), part="squares")
    (variance,) = b.emit(node, along, (square,), part="variance")
    constant = b.const(node, np.array(epsilon, np.float32), part="epsilon")
    (spread,) = b.emit(node, Binary(function="add"), (variance, constant), part="spread")
    (factor,) = b.emit(node, Unary(function="rsqrt"), (spread,), part="factor")
    return y, mean, factor


@rules("RMSNormalization", inputs=2)
def rms_normalization(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """Divide by the root of the mean square."""
    x, scale = inputs
    node.attributes.ignore("stash_type")
    layer = MeanVarianceNorm(
        axis=node.attributes.integer("axis", -1),
        subtract_mean=False,
        epsilon=node.attributes.number("epsilon", 1e-5),
        epsilon_inside=True,
    )
    (y,) = b.emit(node, layer, (x,), part="normalized")
    return (affine(b, node, y, scale, "", None),)


@rules("LpNormalization")
def lp_normalization(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """Divide by a norm along an axis; where that is zero so is the result."""
    order = node.attributes.integer("p", 2)
    if order not in (1, 2):
        raise LayerError(f"p must be 1 or 2, got {order}")
    operation = "abs_sum" if order == 1 else "square_sum"
    along = Reduce(operation=operation, axes=(node.attributes.integer("axis", -1),), keepdims=True)
    norm = b.emit(node, along, inputs, part="sum")
    if order == 2:
        norm = b.emit(node, Unary(function="sqrt"), norm, part="norm")
    return b.emit(node, Binary(function="divide_no_nan"), (*inputs, *norm))


@rules("LRN")
def local_response_normalization(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """The sum is divided by the window's size."""
    layer = LocalResponseNorm(
        size=node.attributes.integer("size"),
        alpha=node.attributes.number("alpha", 1e-4),
        beta=node.attributes.number("beta", 0.75),
        bias=node.attributes.number("bias", 1.0),
    )
    return b.emit(node, layer, inputs)
