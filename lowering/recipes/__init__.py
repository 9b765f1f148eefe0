"""How layers compute where one plain operation is slow: on the CPU."""

from jaxdnn.lowering.recipes.platforms import (
    CPU,
    Note,
    by_platform,
    for_platform,
    jit_for,
    noting,
    on_cpu,
    only_platform,
)
from jaxdnn.lowering.recipes.rows import row_products
from jaxdnn.lowering.recipes.table import convolve, exactly

__all__ = [
    "CPU",
    "Note",
    "by_platform",
    "convolve",
    "exactly",
    "for_platform",
    "jit_for",
    "noting",
    "on_cpu",
    "only_platform",
    "row_products",
]
