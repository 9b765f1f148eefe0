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
from dataclasses import dataclass, replace
from functools import lru_cache, partial

import jax
import jax.numpy as jnp

from jaxdnn.lowering import native
from jaxdnn.lowering.precision import is_half
from jaxdnn.lowering.recipes.blocks import space_to_depth
from jaxdnn.lowering.recipes.depthwise import shifted_products
from jaxdnn.lowering.recipes.finish import UNFINISHED, Finish, finished
from jaxdnn.lowering.recipes.groups import split_groups
from jaxdnn.lowering.recipes.kernel import kernel, winograd_kernel
from jaxdnn.lowering.recipes.patches import product_of_patches
from jaxdnn.lowering.recipes.phases import phases
from jaxdnn.lowering.recipes.platforms import by_platform, may_call_kernels
from jaxdnn.lowering.recipes.pointwise import matrix_product
from jaxdnn.lowering.recipes.taps import products_of_taps
from jaxdnn.lowering.recipes.task import Convolution, Form, plain, with_last_filters
from jaxdnn.lowering.recipes.winograd import OUTPUTS, tiles, winograd

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
_FEWEST_FILTERS, _FEWEST_TILES, _FILTERS_PER_TILE, _LEAST_FILLED = 64, 4, 4, 0.5
"""For a kernel: filters of a group from which on Winograd's algorithm is worth it, for as many channels as the kernel
computes filters side by side (more channels need fewer); tiles of a batch, at least, and as many as so many of the
filters side by side want one more; the part of the tiles that lies in the picture, at least.
"""


@dataclass(frozen=True)
class Recipe:
    """One way to compute a convolution.

    Attributes:
        name: for summaries.
        computes: whether it can compute a convolution.
        form: computes it; ``form(task, x, weight)``, with ``inner=`` if it is made of other convolutions.
        wins: whether it is faster than those behind it in :data:`RECIPES`, as far as is known without measuring.
        nested: whether it is made of other convolutions.
        exact: whether it rounds no more than sums of products do.
        native: whether it is a C++ kernel. It computes what follows the convolution as well:
            ``form(task, x, weight, bias, added, finish)``, see :func:`compute`.
    """

    name: str
    computes: Callable[[Convolution], bool]
    form: Form
    wins: Callable[[Convolution], bool] = lambda task: True
    nested: bool = False
    exact: bool = True
    native: bool = False


@dataclass(frozen=True)
class Choices:
    """What decides beside the table.

    Attributes:
        exact: whether recipes are left out that round more than sums of products do.
        kernels: whether C++ kernels may be used, where there are any.
        measured: pairs of :func:`name_of` a convolution and the name of a recipe that was measured to be faster.
    """

    exact: bool = False
    kernels: bool = True
    measured: tuple[tuple[str, str], ...] = ()


def _is_transposed(task: Convolution) -> bool:
    return max(task.gaps, default=1) > 1 and {*task.stride, *task.dilation} == {1}


def _is_depthwise(task: Convolution) -> bool:
    narrow = task.groups == task.channels > 1 and max(task.gaps) == 1
    return narrow and math.prod(task.kernel) <= _MOST_TAPS


def _is_grouped(task: Convolution) -> bool:
    return task.groups > 1


def _is_pointwise(task: Convolution) -> bool:
    return {*task.kernel, *task.gaps, task.groups} == {1}


def _has_few_channels(task: Convolution) -> bool:
    return task.channels <= _FEW_CHANNELS


def _is_strided(task: Convolution) -> bool:
    strided = max(task.stride) > 1 and {*task.gaps, *task.dilation} == {1} and task.groups == 1
    return strided and min(k - s for k, s in zip(task.kernel, task.stride, strict=True)) >= 0


def _has_known_size(task: Convolution) -> bool:
    return task.channels_last and all(isinstance(n, int) for n in task.size)


def _is_three_by_three(task: Convolution) -> bool:
    once = task.rank == 2 and {*task.stride, *task.dilation, *task.gaps} == {1}
    return once and task.kernel == (3, 3) and _has_known_size(task)


def _suits_winograd(task: Convolution) -> bool:
    return _is_three_by_three(task) and task.groups == 1


