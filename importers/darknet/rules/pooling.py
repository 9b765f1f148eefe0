"""maxpool, local_avgpool, avgpool."""

from __future__ import annotations

from dataclasses import replace

from jaxdnn.errors import ShapeError
from jaxdnn.importers.darknet.cfg import Section
from jaxdnn.importers.darknet.registry import DarknetBuilder, Output, rules
from jaxdnn.importers.darknet.rules.convolution import blur, strides
from jaxdnn.layers.base import require
from jaxdnn.layers.pooling import Pool, Statistic
from jaxdnn.layers.reduction import Reduce
from jaxdnn.layers.shape import Reshape


@rules("maxpool", "max")
def maxpool(b: DarknetBuilder, section: Section, x: Output) -> Output:
    """Largest value of a window, or of channels."""
    section.ignore("maxpool_zero_nonmax")
    antialiasing, channels = section.integer("antialiasing", 0), section.integer("out_channels", 1)
    pool, stride = _pool(section, "max"), strides(section)
    if section.flag("maxpool_depth"):
        return _over_channels(b, x, channels)
    name = b.name("pool")
    if not antialiasing:
        return b.pool(pool, x, name)
    return blur(b, b.pool(replace(pool, stride=1), x, name), antialiasing, stride)


@rules("local_avgpool", "local_avg")
def local_avgpool(b: DarknetBuilder, section: Section, x: Output) -> Output:
    """Mean of the part of a window that lies in the picture."""
    return b.pool(_pool(section, "average"), x, b.name("pool"))


def _pool(section: Section, statistic: Statistic) -> Pool:
    """Read a window. Its padding is that of both ends together, an odd cell behind."""
    size = section.integer("size", section.integer("stride", 1))
    padding = section.integer("padding", size - 1)
    require(padding >= 0, f"padding must be at least 0, got {padding}")
    ends = (padding // 2, padding - padding // 2)
    return Pool(
        statistic=statistic,
        kernel=(size, size),
        stride=strides(section),
        padding=(ends, ends),
        divisor="valid",
    )


@rules("avgpool", "avg")
def avgpool(b: DarknetBuilder, section: Section, x: Output) -> Output:
    """Mean of each channel."""
    del section
    return b.pool(Pool(statistic="average", kernel=None), x, b.name("avgpool"))


def _over_channels(b: DarknetBuilder, x: Output, count: int) -> Output:
    """Take the largest of every ``count``-th channel."""
    x = b.image(x)
    channels, height, width = x.shape
    require(count >= 1, f"out_channels must be at least 1, got {count}")
    if channels % count:
        raise ShapeError(f"out_channels {count} does not divide {channels} channels")
    name = b.name("pool")
    # The reshaped value has five axes; its shape here only counts elements.
    stacked = b.emit(
        Reshape(shape=(channels // count, count), axis=1, num_axes=1),
        x,
        shape=x.shape,
        name=f"{name}/stacked",
    )
    layer = Reduce(operation="max", axes=(1,))
    return b.emit(layer, stacked, shape=(count, height, width), name=name)
