"""How the programs in an artifact are called: with plain dicts of arrays.

Params are ``{"owner/slot": array}``, as safetensors files have them, and inputs ``{name: array}``. What is returned are
``{output: array}`` and ``{output: count}``, the latter for outputs whose size depends on the data.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from jaxdnn.ir import Params, split_reference
from jaxdnn.lowering import Padded, Program
from jaxdnn.lowering.padded import unpad

Arrays = Mapping[str, Any]
Results = tuple[dict[str, Any], dict[str, Any]]


def flat_params(params: Params) -> dict[str, Any]:
    """Return params by ``"owner/slot"``."""
    return {f"{owner}/{slot}": array for owner, slots in params.items() for slot, array in slots.items()}


def nested_params(params: Arrays) -> dict[str, dict[str, Any]]:
    """Return params by owner and slot."""
    nested: dict[str, dict[str, Any]] = {}
    for reference, array in params.items():
        owner, slot = split_reference(reference)
        nested.setdefault(owner, {})[slot] = array
    return nested


def plain_function(program: Program, outputs: tuple[str, ...]) -> Callable[[Arrays, Arrays], Results]:
    """Return the function that computes outputs as this module describes."""

    def call(params: Arrays, inputs: Arrays) -> Results:
        values = program(nested_params(params), inputs, outputs)
        counts = {name: value.count for name, value in values.items() if isinstance(value, Padded)}
        return {name: jnp.asarray(unpad(value)) for name, value in values.items()}, counts

    return call


def padded_axes(
    program: Program, outputs: tuple[str, ...], params: Arrays, inputs: Arrays
) -> dict[str, int | None]:
    """Return for each output the axis whose size depends on the data, None if none does.

    Args:
        program: what computes them.
        outputs: their names.
        params, inputs: structures of arrays.
    """
    values = jax.eval_shape(lambda p, x: program(nested_params(p), x, outputs), params, inputs)
    axes = {name: value.axis if isinstance(value, Padded) else None for name, value in values.items()}
    return {name: axes[name] for name in outputs}  # jax sorts the names


def padded(results: Results, axes: Mapping[str, int | None]) -> dict[str, Any]:
    """Return outputs as a net's ``apply`` returns them."""
    arrays, counts = results
    return {
        name: arrays[name] if axis is None else Padded(arrays[name], counts[name], axis)
        for name, axis in axes.items()
    }
