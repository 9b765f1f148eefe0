"""Functions of params and data, jitted so that what depends on the params alone is computed once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from operator import is_
from typing import Any

import jax

from jaxdnn.lowering.recipes import CPU, jit_for, only_platform


def jit_here(function: Callable[..., Any]) -> Jitted:
    """Return ``jax.jit(function)`` of params and data, for the platform of this process where that is one.

    On a CPU, what depends on the params alone is computed once for each set of arrays.
    """
    return Jitted(function, only_platform())


class Jitted:
    """What :func:`jit_here` returns."""

    def __init__(self, function: Callable[..., Any], platform: str | None) -> None:
        self._inside = jax.jit(function)
        self._alone: Any = self._inside
        if platform is not None:
            self._alone = _Prepared(function) if platform == CPU else jit_for(platform, function)

    def __call__(self, params: Any, *data: Any) -> Any:
        """Call it."""
        try:
            return self._alone(params, *data)
        except ValueError:  # inside another transformation jax has no compiler options, and other platforms
            return self._inside(params, *data)

    def again(self, params: Any, *data: Any) -> Callable[..., Any]:
        """Return ``f(*data)`` for the arrays that params hold now, after a call with data of these shapes and types."""
        alone, inside = self._alone, self._inside
        again = alone.again(params, *data) if isinstance(alone, _Prepared) else partial(alone, params)

        def call(*data: Any) -> Any:
            try:
                return again(*data)
            except ValueError:
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
        self._lock = threading.RLock()

    def __call__(self, params: Any, *data: Any) -> Any:
        """Call it; raise ValueError inside another transformation of jax."""
        weights = jax.tree.leaves(params)
        given, structure = jax.tree.flatten(data)
        key = _key(given, structure)
        compiled = self._compiled.get(key)
        if compiled is None or not compiled.fits(weights):
            if any(isinstance(each, jax.core.Tracer) for each in (*weights, *given)):
                raise ValueError("arguments are traced")
            with self._lock:  # threads that call for the same shapes wait for the first one
                compiled = self._compiled.get(key)
                if compiled is None or not compiled.fits(weights):
                    compiled = self._compiled[key] = _Compiled(self._function, params, data)
        return compiled(weights, given, self._shared_for)

    def again(self, params: Any, *data: Any) -> Callable[..., Any]:
        """Return ``f(*data)`` for these params, where shapes and types of the data are not compared any more."""
        weights = jax.tree.leaves(params)
        compiled = self._compiled.get(_key(*jax.tree.flatten(data)))
        if compiled is None or not compiled.fits(weights):
            return partial(self, params)
        return lambda *data: compiled(weights, jax.tree.leaves(data), self._shared_for)

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
        if weights is not latest:
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


def _key(given: list[Any], structure: Any) -> Any:
    return structure, tuple((each.shape, each.dtype) for each in given)


def _shapes(arrays: list[Any]) -> list[Any]:
    return [(each.shape, each.dtype) for each in arrays]
