"""convolutional, deconvolutional, local."""

from __future__ import annotations

import math
from dataclasses import replace

from jaxdnn.errors import GraphError
from jaxdnn.importers.darknet.activations import LINEAR, activate, activation_name
from jaxdnn.importers.darknet.cfg import Section
from jaxdnn.importers.darknet.parts import (
    Convolution,
    batch_norm,
    conv_params,
    convolve,
    norm_params,
    uniform,
)
from jaxdnn.importers.darknet.registry import ZEROS, DarknetBuilder, Output, rules
from jaxdnn.layers.convolution import ConvTranspose, conv_output_size
from jaxdnn.layers.locally_connected import LocallyConnected
from jaxdnn.layers.pooling import Pool

_TRAINING = (
    "angle",
    "assisted_excitation",
    "coordconv",
    "dot",
    "grad_centr",
    "reverse",
    "rotate",
    "stream",
    "stretch",
    "stretch_sway",
    "sway",
    "wait_stream",
)


@rules("convolutional", "conv")
def convolutional(b: DarknetBuilder, section: Section, x: Output) -> Output:
    """Convolution, batch norm, activation, and perhaps a blur."""
    section.ignore(*_TRAINING)
    antialiasing, stride = section.integer("antialiasing", 0), strides(section)
    convolution = _read(section, (1, 1) if antialiasing else stride)
    if b.opencv:
        convolution = replace(convolution, stride=convolution.stride[:1] * 2, dilation=1)
    activation = activation_name(section, "logistic")
    if section.flag("bin_output") and convolution.binary_input:
        activation = LINEAR
    filters = section.integer("filters", 1)
    name, norm = b.name("conv"), b.name("bn")
    params = _shared(b, section) or conv_params(b, x.shape[0], convolution, filters, name=name, norm=norm)
    b.shared[b.index] = params
    y = convolve(b, x, convolution, filters, params, name=name, norm=norm)
    y = activate(b, y, activation)
    return blur(b, y, antialiasing, stride) if antialiasing else y


def strides(section: Section) -> tuple[int, int]:
    """Return the strides of rows and of columns."""
    stride = section.integer("stride", 1)
    vertical, horizontal = section.integer("stride_y", 0), section.integer("stride_x", 0)
    return (vertical if vertical > 0 else stride, horizontal if horizontal > 0 else stride)


def _read(section: Section, strides: tuple[int, int]) -> Convolution:
    convolution = Convolution.read(section, 1)
    binary = section.flag("binary")
    return replace(
        convolution,
        stride=strides,
        dilation=1 if convolution.size == 1 else convolution.dilation,
        batch_normalize=section.flag("cbn") or convolution.batch_normalize,
        binary=binary or convolution.binary,
        flipped=section.flag("flipped"),
        load_scales=not section.flag("dontloadscales"),
    )


def _shared(b: DarknetBuilder, section: Section) -> dict[str, str] | None:
    """Return the parameters of the convolution that this one shares them with."""
    number = section.integer("share_index")
    if number is None:
        return None
    index = b.index + number if number < 0 else number
    if index not in b.shared:
        message = f"share_index {number} is layer {index}, which is no convolution before layer {b.index}"
        raise GraphError(message, line=section.error("share_index", message).line)
    return b.shared[index]


def blur(b: DarknetBuilder, x: Output, antialiasing: int, stride: tuple[int, int]) -> Output:
    """Smooth before taking one of some elements: by 2x2 means, or by the 3x3 binomial filter.

    The binomial filter is two means in turn.
    """
    if antialiasing != 2:
        x = _mean(b, x, (1, 1), padding=1)
    return _mean(b, x, stride, padding=0)


def _mean(b: DarknetBuilder, x: Output, stride: tuple[int, int], *, padding: int) -> Output:
    pool = Pool(statistic="average", kernel=2, stride=stride, padding=padding, divisor="window")
    return b.pool(pool, x, b.name("blur"))


@rules("deconvolutional", "deconv")
def deconvolutional(b: DarknetBuilder, section: Section, x: Output) -> Output:
    """Transposed convolution of Darknet's other fork, batch norm, activation."""
    x = b.image(x)
    convolution = _read(section, strides(section))
    batch_normalize, filters = convolution.batch_normalize, section.integer("filters", 1)
    layer = ConvTranspose(
        filters=filters,
        kernel=(convolution.size, convolution.size),
        stride=convolution.stride,
        padding=convolution.padding,
        bias=not batch_normalize,
    )
    name, norm = b.name("deconv"), b.name("bn")
    shape = layer.param_shapes((1, *x.shape))["weight"]
    params = {} if batch_normalize else {"bias": b.stored(name, "bias", (filters,), ZEROS)}
    references = norm_params(b, norm, filters) if batch_normalize else {}
    params["weight"] = b.stored(name, "weight", shape, uniform(math.prod(shape[1:])))
    height, width = (
        (size - 1) * stride + convolution.size - 2 * convolution.padding
        for size, stride in zip(x.shape[1:], convolution.stride, strict=True)
    )
    y = b.emit(layer, x, shape=(filters, height, width), name=name, params=params)
    if batch_normalize:
        y = batch_norm(b, y, references, norm)
    return activate(b, y, activation_name(section, "logistic"))


@rules("local")
def local(b: DarknetBuilder, section: Section, x: Output) -> Output:
    """Convolution with weights of its own at every position."""
    x = b.image(x)
    size, stride = section.integer("size", 1), section.integer("stride", 1)
    layer = LocallyConnected(
        filters=section.integer("filters", 1),
        kernel=(size, size),
        stride=(stride, stride),
        padding=size // 2 if section.flag("pad") else 0,
    )
    name = b.name("local")
    fillers = {"bias": ZEROS, "weight": uniform(size * size * x.shape[0])}
    shapes = layer.param_shapes((1, *x.shape))
    params = {slot: b.stored(name, slot, shapes[slot], filler) for slot, filler in fillers.items()}
    shape = (layer.filters, *conv_output_size(layer, x.shape[1:]))
    y = b.emit(layer, x, shape=shape, name=name, params=params)
    return activate(b, y, activation_name(section, "logistic"))
