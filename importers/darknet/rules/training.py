"""cost, contrastive: what only training needs."""

from __future__ import annotations

from jaxdnn.importers.darknet.cfg import Section
from jaxdnn.importers.darknet.registry import DarknetBuilder, Output, rules
from jaxdnn.layers.elementwise import Power


@rules("cost")
def cost(b: DarknetBuilder, section: Section, x: Output) -> Output:
    """Nothing: the previous layer is the network's output."""
    del b
    section.ignore("type", "scale", "ratio")
    return x


@rules("contrastive")
def contrastive(b: DarknetBuilder, section: Section, x: Output) -> Output:
    """Zeros, as Darknet leaves them where nothing is trained."""
    section.ignore(
        "classes",
        "yolo_layer",
        "temperature",
        "cls_normalizer",
        "max_delta",
        "contrastive_neg_max",
    )
    return b.emit(Power(scale=0.0), x, shape=x.shape, name=b.name("contrastive"), flat=x.flat)
