"""How layers compute where one plain operation is slow: on the CPU."""

from jaxdnn.lowering.recipes.platforms import Note, by_platform, for_platform, jit_for, jit_here, noting
from jaxdnn.lowering.recipes.rows import row_products
from jaxdnn.lowering.recipes.table import convolve

__all__ = ["Note", "by_platform", "convolve", "for_platform", "jit_for", "jit_here", "noting", "row_products"]
