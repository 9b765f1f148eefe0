"""batchnorm, normalization."""

from __future__ import annotations

from jaxdnn.importers.darknet.cfg import Section
from jaxdnn.importers.darknet.parts import batch_norm, norm_params
from jaxdnn.importers.darknet.registry import DarknetBuilder, Output, rules
from jaxdnn.layers.normalization import LocalResponseNorm


@rules("batchnorm")
def batchnorm(b: DarknetBuilder, section: Section, x: Output) -> Output:
    """Batch norm by itself."""
    del section
    name = b.name("bn")
    return batch_norm(b, x, norm_params(b, name, x.shape[0]), name)


@rules("normalization", "lrn")
def normalization(b: DarknetBuilder, section: Section, x: Output) -> Output:
    """Local response norm, with the channel that Darknet's sliding sum forgets."""
    x = b.image(x)
    size = section.integer("size", 5)
    layer = LocalResponseNorm(
        size=size,
        alpha=section.number("alpha", 1e-4),
        beta=section.number("beta", 0.75),
        bias=section.number("kappa", 1.0),
        average=False,
        left_out=size // 2 if size // 2 < x.shape[0] else None,
    )
    return b.emit(layer, x, shape=x.shape, name=b.name("lrn"))
