"""Which parameters an optimiser changes."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

import jax.numpy as jnp

from jaxdnn.errors import InputError, some
from jaxdnn.ir import Params

STATISTICS = ("mean", "variance")
"""The slots of batch norms that hold statistics of the training data: no gradient step makes sense for them."""


def trainable(params: Params, *patterns: str) -> dict[str, dict[str, bool]]:
    """Return a mask of the parameters that an optimiser is to change.

    ``optax.partition({True: optax.adam(1e-3), False: optax.set_to_zero()}, mask)`` changes those alone.
    (``optax.masked`` passes on the gradients of the others, which would then change too.)

    A batch norm computes with the stored statistics, as in inference: its mean and variance are parameters like
    others, and the mask is false for them, as it is for parameters that are no floating-point numbers.

    Args:
        params: as :attr:`jaxdnn.Net.params`, ``{owner: {slot: array}}``.
        patterns: names of layers (owners) or ``owner/slot``, in which ``*``, ``?`` and ``[…]`` stand for letters as
            in file names; by default all.

    Returns:
        a pytree like ``params`` with a bool for each array.

    Raises:
        InputError: a pattern matches no parameter.
    """
    for pattern in patterns:
        if not any(_matches(pattern, owner, slot) for owner, slots in params.items() for slot in slots):
            raise InputError(f"no parameter is called {pattern!r}; their layers are {some(list(params))}")

    def is_trainable(owner: str, slot: str, array: Any) -> bool:
        chosen = not patterns or any(_matches(pattern, owner, slot) for pattern in patterns)
        return chosen and slot not in STATISTICS and bool(jnp.issubdtype(array.dtype, jnp.floating))

    return {
        owner: {slot: is_trainable(owner, slot, array) for slot, array in slots.items()}
        for owner, slots in params.items()
    }


def _matches(pattern: str, owner: str, slot: str) -> bool:
    return fnmatchcase(owner, pattern) or fnmatchcase(f"{owner}/{slot}", pattern)
