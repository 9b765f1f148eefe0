"""Functions of params and data, jitted so that what depends on the params alone is computed once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from operator import is_
from typing import Any

import jax

from jaxdnn.lowering.recipes import CPU, jit_for, only_platform


def jit_here(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return ``jax.jit(function)`` of params and data, for the platform of this process where that is one.

    On a CPU, what depends on the params alone is computed once for each set of arrays.
    """
    inside = jax.jit(function)
    platform = only_platform()
    if platform is None:
        return inside
    alone = _Prepared(function) if platform == CPU else jit_for(platform, function)

    def call(params: Any, *data: Any) -> Any:
        try:
            return alone(params, *data)
        except ValueError:  # inside another transformation jax has no compiler options, and other platforms
            return inside(params, *data)

    return call


def bound(function: Callable[..., Any], params: Any, *data: Any) -> Callable[..., Any]:
    """Return ``f(*data)``, which is ``function(params, *data)``, compiled, for data of these shapes.

    On a CPU it holds none of the params but those that each call reads as they are.
    """
    platform = only_platform()
    if platform == CPU:
        return _Compiled(function, params, data).bound(params)
    compiled = jax.jit(function) if platform is None else jit_for(platform, function)
    return lambda *data: compiled(params, *data)


class _Prepared:
    """A function of params and data, compiled for a CPU in two parts, see :class:`Split`."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self._compiled: dict[Any, _Compiled] = {}
        self._shared: tuple[list[Any], dict[Any, Any]] = ([], {})
        self._flat: tuple[Any, list[Any], list[Any]] = (None, [], [])
        self._lock = threading.RLock()

    def __call__(self, params: Any, *data: Any) -> Any:
        """Call it; raise ValueError inside another transformation of jax."""
        weights = self._leaves(params)
        given, structure = jax.tree.flatten(data)
        key = structure, tuple((each.shape, each.dtype) for each in given)
        compiled = self._compiled.get(key)
        if compiled is None or not compiled.fits(weights):
            if any(isinstance(each, jax.core.Tracer) for each in (*weights, *given)):
                raise ValueError("arguments are traced")
            with self._lock:  # threads that call for the same shapes wait for the first one
                compiled = self._compiled.get(key)
                if compiled is None or not compiled.fits(weights):
                    compiled = self._compiled[key] = _Compiled(self._function, params, data)
        return compiled(weights, given, self._shared_for)

    def _leaves(self, params: Any) -> list[Any]:
        """Return the leaves of params: jax takes 50 µs for 150, so those of the latest dict, if it holds the same."""
        latest, values, leaves = self._flat
        if params is latest and same_arrays(_values(params), values):
            return leaves
        leaves = jax.tree.leaves(params)
        flat = isinstance(params, dict) and all(isinstance(slots, dict) for slots in params.values())
        if flat and not any(isinstance(each, jax.core.Tracer) for each in leaves):
            values = _values(params)
            # Otherwise something else holds leaves, and could get others unseen.
            whole = {*map(id, values)} == {*map(id, leaves)} and len(values) == len(leaves)
            self._flat = (params, values, leaves) if whole else (None, [], [])
        return leaves

    def _shared_for(self, weights: list[Any]) -> dict[Any, Any]:
        """Return what has been prepared of these weights, for data of any shapes; what was of others is dropped."""
        shared = self._shared  # read once: another thread may call with other weights
        if not same_arrays(shared[0], weights):
            self._shared = shared = weights, {}
        return shared[1]


class _Compiled:
    """A function for params and data of certain shapes, and the latest params as it has prepared them."""

    def __init__(self, function: Callable[..., Any], params: Any, data: Any) -> None:
        from jaxdnn.lowering.split import split  # slow to import, as jax.extend is

        parts, self._results = split(function, params, data)
        self._kept, self._prepare = parts.kept, parts.prepare_now
        self._finish = jit_for(CPU, parts.finish)
        self._shapes = _shapes(jax.tree.leaves(params))
        self._latest: tuple[list[Any], list[Any], list[Any]] = ([], [], [])

    def fits(self, weights: list[Any]) -> bool:
        """Return whether it computes with these weights."""
        if same_arrays(weights, self._latest[0]):
            return True
        traced = any(isinstance(each, jax.core.Tracer) for each in weights)
        return not traced and _shapes(weights) == self._shapes

    def __call__(
        self, weights: list[Any], data: list[Any], shared_for: Callable[[list[Any]], dict[Any, Any]]
    ) -> Any:
        """Compute results, and before that prepare new weights; ``shared_for(weights)`` is what others prepared."""
        latest, prepared, kept = self._latest
        if not same_arrays(weights, latest):
            prepared, kept = self._ready(weights, shared_for(weights))
            self._latest = weights, prepared, kept
        return jax.tree.unflatten(self._results, self._finish(prepared, kept, data))

    def bound(self, params: Any) -> Callable[..., Any]:
        """Return it as a function of the data, with these params."""
        prepared, kept = self._ready(jax.tree.leaves(params), {})
        results, finish = self._results, self._finish
        return lambda *data: jax.tree.unflatten(results, finish(prepared, kept, jax.tree.leaves(data)))

    def _ready(self, weights: list[Any], shared: dict[Any, Any]) -> tuple[list[Any], list[Any]]:
        """Return what is prepared of weights, and those of them that are kept."""
        with jax.ensure_compile_time_eval():
            prepared = self._prepare(weights, shared)
        return prepared, [weights[index] for index in self._kept]


def same_arrays(arrays: list[Any], others: list[Any]) -> bool:
    """Return whether these are the very same arrays."""
    return arrays is others or (len(arrays) == len(others) and all(map(is_, arrays, others)))


def _values(params: dict[str, dict[str, Any]]) -> list[Any]:
    return [array for slots in params.values() for array in slots.values()]


def _shapes(arrays: list[Any]) -> list[Any]:
    return [(each.shape, each.dtype) for each in arrays]
