"""Compiling before the first request."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import jax
import numpy as np

from jaxdnn.errors import InputError
from jaxdnn.lowering import Spec

Shapes = Mapping[str, Sequence[int]]


class Callee(Protocol):
    """What is warmed up: a net, or an artifact."""

    @property
    def inputs(self) -> Mapping[str, Spec]:
        """Name, shape and dtype of each input."""

    def __call__(
        self, x: Any = None, /, *, outputs: Iterable[str] | None = None, **inputs: Any
    ) -> dict[str, Any]:
        """Compute outputs."""


def warmup(
    callee: Callee,
    names: Iterable[str],
    shapes: Shapes | Sequence[Shapes] | None,
    batch: int | Sequence[int] | None,
    outputs: Iterable[str] | None,
) -> float:
    """Compile for input sizes by calling with zeros.

    Args:
        callee: what is called.
        names: the inputs that are fed.
        shapes: sizes by input name, or several such dicts; by default those that the file states.
        batch: the first size of all inputs, or several of them, for each of the shapes.
        outputs: as for a call.

    Returns:
        the seconds that it took.

    Raises:
        InputError: a name is unknown, or sizes are missing or no whole numbers from 1.
    """
    start = time.perf_counter()
    names = tuple(names)
    wanted = None if outputs is None else tuple([outputs] if isinstance(outputs, str) else outputs)
    several = (shapes,) if shapes is None or isinstance(shapes, Mapping) else shapes
    batches = (batch,) if batch is None or isinstance(batch, int) else batch
    for stated in several:
        for size in batches:
            feeds = zeros(callee.inputs, names, stated, size)
            jax.block_until_ready(callee(feeds, outputs=wanted))  # type: ignore[no-untyped-call]
    return time.perf_counter() - start


def zeros(
    inputs: Mapping[str, Spec], names: Iterable[str], shapes: Shapes | None, batch: int | None
) -> dict[str, np.ndarray]:
    """Return zeros for inputs, of the sizes that are stated by name, or else in the file.

    Raises:
        InputError: a name is unknown, or sizes are missing or no whole numbers from 1.
    """
    unknown = set(shapes or {}) - set(inputs)
    if unknown:
        known = ", ".join(map(repr, inputs))
        raise InputError(f"shapes names {sorted(unknown)[0]!r}; the inputs are {known}")
    return {name: _zeros(inputs, name, shapes or {}, batch) for name in names}


def _zeros(inputs: Mapping[str, Spec], name: str, stated: Shapes, batch: int | None) -> np.ndarray:
    spec = inputs[name]
    shape = tuple(stated[name]) if name in stated else spec.shape
    if shape is None:
        raise InputError(f"the rank of input {name!r} is open: give shapes={{{name!r}: (…)}}")
    if shape:
        shape = (batch or shape[0] or 1, *shape[1:])
    sizes = [int(size) for size in shape if isinstance(size, int | np.integer) and size > 0]
    if len(sizes) < len(shape):
        raise InputError(f"input {name!r} needs sizes from 1, got {shape}: give shapes={{{name!r}: (…)}}")
    return np.zeros(sizes, spec.dtype)
