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
from jaxdnn.lowering.recipes.table import Choices, Plan, candidates, choosing, convolve, name_of

__all__ = [
    "CPU",
    "Choices",
    "Note",
    "Plan",
    "by_platform",
    "candidates",
    "choosing",
    "convolve",
    "for_platform",
    "jit_for",
    "name_of",
    "noting",
    "on_cpu",
    "only_platform",
    "row_products",
]
