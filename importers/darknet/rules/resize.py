"""upsample."""

from __future__ import annotations

from jaxdnn.importers.darknet.cfg import Section
from jaxdnn.importers.darknet.registry import DarknetBuilder, Output, rules
from jaxdnn.layers.base import require
from jaxdnn.layers.elementwise import Power
from jaxdnn.layers.pooling import Pool
from jaxdnn.layers.resize import Resize


@rules("upsample")
def upsample(b: DarknetBuilder, section: Section, x: Output) -> Output:
    """Each pixel several times; with a negative stride the sum of several pixels."""
    x = b.image(x)
    stride = section.integer("stride", 2)
    scale = section.number("scale", 1.0)
    if b.opencv:
        scale = 1.0
    require(stride != 0, "stride must not be 0")
    name = b.name("upsample")
    if stride > 0:
        channels, height, width = x.shape
        factors = (float(stride), float(stride))
        layer = Resize(scale=factors, mode="nearest", coordinates="asymmetric")
        y = b.emit(layer, x, shape=(channels, height * stride, width * stride), name=name)
    else:
        y = b.pool(Pool(statistic="average", kernel=-stride, stride=-stride, divisor="window"), x, name)
        scale *= stride * stride
    return y if scale == 1 else b.emit(Power(scale=scale), y, shape=y.shape, name=f"{name}/scale")