def _has_many_tiles(task: Convolution) -> bool:
    count = math.prod(tiles(task))
    width = min(task.channels, task.filters)
    batch = task.batch if isinstance(task.batch, int) else 1
    many = count >= _MANY_TILES or (width >= _WIDE and batch * count >= _TILES_OF_WIDE)
    return width >= _MANY_CHANNELS and many


def _suits_winograd_kernel(task: Convolution) -> bool:
    return _is_three_by_three(task) and _is_slid_over(task)


def _is_worth_winograd(task: Convolution) -> bool:
    """Return whether Winograd's tiles are worth a kernel's work around their products.

    Wide vectors make products cheaper, and hardly what is around them.
    """
    found = native.loaded()
    channels, filters = task.channels // task.groups, task.filters // task.groups
    wide = min(channels, filters) >= found.filters and channels * filters >= found.filters * _FEWEST_FILTERS
    count = math.prod(tiles(task))
    filled = math.prod(task.size) / (count * OUTPUTS**2)
    many = task.batch * count >= max(_FEWEST_TILES, found.filters // _FILTERS_PER_TILE)
    return wide and many and filled >= _LEAST_FILLED


def _has_several_taps(task: Convolution) -> bool:
    return (
        task.groups == 1 == max(task.gaps)
        and 1 < math.prod(task.kernel) <= _MOST_TAPS
        and _has_known_size(task)
    )


def _is_slid_over(task: Convolution) -> bool:
    sizes = (task.batch, *task.spatial)
    known = task.channels_last and all(isinstance(n, int) for n in sizes)
    return task.rank in (1, 2) and {*task.gaps} == {1} and known and native.kernels() is not None


def _never(task: Convolution) -> bool:
    del task
    return False


PLAIN = Recipe("convolution", lambda task: True, with_last_filters)
RECIPES = (
    Recipe(
        "Winograd kernel",
        _suits_winograd_kernel,
        winograd_kernel,
        _is_worth_winograd,
        exact=False,
        native=True,
    ),
    Recipe("kernel", _is_slid_over, kernel, native=True),
    Recipe("phases", _is_transposed, phases, nested=True),
    Recipe("shifted products", _is_depthwise, shifted_products),
    Recipe("split groups", _is_grouped, split_groups, nested=True),
    Recipe("matrix product", _is_pointwise, matrix_product),
    Recipe("space to depth", _is_strided, space_to_depth, _has_few_channels, nested=True),
    Recipe("Winograd", _suits_winograd, winograd, _has_many_tiles, exact=False),
    PLAIN,
    Recipe("product of patches", _has_several_taps, product_of_patches, _never),
    Recipe("products of taps", _has_several_taps, products_of_taps, _never),
)
"""What a CPU does: the first recipe that computes a convolution and wins, unless another one was measured to."""

_choices: ContextVar[Choices] = ContextVar("choices", default=Choices())  # noqa: B039  (frozen)


@contextmanager
def choosing(choices: Choices) -> Iterator[None]:
    """Decide like this inside."""
    token = _choices.set(choices)
    try:
        yield
    finally:
        _choices.reset(token)


def name_of(task: Convolution) -> str:
    """Return a text for a convolution that another process can find it by."""
    sizes = (task.batch, *task.spatial, task.channels), (*task.kernel, task.filters)
    steps = task.stride, [end for ends in task.padding for end in ends], task.gaps, task.dilation
    return "; ".join([",".join(map(str, part)) for part in (*sizes, *steps, [task.groups])])


def candidates(task: Convolution, choices: Choices) -> list[Recipe]:
    """Return the recipes that a CPU may compute a convolution by, the best ones first as far as the table knows."""
    empty = any(isinstance(n, int) and n == 0 for n in (task.channels, task.filters, *task.spatial))
    if task.rank == 0 or empty:
        return [PLAIN]
    allowed = (
        recipe
        for recipe in RECIPES
        if (recipe.exact or not choices.exact) and (choices.kernels or not recipe.native)
    )
    able = [recipe for recipe in allowed if recipe.computes(task)]
    return sorted(able, key=lambda recipe: not recipe.wins(task))


def choose(task: Convolution, choices: Choices) -> Recipe:
    """Return the recipe of a convolution on a CPU."""
    able = candidates(task, choices)
    wanted = dict(choices.measured).get(name_of(task)) if choices.measured else None
    return next((recipe for recipe in able if recipe.name == wanted), able[0])


def compute(
    choices: Choices,
    task: Convolution,
    x: jax.Array,
    weight: jax.Array,
    bias: jax.Array | None = None,
    added: jax.Array | None = None,
    finish: Finish = UNFINISHED,
) -> jax.Array:
    """Compute a convolution as a CPU does, add a bias and an array of the result's shape, and finish it."""
    recipe = choose(task, choices)
    if recipe.native:
        return recipe.form(task, x, weight, bias, added, finish)
    inner = {"inner": partial(compute, choices)} if recipe.nested else {}
    return finished(task, recipe.form(task, x, weight, **inner), bias, added, finish)


@lru_cache(maxsize=4096)
def _forms(task: Convolution, choices: Choices, finish: Finish) -> tuple[Form, Form]:
    """Return what computes a convolution on a CPU and elsewhere: the same functions for the same convolution.

    jax traces a function once for all its calls, so that a net's repeated blocks cost nothing more.
    """

    def cpu(x: jax.Array, weight: jax.Array, bias: jax.Array | None, added: jax.Array | None) -> jax.Array:
        """Sum half types in float32."""
        if not is_half(x):
            kernels = choices.kernels and x.dtype == jnp.float32
            return compute(replace(choices, kernels=kernels), task, x, weight, bias, added, finish)
        arrays = jax.tree.map(lambda array: array.astype(jnp.float32), (x, weight, bias, added))
        x32, weight, bias, added = arrays
        return compute(choices, task, x32, weight, bias, added, finish).astype(x.dtype)

    def elsewhere(
        x: jax.Array, weight: jax.Array, bias: jax.Array | None, added: jax.Array | None
    ) -> jax.Array:
        return finished(task, plain(task, x, weight), bias, added, finish)

    return jax.jit(cpu), elsewhere


@dataclass(frozen=True)
class Plan:
    """How a CPU computes a convolution; as a function it says that in words."""

    task: Convolution
    choices: Choices

    def __call__(self) -> str:
        """Return the recipe's name, and those of the convolutions that it is made of."""
        kernels = self.choices.kernels and native.kernels() is not None
        return _describe(self.task, replace(self.choices, kernels=kernels))


@lru_cache(maxsize=4096)
def _describe(task: Convolution, choices: Choices) -> str:
    recipe = choose(task, choices)
    if not recipe.nested:
        return recipe.name
    parts: dict[str, None] = {}

    def inner(part: Convolution, x: jax.Array, weight: jax.Array) -> jax.Array:
        parts[_describe(part, choices)] = None
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
    bias: jax.Array | None = None,
    added: jax.Array | None = None,
    finish: Finish = UNFINISHED,
) -> jax.Array:
    """Compute what :func:`jax.lax.conv_general_dilated` does, by a recipe where there is one for the platform.

    Args:
        x, weight, window_strides, padding, rhs_dilation, feature_group_count, dimension_numbers, lhs_dilation: as
            there.
        bias: (filters,), added to the result.
        added: an array that is added too; or what the result is written into, where the finish has a place.
        finish: what the sum goes through then.

    Raises:
        ShapeMismatch: ``added`` has another shape than the result.
    """
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
    wide = task.filters if finish.place is None else finish.place.channels
    if added is not None and added.shape != task.shape(wide, task.size):
        raise ShapeMismatch
    # A CPU's images lie channels last, whatever the summary's do.
    choices = _choices.get()
    note = Plan(task.replace(channels_last=True), choices)
    forms = _forms(task, replace(choices, kernels=choices.kernels and may_call_kernels()), finish)
    y: jax.Array = by_platform(*forms, x, weight, bias, added, note=note)
    return y


class ShapeMismatch(Exception):  # noqa: N818  (a question answered, not an error)
    """An array cannot be added to a convolution's result while that is computed."""
