"""What a call feeds: arrays by input name, of the inputs' ranks and types."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import jax
import numpy as np

from jaxdnn.errors import InputError
from jaxdnn.ir import Graph, Value
from jaxdnn.lowering import Program, Spec
from jaxdnn.lowering.ragged import Ragged


def as_feeds(graph: Graph, x: Any, inputs: Mapping[str, Any], *, double: bool = False) -> dict[str, Any]:
    """Return the arrays of a call by input name.

    Args:
        graph: whose inputs are fed.
        x: the array of the only required input, or a dict of arrays by input name, or None.
        inputs: further arrays by input name.
        double: whether float64 arrays stay what they are where an input has another floating type.

    Raises:
        InputError: a name is unknown, or an input is missing or of a wrong rank or type.
    """
    if x is not None and not isinstance(x, Mapping):
        required = [value.name for value in graph.inputs if not value.optional]
        if len(required) != 1:
            names = ", ".join(map(repr, required))
            raise InputError(f"{graph.name!r} has {len(required)} inputs, {names}: name them in a dict")
        x = {required[0]: x}
    feeds = {**(x or {}), **inputs}
    known = {value.name: value for value in graph.inputs}
    for name in feeds:
        if name not in known:
            raise InputError(f"{graph.name!r} has no input {name!r}; its inputs are {', '.join(known)}")
    for value in known.values():
        if not value.optional and value.name not in feeds:
            raise InputError(f"input {value.name!r} of {graph.name!r} is missing")
    feeds = {name: _as_input(known[name], array, double) for name, array in feeds.items()}
    batch = next((array.shape[0] for array in feeds.values() if array.ndim), 1)
    for value in known.values():
        if value.default is not None and value.name not in feeds:
            feeds[value.name] = np.full((batch, *(value.shape or ())[1:]), value.default, value.dtype)
    return feeds


def feeds_of(program: Program, x: Any, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return :func:`as_feeds` for a program, which keeps float64 if it computes in that."""
    return as_feeds(program.graph, x, inputs, double=program.policy.compute == "float64")


def output_names(
    program: Program, feeds: Mapping[str, Any], outputs: Iterable[str] | None
) -> tuple[str, ...]:
    """Return the names of the values that a call returns.

    Args:
        program: what is called.
        feeds: arrays by input name.
        outputs: names as the call states them: of any layer or blob, or None for the program's own outputs.

    Raises:
        InputError: a name is unknown, or none.
    """
    names = stated_outputs(outputs)
    if names is None:
        return program.default_outputs(feeds)
    for name in names:
        program.graph.resolve(name)
    return names


def stated_outputs(outputs: Iterable[str] | None) -> tuple[str, ...] | None:
    """Return the names of outputs that a call states, each once; None if it states none.

    Raises:
        InputError: something is no name.
    """
    if outputs is None:
        return None
    several = isinstance(outputs, Iterable) and not isinstance(outputs, str)
    names: tuple[Any, ...] = tuple(outputs) if several else (outputs,)
    for name in names:
        if not isinstance(name, str):
            raise InputError(f"outputs are asked for by name, got {name!r}")
    return tuple(dict.fromkeys(names))


def _as_input(value: Value, array: Any, double: bool) -> Any:
    if value.sequence and isinstance(array, Ragged):
        return array
    if value.sequence:
        if not isinstance(array, list | tuple):
            raise InputError(f"input {value.name!r} takes a list of arrays, got {type(array).__name__}")
        element = replace(value, sequence=False)
        return Ragged(tuple(_as_input(element, each, double) for each in array))
    if not isinstance(array, jax.Array):
        array = _as_array(value.name, array)
        if array.dtype == object or array.dtype.kind in "USMm":
            raise InputError(f"input {value.name!r} takes numbers, got {array.dtype}")
    if value.shape is not None and array.ndim != len(value.shape):
        array = _match_rank(array, value.shape)
    if value.shape is not None and array.ndim != len(value.shape):
        raise InputError(
            f"input {value.name!r} has {len(value.shape)} axes ({Spec(value.shape, value.dtype)}), "
            f"got an array of shape {tuple(array.shape)}"
        )
    kept = double and array.dtype == "float64" and value.dtype.startswith(("float", "bfloat"))
    return array if kept or array.dtype == value.dtype else array.astype(value.dtype)


def _as_array(name: str, numbers: Any) -> np.ndarray:
    try:
        return np.asarray(numbers)
    except (TypeError, ValueError) as error:
        raise InputError(f"input {name!r} takes an array: {error}") from error


def _match_rank(array: Any, shape: tuple[int | None, ...]) -> Any:
    """Drop or add trailing axes of size 1: old files write labels as (N, 1, 1, 1), new ones as (N,)."""
    while array.ndim > len(shape) and array.shape[-1] == 1:
        array = array[..., 0]
    missing = shape[array.ndim :]
    return array.reshape(*array.shape, *missing) if missing.count(1) == len(missing) else array


def has_open_inputs(graph: Graph) -> bool:
    """Whether an input lacks a size."""
    return any(value.shape is None or None in value.shape for value in graph.inputs)


def stated_inputs(graph: Graph, *, batch: int | None = None) -> dict[str, Spec]:
    """Return the spec of each input.

    Args:
        graph: whose inputs.
        batch: the first size of inputs that lack it.

    Raises:
        InputError: one lacks a size.
    """
    specs = {}
    for value in graph.inputs:
        shape = value.shape
        if shape and shape[0] is None:
            shape = (batch, *shape[1:])
        if shape is None or None in shape:
            raise InputError(
                f"input {value.name!r} has no complete shape in the file: give "
                f"input_shapes={{{value.name!r}: (…)}}"
            )
        specs[value.name] = Spec(shape, value.dtype)
    return specs
