"""Convolution by C++ kernels, of images whose channels lie last; in float32."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxdnn.lowering import native
from jaxdnn.lowering.recipes.finish import CURVES, Finish, finished
from jaxdnn.lowering.recipes.groups import merged
from jaxdnn.lowering.recipes.task import Convolution, plain
from jaxdnn.lowering.recipes.winograd import OUTPUTS, SIDE, evaluated

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
    y: jax.Array = _computed(_depthwise if depthwise else _direct, task, finish, x, weight, bias, added)
    return y


def winograd_kernel(
    task: Convolution,
    x: jax.Array,
    weight: jax.Array,
    bias: jax.Array | None,
    added: jax.Array | None,
    finish: Finish,
) -> jax.Array:
    """Compute what :func:`~jaxdnn.lowering.recipes.winograd.winograd` does, and what follows it."""
    y: jax.Array = _computed(_winograd, task, finish, x, weight, bias, added)
    return y


@partial(jax.custom_jvp, nondiff_argnums=(0, 1, 2))
def _computed(
    form: Any,
    task: Convolution,
    finish: Finish,
    x: jax.Array,
    weight: jax.Array,
    bias: jax.Array | None,
    added: jax.Array | None,
) -> jax.Array:
    found = native.kernels()
    assert found is not None
    bias = jnp.broadcast_to(jnp.zeros(1, jnp.float32) if bias is None else bias, task.filters)
    added = jnp.zeros(0, jnp.float32) if added is None else added
    y: jax.Array = form(found, task, finish, x, weight, bias, added)
    return y


@_computed.defjvp
def _derivative(
    form: Any, task: Convolution, finish: Finish, primals: tuple[Any, ...], tangents: tuple[Any, ...]
) -> tuple[jax.Array, jax.Array]:
    """Differentiate the convolution that XLA knows."""
    del form

    def plainly(x: jax.Array, weight: jax.Array, bias: Any, added: Any) -> jax.Array:
        return finished(task, plain(task, x, weight), bias, added, finish)

    return jax.jvp(plainly, primals, tangents)


def _depthwise(
    found: native.Library,
    task: Convolution,
    finish: Finish,
    x: jax.Array,
    weight: jax.Array,
    bias: jax.Array,
    added: jax.Array,
) -> jax.Array:
    factors = weight.reshape(task.channels, *task.kernel).transpose(1, 2, 0)
    call = _call(found.target("depthwise"), _result(task))
    y: jax.Array = call(x, factors, bias, added, **_window(task), **_after(finish))
    return y


def _direct(
    found: native.Library,
    task: Convolution,
    finish: Finish,
    x: jax.Array,
    weight: jax.Array,
    bias: jax.Array,
    added: jax.Array,
) -> jax.Array:
    count = _joined(task, found.filters)
    joined = task.replace(groups=task.groups // count)
    weight = merged(task, weight, count)
    weight = weight.reshape(joined.groups, -1, *weight.shape[1:]).transpose(0, 3, 4, 2, 1)
    panels = _panels(weight, found.filters)
    biases = _panels(bias.reshape(joined.groups, -1), found.filters)
    call = _call(found.target("convolution"), _result(task))
    y: jax.Array = call(x, panels, biases, added, **_window(joined), **_after(finish))
    return y


def _winograd(
    found: native.Library,
    task: Convolution,
    finish: Finish,
    x: jax.Array,
    weight: jax.Array,
    bias: jax.Array,
    added: jax.Array,
) -> jax.Array:
    channels, groups = task.channels // task.groups, task.groups
    values = evaluated(weight).reshape(-1, channels, groups, task.filters // groups).swapaxes(1, 2)
    panels = _panels(values.reshape(SIDE**2 * groups, channels, -1), found.filters)
    biases = _panels(bias.reshape(groups, -1), found.filters)
    row = task.channels + _APART + biases.size
    tiles = task.batch * math.prod(-(-n // OUTPUTS) for n in task.size)
    most = min(tiles, max(_LEAST_TILES, _MEMORY // (4 * SIDE**2 * row)))
    results = _result(task), _array(SIDE**2 * most, row)
    call = _call(found.target("winograd"), results)
    sizes = {"before": _before(task), "groups": groups, "tiles": most}
    y: jax.Array = call(x, panels, biases, added, **sizes, **_after(finish))[0]
    return y


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


def _call(target: str, results: Any) -> Any:
    return jax.ffi.ffi_call(target, results, vmap_method="sequential")


def _result(task: Convolution) -> jax.ShapeDtypeStruct:
    return _array(*task.shape(task.filters, task.size))


def _array(*shape: int) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(shape, jnp.float32)  # type: ignore[no-untyped-call]


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
