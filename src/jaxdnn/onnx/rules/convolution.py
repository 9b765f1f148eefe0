"""Convolutions, their transposes, and patches."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from jaxdnn.layers.base import PerAxis, spread
from jaxdnn.layers.binary_convolution import BinaryConv
from jaxdnn.layers.convolution import Conv, ConvTranspose, Im2Col, conv_windows
from jaxdnn.onnx.exporter import Exporter
from jaxdnn.onnx.registry import exports
from jaxdnn.onnx.rules.layout import ChannelsFirst, channels_first
from jaxdnn.onnx.sizes import static


def _weight(e: Exporter, moved: ChannelsFirst, given: tuple[str, ...]) -> tuple[str, tuple[int, ...]]:
    """Return the weight, a param or an input, and its sizes; without spatial axes it gets one of size 1."""
    sizes = static(e.inputs[1].sizes, "the weight's shape") if given else e.params["weight"].shape
    sizes = (*sizes, 1) if moved.flat else sizes
    if given:
        return (e.reshape(given[0], sizes) if moved.flat else given[0]), sizes
    return e.param("weight", sizes), sizes


def _each(value: PerAxis, moved: ChannelsFirst) -> tuple[int, ...]:
    return (1,) if moved.flat else spread("value", value, len(moved.spatial))


@exports(Conv)
def conv(e: Exporter, layer: Conv, x: str, *given: str) -> str:
    """See :class:`~jaxdnn.layers.convolution.Conv`."""
    del x
    e.require_floats()
    moved = channels_first(e, e.inputs[0], layer.axis, layer.channels_last)
    weight, sizes = _weight(e, moved, given)
    return _conv(e, layer, moved, weight, sizes)


@exports(BinaryConv)
def binary_conv(e: Exporter, layer: BinaryConv, x: str) -> str:
    """Store the weights with the magnitudes that they get; the input is 1 and -1, and around it -1."""
    del x
    e.require_floats()
    moved = channels_first(e, e.inputs[0], layer.axis, layer.channels_last)
    stored = e.params["weight"].astype(np.float32)
    magnitude = np.abs(stored).mean(axis=tuple(range(1, stored.ndim)), keepdims=True)
    weight = np.where(stored > 0, magnitude, -magnitude).astype(e.type)
    weight = weight.reshape(*weight.shape, 1) if moved.flat else weight
    name = e.stored("weight", weight)
    if not layer.binary_input:
        return _conv(e, layer, moved, name, weight.shape)
    signs, spatial = e.op("Where", e.op("Greater", moved.name, 0.0), 1.0, -1.0), moved.spatial
    if not moved.flat:
        before, after = conv_windows(layer, spatial, weight.shape[2:])[1:]
        signs = e.pad(signs, [0, 0, *before], [0, 0, *after], value=e.number(-1))
        spatial = tuple(map(sum, zip(before, spatial, after, strict=True)))
    return _conv(
        e, replace(layer, padding=0), replace(moved, name=signs, spatial=spatial), name, weight.shape
    )


def _conv(e: Exporter, layer: Conv, moved: ChannelsFirst, weight: str, sizes: tuple[int, ...]) -> str:
    """Convolve with a weight of these sizes."""
    before, after = ((0,), (0,)) if moved.flat else conv_windows(layer, moved.spatial, sizes[2:])[1:]
    y = e.op(
        "Conv",
        moved.name,
        weight,
        e.param("bias") if layer.bias else None,
        kernel_shape=sizes[2:],
        strides=_each(layer.stride, moved),
        pads=[*before, *after],
        dilations=_each(layer.dilation, moved),
        group=layer.group_count(moved.channels, sizes[1]),
    )
    return moved.restore(y)


@exports(ConvTranspose)
def conv_transpose(e: Exporter, layer: ConvTranspose, x: str, *given: str) -> str:
    """Cut off what the padding takes; where the output is larger than what the window reaches, it grows by zeros."""
    del x
    e.require_floats()
    moved = channels_first(e, e.inputs[0], layer.axis, layer.channels_last)
    weight, sizes = _weight(e, moved, given)
    before, behind = ((0,), (0,)) if moved.flat else layer.output_size(moved.spatial, sizes[2:])[1:]
    stride, dilation = _each(layer.stride, moved), _each(layer.dilation, moved)
    more = [max(0, size) for size in behind]
    # Runtimes add less than a stride or a dilation.
    fits = all(m < max(s, d) for m, s, d in zip(more, stride, dilation, strict=True))
    bias = e.param("bias") if layer.bias else None
    y = e.op(
        "ConvTranspose",
        moved.name,
        weight,
        bias if fits else None,
        kernel_shape=sizes[2:],
        strides=stride,
        pads=[*before, *(max(0, -size) for size in behind)],
        output_padding=more if fits else [0] * len(more),
        dilations=dilation,
        group=layer.groups or 1,
    )
    if not fits:
        y = e.pad(y, [0] * (2 + len(more)), [0, 0, *more], value=e.number(0))
        y = e.op("Add", y, e.param("bias", (-1, *(1,) * len(more)))) if bias else y
    return moved.restore(y)


@exports(Im2Col)
def im2col(e: Exporter, layer: Im2Col, x: str) -> str:
    """Convolve each channel with all windows that hold a single 1."""
    del x
    e.require_floats()
    moved = channels_first(e, e.inputs[0], layer.axis, layer.channels_last)
    kernel = _each(layer.kernel, moved)
    size, before, after = ((1,), (0,), (0,)) if moved.flat else conv_windows(layer, moved.spatial, kernel)
    taps = math.prod(kernel)
    weight = np.tile(
        np.eye(taps, dtype=e.type).reshape(taps, 1, *kernel), (moved.channels, *(1,) * (len(kernel) + 1))
    )
    y = e.op(
        "Conv",
        moved.name,
        weight,
        kernel_shape=kernel,
        strides=_each(layer.stride, moved),
        pads=[*before, *after],
        dilations=_each(layer.dilation, moved),
        group=moved.channels,
    )
    if layer.channels_last:  # the channels count fastest
        batch = e.inputs[0].sizes[0]
        apart = e.reshape(y, (batch, moved.channels, taps, *size))
        swapped = e.transpose(apart, [0, 2, 1, *range(3, 3 + len(size))])
        y = e.reshape(swapped, (batch, taps * moved.channels, *size))
    return moved.restore(y)
