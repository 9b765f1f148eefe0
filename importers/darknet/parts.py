"""What several sections are made of: convolutions and dense layers with their batch norm."""

from __future__ import annotations

import math
from dataclasses import dataclass

from jaxdnn.importers.darknet.cfg import Section
from jaxdnn.importers.darknet.registry import ONES, ZEROS, DarknetBuilder, Output
from jaxdnn.importers.darknet.weights import Swapped
from jaxdnn.ir import Initializer
from jaxdnn.layers.binary_convolution import BinaryConv
from jaxdnn.layers.convolution import Conv, conv_output_size
from jaxdnn.layers.dense import Dense
from jaxdnn.layers.normalization import BatchNorm


@dataclass(frozen=True, kw_only=True)
class Convolution:
    """A convolution as a section states it, without bias and activation.

    Attributes:
        size, stride, padding, dilation, groups: see :class:`~jaxdnn.layers.convolution.Conv`.
        batch_normalize: whether a batch norm follows.
        binary: whether the weights have one bit.
        binary_input: whether the inputs have one, too.
        flipped: whether the file holds the weights transposed.
        load_scales: whether the file holds the batch norm's scale and statistics.
    """

    size: int
    stride: tuple[int, int]
    padding: int
    dilation: int
    groups: int
    batch_normalize: bool
    binary: bool = False
    binary_input: bool = False
    flipped: bool = False
    load_scales: bool = True

    @classmethod
    def read(cls, section: Section, size: int) -> Convolution:
        """Read the options that all convolving sections share.

        Args:
            section: where they stand.
            size: of the kernel, where none is given.
        """
        size = section.integer("size", size)
        stride = section.integer("stride", 1)
        xnor = section.flag("xnor")
        groups = section.integer("groups", 1)
        padding = section.integer("padding", 0)
        return cls(
            size=size,
            stride=(stride, stride),
            padding=size // 2 if section.flag("pad") else padding,
            dilation=section.integer("dilation", 1),
            groups=1 if xnor or groups < 1 else groups,
            batch_normalize=section.flag("batch_normalize"),
            binary=xnor,
            binary_input=xnor,
        )

    def layer(self, filters: int, *, bias: bool) -> Conv:
        """Return the layer."""
        kind = BinaryConv if self.binary else Conv
        extra = {"binary_input": self.binary_input} if self.binary else {}
        return kind(
            filters=filters,
            kernel=(self.size, self.size),
            stride=self.stride,
            padding=(self.padding * self.dilation, self.padding * self.dilation),
            dilation=self.dilation,
            groups=self.groups,
            bias=bias,
            **extra,
        )


def conv_params(
    b: DarknetBuilder, channels: int, convolution: Convolution, filters: int, *, name: str, norm: str
) -> dict[str, str]:
    """Record the arrays of a convolution and its batch norm.

    Args:
        b: the builder.
        channels: of the input.
        convolution: what the section states.
        filters: how many.
        name, norm: owners of the parameters.

    Returns:
        the references: the convolution's by slot, the batch norm's as ``norm/slot``.
    """
    layer = convolution.layer(filters, bias=False)
    shape = layer.param_shapes((1, channels, 1, 1))["weight"]
    if convolution.batch_normalize:
        references = norm_params(b, norm, filters, load_scales=convolution.load_scales)
    else:
        references = {"bias": b.stored(name, "bias", (filters,), ZEROS)}
    swapped: Swapped = "always" if convolution.flipped else "never"
    filler = uniform(math.prod(shape[1:]))
    return references | {"weight": b.stored(name, "weight", shape, filler, swapped=swapped)}


def convolve(
    b: DarknetBuilder,
    x: Output,
    convolution: Convolution,
    filters: int,
    references: dict[str, str],
    *,
    name: str,
    norm: str,
) -> Output:
    """Add a convolution, and a batch norm if there are parameters of one.

    Args:
        b: the builder.
        x: the input.
        convolution: what the section states.
        filters: how many.
        references: the parameters, as :func:`conv_params` returns them.
        name, norm: of the two nodes.
    """
    x = b.image(x)
    layer = convolution.layer(filters, bias="bias" in references)
    shape = (filters, *conv_output_size(layer, x.shape[1:]))
    params = {slot: reference for slot, reference in references.items() if "/" not in slot}
    y = b.emit(layer, x, shape=shape, name=name, params=params)
    return y if "bias" in references else batch_norm(b, y, references, norm)


def connect(
    b: DarknetBuilder,
    x: Output,
    units: int,
    *,
    name: str,
    norm: str,
    batch_normalize: bool,
    load_scales: bool = True,
) -> Output:
    """Add a dense layer, and its batch norm if it has one.

    Args:
        b: the builder.
        x: the input; an image is flattened.
        units: size of the output.
        name, norm: of the two nodes.
        batch_normalize: whether a batch norm follows.
        load_scales: whether the file holds its scale and statistics.
    """
    layer = Dense(units=units, bias=not batch_normalize)
    params = {}
    bias = b.stored(norm if batch_normalize else name, "bias", (units,), ZEROS)
    params["weight"] = b.stored(name, "weight", (units, x.size), uniform(x.size), swapped="old")
    if not batch_normalize:
        params["bias"] = bias
    y = b.emit(layer, x, shape=(units, 1, 1), name=name, params=params, flat=True)
    if batch_normalize:
        references = {"norm/bias": bias} | _statistics(b, norm, units, load_scales)
        y = batch_norm(b, y, references, norm)
    return y


def batch_norm(b: DarknetBuilder, x: Output, references: dict[str, str], name: str) -> Output:
    """Add a batch norm whose parameters are among these references, as ``norm/slot``."""
    layer = BatchNorm(epsilon=1e-6 if b.opencv else 1e-5, scale=True, bias=True)
    params = {slot: references[f"norm/{slot}"] for slot in ("mean", "variance", "scale", "bias")}
    return b.emit(layer, x, shape=x.shape, name=name, params=params, flat=x.flat)


def norm_params(b: DarknetBuilder, owner: str, channels: int, *, load_scales: bool = True) -> dict[str, str]:
    """Record a batch norm's arrays, bias first; return the references as ``norm/slot``."""
    bias = {"norm/bias": b.stored(owner, "bias", (channels,), ZEROS)}
    return bias | _statistics(b, owner, channels, load_scales)


def _statistics(b: DarknetBuilder, owner: str, channels: int, load_scales: bool) -> dict[str, str]:
    fillers = {"scale": ONES, "mean": ZEROS, "variance": ONES}
    return {
        f"norm/{slot}": b.stored(owner, slot, (channels,), filler, present=load_scales)
        for slot, filler in fillers.items()
    }


def uniform(fan_in: int) -> Initializer:
    """Darknet's initial weights, scaled for a rectifier."""
    bound = math.sqrt(2 / fan_in)
    return Initializer(kind="uniform", low=-bound, high=bound)
