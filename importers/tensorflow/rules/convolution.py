"""Convolutions, their gradients used as deconvolutions, and patches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypedDict

import numpy as np

from jaxdnn.errors import LayerError
from jaxdnn.importers.tensorflow.builder import TensorFlowBuilder
from jaxdnn.importers.tensorflow.registry import NodeSource, rules
from jaxdnn.layers.base import dims
from jaxdnn.layers.convolution import Conv, ConvTranspose, Im2Col
from jaxdnn.layers.indexing import StridedSlice
from jaxdnn.layers.morphology import Dilation
from jaxdnn.layers.padding import Padding
from jaxdnn.layers.shape import Permute, Reshape
from jaxdnn.layers.tensor import ShapeOf

Values = tuple[str, ...]


class _Window(TypedDict):
    """Attributes that :class:`Conv` and :class:`ConvTranspose` have in common."""

    stride: tuple[int, ...]
    padding: Padding
    dilation: tuple[int, ...]
    bias: bool
    channels_last: bool


def channels_last(node: NodeSource) -> bool:
    """Return whether the channel axis is the last one."""
    formats = ("NHWC", "NCHW", "NDHWC", "NCDHW", "NWC", "NCW")
    return node.attributes.one_of("data_format", formats, "NHWC").endswith("C")


def per_axis(
    node: NodeSource, name: str, last: bool, default: tuple[int, ...] | None = None
) -> tuple[int, ...]:
    """Return a window's attribute for the spatial axes.

    Raises:
        LayerError: it is not 1 for the batch and the channels.
    """
    values = node.attributes.integers(name, default)
    if not values:
        return ()
    if len(values) < 3:
        raise LayerError(f"{name} must have one value per axis, got {values}")
    spatial, others = (values[1:-1], values[:1] + values[-1:]) if last else (values[2:], values[:2])
    if others != (1, 1):
        raise LayerError(f"{name} must be 1 for the batch and the channels, got {values}")
    return spatial


def padding(node: NodeSource, last: bool) -> Padding:
    """Return the padding of the spatial axes."""
    kind = node.attributes.one_of("padding", ("SAME", "VALID", "EXPLICIT"))
    explicit = node.attributes.integers("explicit_paddings", ())
    if kind != "EXPLICIT":
        return "same_upper" if kind == "SAME" else 0
    if len(explicit) < 6 or len(explicit) % 2:
        raise LayerError(f"explicit_paddings must have two values per axis, got {explicit}")
    pairs = tuple(zip(explicit[0::2], explicit[1::2], strict=True))
    return pairs[1:-1] if last else pairs[2:]


def _window(node: NodeSource, rank: int) -> _Window:
    """Return what all convolutions of this number of axes state, wherever their filter comes from."""
    last = channels_last(node)
    return {
        "stride": per_axis(node, "strides", last),
        "padding": padding(node, last),
        "dilation": per_axis(node, "dilations", last, (1,) * rank),
        "bias": False,
        "channels_last": last,
    }


def filter_order(rank: int) -> tuple[int, ...]:
    """Return the permutation that brings a filter (*kernel, in, out) into our order (out, in, *kernel)."""
    return (rank - 1, rank - 2, *range(rank - 2))


def to_front(array: np.ndarray) -> np.ndarray:
    """Bring a filter (*kernel, in, out) into our order."""
    return array.transpose(filter_order(array.ndim))


def depthwise_to_front(array: np.ndarray) -> np.ndarray:
    """Bring a filter (*kernel, channels, multiplier) into our order (channels * multiplier, 1, *kernel)."""
    *kernel, channels, multiplier = array.shape
    return array.reshape(*kernel, 1, channels * multiplier).transpose(filter_order(array.ndim))


def _filter(b: TensorFlowBuilder, value: str, rank: int) -> np.ndarray | None:
    """Return a constant filter, checked."""
    array = b.constant(value)
    if array is not None and (array.ndim != rank or 0 in array.shape):
        raise LayerError(f"the filter is {dims(array.shape)}, {rank} axes expected, none of them empty")
    return array


def _learned(
    b: TensorFlowBuilder, value: str, layout: str, convert: Callable[[np.ndarray], np.ndarray] = to_front
) -> dict[str, str] | None:
    reference = b.learned(value, "weight", convert, layout)
    return None if reference is None else {"weight": reference}


@rules("Conv2D", "Conv3D", inputs=2)
def conv(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Convolve; where the filter has fewer channels than the input there are groups, which are known only later."""
    return convolution(b, node, inputs)


def convolution(b: TensorFlowBuilder, node: NodeSource, inputs: Values, part: str = "") -> Values:
    """Add the convolution of a node, or of the part of a node that is one."""
    rank = 5 if node.op == "Conv3D" else 4
    window = _window(node, rank)
    x, weight = inputs
    array = _filter(b, weight, rank)
    params = None if array is None else _learned(b, weight, "front")
    if array is None or params is None:
        order = Permute(order=filter_order(rank))
        ready = b.emit(node, order, (weight,), part=f"{part}filter")
        layer = Conv(**window, filters=None, kernel=None, groups=0)
        return b.emit(node, layer, (x, *ready), part=part)
    *kernel, channels, filters = array.shape
    layer = Conv(**window, filters=filters, kernel=tuple(kernel), groups=0, group_channels=channels)
    return b.emit(node, layer, (x,), params, part=part)


