"""The one place that decides how a convolution is computed.

Elsewhere than on a CPU it is one general convolution, for which those platforms have libraries. XLA's CPU compiler
has none for groups and is slow for few channels; the recipes avoid these. They compute the same sums in another order.
Zeros that they add to a window or a group are multiplied too: an infinite input makes its neighbours not a number.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache, partial

import jax
import jax.numpy as jnp

from jaxdnn.lowering.precision import is_half
from jaxdnn.lowering.recipes.blocks import space_to_depth
from jaxdnn.lowering.recipes.depthwise import shifted_products
from jaxdnn.lowering.recipes.groups import split_groups
from jaxdnn.lowering.recipes.phases import phases
from jaxdnn.lowering.recipes.platforms import by_platform
from jaxdnn.lowering.recipes.pointwise import matrix_product
from jaxdnn.lowering.recipes.task import Convolution, Form, plain, with_last_filters
from jaxdnn.lowering.recipes.winograd import OUTPUTS, winograd

_MOST_TAPS = 81
"""Window positions up to which shifted products are unrolled."""
_FEW_CHANNELS = 4
_MANY_CHANNELS = 64
"""Channels and filters from which on Winograd's products are worth the sums around them."""
_MANY_TILES = 36
"""Winograd's tiles of a picture from which on their matrices are large enough."""
_WIDE, _TILES_OF_WIDE = 256, 128
"""Channels and filters, and tiles of a whole batch, from which on smaller pictures are worth it too: Winograd's weights
are four times as large as others, and each call reads them anew.
"""


@dataclass(frozen=True)
class Recipe:
    """One way to compute a convolution.

    Attributes:
        name: for summaries.
        applies: whether it computes a convolution, and is faster than those behind it in :data:`RECIPES`.
        form: computes it; ``form(task, x, weight)``, with ``inner=`` if it is made of other convolutions.
        nested: whether it is made of other convolutions.
        exact: whether it rounds no more than sums of products do.
    """

    name: str
    applies: Callable[[Convolution], bool]
    form: Form
    nested: bool = False
    exact: bool = True


def _is_transposed(task: Convolution) -> bool:
    return max(task.gaps, default=1) > 1 and {*task.stride, *task.dilation} == {1}


def _is_depthwise(task: Convolution) -> bool:
    narrow = task.groups == task.channels > 1 and max(task.gaps) == 1
    return narrow and math.prod(task.kernel) <= _MOST_TAPS


def _is_grouped(task: Convolution) -> bool:
    return task.groups > 1


def _is_pointwise(task: Convolution) -> bool:
    return {*task.kernel, *task.gaps} == {1}


def _has_few_channels(task: Convolution) -> bool:
    strided = max(task.stride) > 1 and {*task.gaps, *task.dilation} == {1}
    return (
        strided
        and task.channels <= _FEW_CHANNELS
        and min(k - s for k, s in zip(task.kernel, task.stride, strict=True)) >= 0
    )


