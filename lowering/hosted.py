"""Equations that numpy can compute, so that nothing is compiled to prepare weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jax.extend.core import JaxprEqn, Literal
from jax.extend.core.primitives import dot_general_p, pad_p, reshape_p, rev_p, squeeze_p, transpose_p


def variables(eqn: JaxprEqn) -> list[Any]:
    """Return the variables that an equation reads, each once."""
    return list(dict.fromkeys(atom for atom in eqn.invars if not isinstance(atom, Literal)))


def on_host(eqn: JaxprEqn, arrays: Sequence[np.ndarray]) -> np.ndarray:
    """Compute an equation of :data:`HOSTED` from the values of its :func:`variables`."""
    values = dict(zip(variables(eqn), arrays, strict=True))
    inputs = (atom.val if isinstance(atom, Literal) else values[atom] for atom in eqn.invars)
    return HOSTED[eqn.primitive](eqn.params, *inputs)


def _pad(params: dict[str, Any], x: np.ndarray, value: Any) -> np.ndarray:
    """Add elements between others, and then at the ends, or cut there."""
    apart = np.full([n + max(n - 1, 0) * gap for n, (_, _, gap) in _ends(params, x)], value, x.dtype)
    apart[tuple(slice(None, None, gap + 1) for _, (_, _, gap) in _ends(params, x))] = x
    cut = tuple(slice(max(0, -low), n - max(0, -high)) for n, (low, high, _) in _ends(params, apart))
    added = [(max(0, low), max(0, high)) for low, high, _ in params["padding_config"]]
    return np.pad(apart[cut], added, constant_values=value)


def _ends(params: dict[str, Any], x: np.ndarray) -> list[tuple[int, tuple[int, int, int]]]:
    return list(zip(x.shape, params["padding_config"], strict=True))


def _dot(params: dict[str, Any], x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Contract axes of arrays without common batches."""
    return np.tensordot(x, y, params["dimension_numbers"][0])


HOSTED: dict[Any, Callable[..., np.ndarray]] = {
    dot_general_p: _dot,
    pad_p: _pad,
    reshape_p: lambda params, x: x.reshape(params["new_sizes"]),
    rev_p: lambda params, x: np.flip(x, params["dimensions"]),
    squeeze_p: lambda params, x: x.squeeze(params["dimensions"]),
    transpose_p: lambda params, x: x.transpose(params["permutation"]),
}
"""By primitive, ``f(params, *inputs)``."""


def is_hosted(eqn: JaxprEqn) -> bool:
    """Return whether numpy can compute an equation."""
    if eqn.primitive is dot_general_p:
        return not any(eqn.params["dimension_numbers"][1])
    return eqn.primitive in HOSTED
