"""How layers compute where one plain operation is slow: on the CPU."""

from jaxdnn.lowering.recipes.finish import UNFINISHED, Finish, Place
from jaxdnn.lowering.recipes.platforms import (
    CPU,
    Note,
    by_platform,
    for_platform,
    jit_for,
    may_call_kernels,
    noting,
    on_cpu,
    only_platform,
)
from jaxdnn.lowering.recipes.pooling import can_slide, slid
from jaxdnn.lowering.recipes.rows import row_products
from jaxdnn.lowering.recipes.table import (
    Choices,
    Plan,
    ShapeMismatch,
    candidates,
    choosing,
    convolve,
    name_of,
)

__all__ = [
    "CPU",
    "UNFINISHED",
    "Choices",
    "Finish",
    "Note",
    "Place",
    "Plan",
    "ShapeMismatch",
    "by_platform",
    "can_slide",
    "candidates",
    "choosing",
    "convolve",
    "for_platform",
    "jit_for",
    "may_call_kernels",
    "name_of",
    "noting",
    "on_cpu",
    "only_platform",
    "row_products",
    "slid",
]