def _is_tiled(task: Convolution) -> bool:
    three = task.rank == 2 and task.kernel == (3, 3) and {*task.stride, *task.dilation, *task.gaps} == {1}
    if (
        not three
        or task.groups > 1
        or not task.channels_last
        or not all(isinstance(n, int) for n in task.size)
    ):
        return False
    tiles = math.prod(-(-n // OUTPUTS) for n in task.size)
    width = min(task.channels, task.filters)
    batch = task.batch if isinstance(task.batch, int) else 1
    many = tiles >= _MANY_TILES or (width >= _WIDE and batch * tiles >= _TILES_OF_WIDE)
    return width >= _MANY_CHANNELS and many


RECIPES = (
    Recipe("phases", _is_transposed, phases, nested=True),
    Recipe("shifted products", _is_depthwise, shifted_products),
    Recipe("split groups", _is_grouped, split_groups, nested=True),
    Recipe("matrix product", _is_pointwise, matrix_product),
    Recipe("space to depth", _has_few_channels, space_to_depth, nested=True),
    Recipe("Winograd", _is_tiled, winograd, exact=False),
)
"""What a CPU does; the first recipe that applies is taken."""

PLAIN = Recipe("convolution", lambda task: True, with_last_filters)


_exact: ContextVar[bool] = ContextVar("exact", default=False)


@contextmanager
def exactly(exact: bool) -> Iterator[None]:
    """Take no recipe that rounds more than sums of products do."""
    token = _exact.set(exact)
    try:
        yield
    finally:
        _exact.reset(token)


def choose(task: Convolution, exact: bool) -> Recipe:
    """Return the recipe of a convolution on a CPU."""
    empty = any(isinstance(n, int) and n == 0 for n in (task.channels, task.filters, *task.spatial))
    if task.rank == 0 or empty:
        return PLAIN
    recipes = (recipe for recipe in RECIPES if recipe.exact or not exact)
    return next((recipe for recipe in recipes if recipe.applies(task)), PLAIN)


def compute(exact: bool, task: Convolution, x: jax.Array, weight: jax.Array) -> jax.Array:
    """Compute a convolution as a CPU does."""
    recipe = choose(task, exact)
    if recipe.nested:
        return recipe.form(task, x, weight, inner=partial(compute, exact))
    return recipe.form(task, x, weight)


@lru_cache(maxsize=4096)
def _forms(task: Convolution, exact: bool) -> tuple[Form, Form]:
    """Return what computes a convolution on a CPU and elsewhere: the same functions for the same convolution.

    jax traces a function once for all its calls, so that a net's repeated blocks cost nothing more.
    """
    elsewhere = partial(plain, task)
    return jax.jit(partial(_on_cpu, exact, task)), elsewhere


def _on_cpu(exact: bool, task: Convolution, x: jax.Array, weight: jax.Array) -> jax.Array:
    """Sum half types in float32."""
    if not is_half(x):
        return compute(exact, task, x, weight)
    return compute(exact, task, x.astype(jnp.float32), weight.astype(jnp.float32)).astype(x.dtype)


@lru_cache(maxsize=4096)
def describe(task: Convolution, exact: bool) -> str:
    """Return in words how a CPU computes a convolution."""
    recipe = choose(task, exact)
    if not recipe.nested:
        return recipe.name
    parts: dict[str, None] = {}

    def inner(part: Convolution, x: jax.Array, weight: jax.Array) -> jax.Array:
        parts[describe(part, exact)] = None
        return plain(part, x, weight)

    shapes = (
        task.shape(task.channels, task.spatial),
        (task.filters, task.channels // task.groups, *task.kernel),
    )
    structures = (jax.ShapeDtypeStruct(shape, jnp.float32) for shape in shapes)  # type: ignore[no-untyped-call]
    jax.eval_shape(partial(recipe.form, task, inner=inner), *structures)
    return f"{recipe.name} ({', '.join(parts)})"


def convolve(
    x: jax.Array,
    weight: jax.Array,
    *,
    window_strides: Sequence[int],
    padding: Sequence[tuple[int, int]],
    rhs_dilation: Sequence[int],
    feature_group_count: int,
    dimension_numbers: tuple[str, str, str],
    lhs_dilation: Sequence[int] | None = None,
) -> jax.Array:
    """Compute what :func:`jax.lax.conv_general_dilated` does, by a recipe where there is one for the platform."""
    channels_last = dimension_numbers[0].endswith("C")
    task = Convolution(
        batch=x.shape[0],
        channels=x.shape[-1 if channels_last else 1],
        spatial=x.shape[1:-1] if channels_last else x.shape[2:],
        filters=weight.shape[0],
        kernel=weight.shape[2:],
        stride=tuple(window_strides),
        padding=tuple(padding),
        gaps=tuple(lhs_dilation or (1,) * len(padding)),
        dilation=tuple(rhs_dilation),
        groups=feature_group_count,
        channels_last=channels_last,
    )
    # A CPU's images lie channels last, whatever the summary's do.
    exact = _exact.get()
    note = partial(describe, task.replace(channels_last=True), exact)
    y: jax.Array = by_platform(*_forms(task, exact), x, weight, note=note)
    return y
