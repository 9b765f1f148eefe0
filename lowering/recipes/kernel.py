"""Convolution by C++ kernels, of images whose channels lie last; in float32."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxdnn.lowering import native
from jaxdnn.lowering.recipes.finish import CURVES, Finish, Place, finished
from jaxdnn.lowering.recipes.groups import merged
from jaxdnn.lowering.recipes.task import Convolution, plain
from jaxdnn.lowering.recipes.winograd import SIDE, evaluated, tiles

_MEMORY = 2**21
"""Bytes of the values and products of Winograd's tiles that are computed together: what caches near a CPU keep."""
_LEAST_TILES = 48
"""Tiles that are computed together even if they need more: each time all weights are read."""
_APART = 16
"""Numbers between the values of a tile and the next: were they a multiple of a page apart, they would compete for the
same places in a cache.
"""


def kernel(
    task: Convolution,
    x: jax.Array,
    weight: jax.Array,
    bias: jax.Array | None,
    added: jax.Array | None,
    finish: Finish,
) -> jax.Array:
    """Compute a convolution over one or two axes, add a bias per filter and an array, and finish it."""
    if task.rank == 1:
        x, weight = jnp.expand_dims(x, 1), jnp.expand_dims(weight, 2)
        added = None if added is None else jnp.expand_dims(added, 1)
        return kernel(_plane(task), x, weight, bias, added, finish)[:, 0]
    depthwise = task.groups == task.channels == task.filters > 1
    if depthwise and finish.place is not None:
        alone = kernel(task, x, weight, bias, None, replace(finish, place=None))
        return finished(task, alone, None, added, Finish(place=finish.place))
    y: jax.Array = _computed(_depthwise if depthwise else _direct, task, x, weight, bias, added, finish)
    return y


@dataclass(frozen=True)
class _Call:
    """How a kernel is called.

    Attributes:
        kernel: its name.
        weight, bias: laid out as it reads them.
        attributes: what it is told beside the arrays and the finish.
        memory: the shape of what it works in, if it needs any.
    """

    kernel: str
    weight: jax.Array
    bias: jax.Array
    attributes: dict[str, Any]
    memory: tuple[int, ...] | None = None


_Preparing = Callable[[Convolution, int, jax.Array, jax.Array], _Call]
"""``f(task, wide, weight, bias)``, where ``wide`` is how many filters a kernel computes side by side."""


@partial(jax.custom_jvp, nondiff_argnums=(0, 1, 6))
def _computed(
    prepare: _Preparing,
    task: Convolution,
    x: jax.Array,
    weight: jax.Array,
    bias: jax.Array | None,
    added: jax.Array | None,
    finish: Finish,
) -> jax.Array:
    found = native.loaded()
    bias = jnp.broadcast_to(jnp.zeros(1, jnp.float32) if bias is None else bias, task.filters)
    call = prepare(task, found.filters, weight, bias)
    place = finish.place or Place(0, task.filters)
    shapes = [task.shape(place.channels, task.size)] + ([] if call.memory is None else [call.memory])
    # What is written into an array is written into it, not into a copy.
    aliases = {3: 0} if finish.place is not None and added is not None else {}
    made = found.call(call.kernel, *shapes, aliases=aliases)
    added = jnp.zeros(0, jnp.float32) if added is None else added
    where = {"adds": finish.place is None and added.size > 0, "first": place.first, "filters": task.filters}
    return made(x, call.weight, call.bias, added, **call.attributes, **where, **_after(finish))[0]


@_computed.defjvp
def _derivative(
    prepare: _Preparing,
    task: Convolution,
    finish: Finish,
    primals: tuple[Any, ...],
    tangents: tuple[Any, ...],
) -> tuple[jax.Array, jax.Array]:
    """Differentiate the convolution that XLA knows."""
    del prepare

    def plainly(x: jax.Array, weight: jax.Array, bias: Any, added: Any) -> jax.Array:
        return finished(task, plain(task, x, weight), bias, added, finish)

    return jax.jvp(plainly, primals, tangents)


def _depthwise(task: Convolution, wide: int, weight: jax.Array, bias: jax.Array) -> _Call:
    del wide
    factors = weight.reshape(task.channels, *task.kernel).transpose(1, 2, 0)
    return _Call("depthwise", factors, bias, _window(task))


def _direct(task: Convolution, wide: int, weight: jax.Array, bias: jax.Array) -> _Call:
    count = _joined(task, wide)
    joined = task.replace(groups=task.groups // count)
    weight = merged(task, weight, count)
    weight = weight.reshape(joined.groups, -1, *weight.shape[1:]).transpose(0, 3, 4, 2, 1)
    biases = _panels(bias.reshape(joined.groups, -1), wide)
    return _Call("convolution", _panels(weight, wide), biases, _window(joined))


def _winograd(task: Convolution, wide: int, weight: jax.Array, bias: jax.Array) -> _Call:
    channels, groups = task.channels // task.groups, task.groups
    values = evaluated(weight).reshape(-1, channels, groups, task.filters // groups).swapaxes(1, 2)
    panels = _panels(values.reshape(SIDE**2 * groups, channels, -1), wide)
    biases = _panels(bias.reshape(groups, -1), wide)
    row = task.channels + _APART + biases.size
    most = min(task.batch * math.prod(tiles(task)), max(_LEAST_TILES, _MEMORY // (4 * SIDE**2 * row)))
    attributes = {"before": _before(task), "groups": groups, "tiles": most}
    return _Call("winograd", panels, biases, attributes, memory=(SIDE**2 * most, row))


winograd_kernel = partial(_computed, _winograd)
"""Compute what :func:`~jaxdnn.lowering.recipes.winograd.winograd` does, and what follows it, as :func:`kernel`."""


def _plane(task: Convolution) -> Convolution:
    """Return a convolution over one axis as one over two, the first of which has one place."""
    one = {name: (1, *getattr(task, name)) for name in ("spatial", "kernel", "stride", "gaps", "dilation")}
    return task.replace(**one, padding=((0, 0), *task.padding))


def _joined(task: Convolution, most: int) -> int:
    """Return how many groups fill the filters that the kernel computes side by side."""
    filters = task.filters // task.groups
    divisors = (n for n in range(1, task.groups + 1) if task.groups % n == 0)
    return max((n for n in divisors if n * filters <= most), default=1)


def _panels(weight: jax.Array, wide: int) -> jax.Array:
    """Return an array (groups, *others, filters) as (groups, panels, *others, wide), filled up with zeros."""
    *others, filters = weight.shape
    if filters % wide:
        ends = [*[(0, 0, 0)] * len(others), (0, -filters % wide, 0)]
        weight = lax.pad(weight, jnp.zeros((), weight.dtype), ends)
    return jnp.moveaxis(weight.reshape(*others, -1, wide), -2, min(1, len(others)))


def _window(task: Convolution) -> dict[str, Any]:
    return {
        "kernel": np.array(task.kernel),
        "stride": np.array(task.stride),
        "before": _before(task),
        "dilation": np.array(task.dilation),
        "groups": task.groups,
    }


def _before(task: Convolution) -> np.ndarray:
    return np.array([before for before, _ in task.padding])


def _after(finish: Finish) -> dict[str, Any]:
    return {
        "slope": np.float32(finish.slope),
        "low": np.float32(finish.low),
        "high": np.float32(finish.high),
        "curve": ["", *CURVES].index(finish.curve),
        "beta": np.float32(finish.beta),
    }
