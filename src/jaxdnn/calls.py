"""Calls of a net: what one has found out about its inputs holds for others of the same names, shapes and types."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import jax
import numpy as np

from jaxdnn.chunks import chunks_of, compute_batch
from jaxdnn.feeds import feeds_of, output_names, stated_outputs
from jaxdnn.ir import Params
from jaxdnn.lowering import Program
from jaxdnn.lowering.guard import guarded
from jaxdnn.lowering.parts import again

_KEPT = 128
"""How many kinds of calls are remembered."""

_Compute = Callable[[Mapping[str, Any]], dict[str, Any]]


class Calls:
    """The calls of a program with certain params.

    To check inputs, to name outputs and to look up what was compiled takes as long as a small network does. So for
    each kind of call it is remembered what computes it.
    """

    def __init__(self, program: Program, params: Params) -> None:
        self._program = program
        self._params = params
        self._known: dict[Any, tuple[str | None, _Compute]] = {}  # with the name of an array alone
        self._lock = threading.Lock()

    def __call__(
        self, x: Any, inputs: Mapping[str, Any], outputs: Iterable[str] | None = None
    ) -> dict[str, Any]:
        """Compute outputs; arguments, results and errors are those of ``net(…)``."""
        names = stated_outputs(outputs)
        kind = _kind(x, inputs, names)
        known = self._known.get(kind)
        if known is None:
            return self._first(kind, x, inputs, names)
        name, compute = known
        feeds = feeds_of(self._program, x, inputs) if name is None else _named(x, inputs, name)
        return guarded(self._program, lambda: compute(feeds))

    def _first(
        self, kind: Any, x: Any, inputs: Mapping[str, Any], outputs: tuple[str, ...] | None
    ) -> dict[str, Any]:
        """Compute outputs, and remember what computes such calls."""
        program, params = self._program, self._params
        feeds = feeds_of(program, x, inputs)
        names = output_names(program, feeds, outputs)
        results = guarded(program, lambda: compute_batch(program, params, feeds, names))
        traced = any(isinstance(each, jax.core.Tracer) for each in feeds.values())
        if kind is None or traced or chunks_of(program, feeds) > 1:
            return results
        compute = again(program, params, feeds, names)
        if compute is not None:
            name = next(iter(feeds), "")
            given = _named(x, inputs, name)
            as_given = given.keys() == feeds.keys() and all(feeds[each] is given[each] for each in feeds)
            with self._lock:
                while len(self._known) >= _KEPT:
                    del self._known[next(iter(self._known))]
                self._known[kind] = name if as_given else None, compute
        return results


def _named(x: Any, inputs: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return the arrays of a call by name, with the name that stands for an array alone."""
    if x is None:
        return inputs
    return {**x, **inputs} if isinstance(x, dict) else {name: x, **inputs}


def _kind(x: Any, inputs: Mapping[str, Any], outputs: tuple[str, ...] | None) -> Any:
    """Return what is equal for calls that are computed alike, None if that cannot be told."""
    kind: list[Any] = [outputs]
    for name, array in _named(x, inputs, "").items():
        if not isinstance(array, np.ndarray | jax.Array):
            return None
        kind += (name, type(array), array.shape, array.dtype)
    return tuple(kind)