@rules("DepthwiseConv2dNative", inputs=2)
def depthwise(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Every channel has filters of its own."""
    return depthwise_convolution(b, node, inputs)


def depthwise_convolution(b: TensorFlowBuilder, node: NodeSource, inputs: Values, part: str = "") -> Values:
    """Add the depthwise convolution of a node, or of the part of a node that is one."""
    window = _window(node, 4)
    x, weight = inputs
    array = _filter(b, weight, 4)
    params = None if array is None else _learned(b, weight, "depthwise", depthwise_to_front)
    if array is None or params is None:
        merged = b.emit(node, Reshape(shape=(-1, 1), axis=2), (weight,), part=f"{part}merged")
        merged = b.emit(node, Permute(order=(2, 3, 0, 1)), merged, part=f"{part}filter")
        layer = Conv(**window, filters=None, kernel=None, groups=0)
        return b.emit(node, layer, (x, *merged), part=part)
    channels, multiplier = array.shape[2:]
    layer = Conv(**window, filters=channels * multiplier, kernel=array.shape[:2], groups=channels)
    return b.emit(node, layer, (x,), params, part=part)


@rules("Conv2DBackpropInput", "Conv3DBackpropInput", "Conv3DBackpropInputV2", inputs=3)
def deconvolution(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """The gradient with respect to a convolution's input, whose size is the first input."""
    rank = 4 if node.op == "Conv2DBackpropInput" else 5
    layer = ConvTranspose(**_window(node, rank), filters=None, kernel=None, size=(1,) * (rank - 2))
    sizes, weight, x = inputs
    if node.op == "Conv3DBackpropInput":
        (sizes,) = b.emit(node, ShapeOf(), (sizes,), part="sizes")
    size = _spatial_sizes(b, node, sizes, rank, layer.channels_last)
    array = _filter(b, weight, rank)
    params = None if array is None else _learned(b, weight, "front")
    if array is None or params is None:
        (ready,) = b.emit(node, Permute(order=filter_order(rank)), (weight,), part="filter")
        return b.late(node, layer, (x, ready), size=size)
    stored = replace(layer, filters=array.shape[-2], kernel=array.shape[:-2])
    return b.late(node, stored, (x,), params, size=size)


@rules("DepthwiseConv2dNativeBackpropInput", inputs=3)
def depthwise_deconvolution(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """The gradient of a depthwise convolution; its filter is a weight."""
    layer = ConvTranspose(**_window(node, 4), filters=None, kernel=None, size=(1, 1))
    sizes, weight, x = inputs
    array = _filter(b, weight, 4)
    params = None if array is None else _learned(b, weight, "depthwise", depthwise_to_front)
    if array is None or params is None:
        raise LayerError("the filter must be a constant of floating numbers")
    channels = array.shape[2]
    stored = replace(layer, filters=channels, kernel=array.shape[:2], groups=channels)
    size = _spatial_sizes(b, node, sizes, 4, layer.channels_last)
    return b.late(node, stored, (x,), params, size=size)


def _spatial_sizes(b: TensorFlowBuilder, node: NodeSource, sizes: str, rank: int, last: bool) -> str:
    """Return the sizes of the spatial axes, out of those of all axes or as they are."""
    begin, end = (1, rank - 1) if last else (2, rank)
    array = b.constant(sizes)
    if array is not None:
        if array.shape not in ((rank,), (rank - 2,)):
            raise LayerError(f"input_sizes must have {rank} values, got {dims(array.shape)}")
        spatial = array[begin:end] if len(array) == rank else array
        return b.const(node, np.asarray(spatial), part="size")
    bounds = [b.const(node, np.array([bound]), part=name) for name, bound in (("begin", begin), ("end", end))]
    step = b.const(node, np.array([1]), part="step")
    return b.emit(node, StridedSlice(), (sizes, *bounds, step), part="size")[0]


@rules("Dilation2D", inputs=2)
def dilate(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Grey-scale dilation; TensorFlow composes erosion of it."""
    layer = Dilation(
        stride=per_axis(node, "strides", True),
        padding=padding(node, True),
        dilation=per_axis(node, "rates", True),
    )
    return b.emit(node, layer, inputs)


@rules("ExtractImagePatches", "ExtractVolumePatches")
def extract_patches(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Patches as channels, the channels of the input fastest."""
    layer = Im2Col(
        kernel=per_axis(node, "ksizes", True),
        stride=per_axis(node, "strides", True),
        padding=padding(node, True),
        dilation=per_axis(node, "rates", True, None if node.op == "ExtractImagePatches" else (1,) * 5),
        channels_last=True,
    )
    return b.emit(node, layer, inputs)
