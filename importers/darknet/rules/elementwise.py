"""activation, dropout, shortcut, scale_channels, sam, silence."""

from __future__ import annotations

import math

from jaxdnn.errors import ShapeError
from jaxdnn.importers.darknet.activations import LINEAR, activate, activation_name
from jaxdnn.importers.darknet.cfg import Section
from jaxdnn.importers.darknet.registry import DarknetBuilder, Output, rules
from jaxdnn.ir import Initializer
from jaxdnn.layers.base import Layer, dims
from jaxdnn.layers.elementwise import Eltwise, Identity, WeightedSum
from jaxdnn.layers.pooling import Pool
from jaxdnn.layers.shape import Pad

_WEIGHTS = ("none", "per_feature", "per_layer", "per_channel")
_NORMALIZATIONS = {"none": "none", "relu": "relu", "avg_relu": "relu", "softmax": "softmax"}


@rules("activation")
def activation(b: DarknetBuilder, section: Section, x: Output) -> Output:
    """An activation by itself."""
    return activate(b, x, activation_name(section, LINEAR))


@rules("dropout")
def dropout(b: DarknetBuilder, section: Section, x: Output) -> Output:
    """Nothing: training scales what it keeps."""
    section.ignore("probability", "dropblock", "dropblock_size_rel", "dropblock_size_abs")
    return identity(b, x)


@rules("silence", "empty")
def silence(b: DarknetBuilder, section: Section, x: Output) -> Output:
    """A place holder."""
    del section
    return identity(b, x)


def identity(b: DarknetBuilder, x: Output) -> Output:
    """Give a value this layer's name."""
    return b.emit(Identity(), x, shape=x.shape, name=b.name("identity"), flat=x.flat)


@rules("shortcut")
def shortcut(b: DarknetBuilder, section: Section, x: Output) -> Output:
    """A sum with other layers, in the shape of the previous one."""
    section.ignore("alpha", "beta")
    kind = section.choice("weights_type", "none", _WEIGHTS)
    normalization = section.choice("weights_normalization", "none", tuple(_NORMALIZATIONS))
    sources = b.sources(section, "from")
    if b.opencv and kind == "none":
        sources = sources[:1]
    terms = [x, *(_fit(b, source, x) for source in sources)]
    name, params = b.name("shortcut"), {}
    layer: Layer = Eltwise()
    if kind != "none":
        layer = WeightedSum(per_channel=kind == "per_channel", normalization=_NORMALIZATIONS[normalization])
        shape = layer.param_shapes(*[(1, *x.sizes)] * len(terms))["weight"]
        filler = Initializer(kind="uniform", low=0.0, high=math.sqrt(2 / len(terms)))
        params["weight"] = b.stored(name, "weight", shape, filler)
    y = b.emit(layer, *terms, shape=x.shape, name=name, params=params, flat=x.flat)
    return activate(b, y, activation_name(section, LINEAR))


def _fit(b: DarknetBuilder, source: Output, like: Output) -> Output:
    """Give a summand another layer's shape: channels are cut off or filled with zeros.

    One of a larger picture is subsampled, as Darknet did before it refused such sums.
    """
    if source.shape == like.shape and source.flat == like.flat:
        return source
    source = b.image(source)
    (channels, *size), (wanted, *target) = source.shape, like.shape
    name = b.name("shortcut") + "/fit"
    if size != target:
        stride = size[0] // target[0]
        layer = Pool(statistic="max", kernel=1, stride=max(stride, 1))
        source = b.pool(layer, source, name)
        if source.shape[1:] != like.shape[1:]:
            raise ShapeError(f"a summand of {dims((channels, *size))} does not fit {dims(like.shape)}")
    if channels != wanted:
        pad = Pad(before=(0,), after=(wanted - channels,), axis=1)
        source = b.emit(pad, source, shape=like.shape, name=name)
    return b.vector(source) if like.flat else source


@rules("scale_channels")
def scale_channels(b: DarknetBuilder, section: Section, x: Output) -> Output:
    """Another layer times a factor per channel, or per pixel: the previous layer."""
    (source,) = b.sources(section, "from")[:1]
    per_pixel = section.flag("scale_wh")
    wanted = (1, *source.shape[1:]) if per_pixel else (source.shape[0], 1, 1)
    if x.shape != wanted:
        raise ShapeError(
            f"factors of {dims(x.shape)} do not fit {dims(source.shape)}, which takes {dims(wanted)}"
        )
    product = Eltwise(operation="product", broadcast=True)
    inputs = (b.image(x), b.image(source))
    y = b.emit(product, *inputs, shape=source.shape, name=b.name("scale_channels"))
    return activate(b, y, activation_name(section, LINEAR))


@rules("sam")
def sam(b: DarknetBuilder, section: Section, x: Output) -> Output:
    """A product with another layer, element by element."""
    (source,) = b.sources(section, "from")[:1]
    if x.shape != source.shape:
        raise ShapeError(f"factors of {dims(x.shape)} do not fit {dims(source.shape)}")
    inputs = (b.image(x), b.image(source))
    y = b.emit(Eltwise(operation="product"), *inputs, shape=x.shape, name=b.name("sam"))
    return activate(b, y, activation_name(section, LINEAR))
