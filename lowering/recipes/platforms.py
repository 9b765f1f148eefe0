"""For which platform a program is traced, and what its compiler is told there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any

import jax
from jax import lax

from jaxdnn.lowering import native

CPU = "cpu"

_CPU_OPTIONS = {"xla_cpu_experimental_ynn_fusion_type": "LIBRARY_FUSION_TYPE_INDIVIDUAL_DOT"}
"""By default XLA gives convolutions to a library that runs many of them on one core; now it gets products alone."""

Note = Callable[[], str]
"""Says in words how a CPU computes something."""

_notes: ContextVar[list[Note] | None] = ContextVar("notes", default=None)
_platform: ContextVar[str | None] = ContextVar("platform", default=None)
_kernels: ContextVar[bool] = ContextVar("kernels", default=True)


@contextmanager
def for_platform(platform: str | None, *, kernels: bool = True) -> Iterator[None]:
    """Trace for one platform, as jax calls it; None where that is not known yet; with C++ kernels or without.

    jax remembers what it traced by the function alone: this has to stand inside of what is traced.
    """
    tokens = _platform.set(platform), _kernels.set(kernels)
    try:
        yield
    finally:
        _platform.reset(tokens[0])
        _kernels.reset(tokens[1])


@contextmanager
def noting() -> Iterator[list[Note]]:
    """Yield a list to which notes of the recipes are added that a CPU would take inside."""
    notes: list[Note] = []
    token = _notes.set(notes)
    try:
        yield notes
    finally:
        _notes.reset(token)


def by_platform(cpu: Callable[..., Any], other: Callable[..., Any], *arguments: Any, note: Note) -> Any:
    """Return ``cpu(*arguments)`` on a CPU and ``other(*arguments)`` elsewhere.

    Where the platform is not known while tracing, both are traced, and jax takes one when it compiles. ``note`` is
    for :func:`noting`.
    """
    notes = _notes.get()
    if notes is not None:
        notes.append(note)
    platform = _platform.get()
    if platform is None and cpu is not other:
        return lax.platform_dependent(*arguments, cpu=cpu, default=other)
    return (cpu if platform == CPU else other)(*arguments)


def on_cpu() -> bool:
    """Return whether what is traced is for a CPU and nothing else."""
    return _platform.get() == CPU


def may_call_kernels() -> bool:
    """Return whether what is traced may call C++ kernels: it runs on a CPU, in this process, and there are any."""
    return on_cpu() and _kernels.get() and native.kernels() is not None


def only_platform() -> str | None:
    """Return the platform on which all of this process's programs run, None if there are several."""
    from jax.extend.backend import backends  # slow to import

    found = set(backends())
    return next(iter(found)) if len(found) == 1 else None


def jit_for(
    platform: str | None, function: Callable[..., Any], *, kernels: bool = True, **options: Any
) -> Any:
    """Return ``jax.jit(function, **options)``, traced and compiled for a platform, see :func:`for_platform`.

    With compiler options it cannot be called inside other transformations of jax.
    """

    def traced(*arguments: Any) -> Any:
        with for_platform(platform, kernels=kernels):
            return function(*arguments)

    return jax.jit(traced, compiler_options=compiler_options(platform) or None, **options)


@cache
def compiler_options(platform: str | None) -> dict[str, str]:
    """Return the options that a net is compiled with on a platform, none if this jaxlib does not know them."""
    if platform != CPU:
        return {}
    try:
        jax.jit(lambda: 0, compiler_options=_CPU_OPTIONS).lower().compile()
    except Exception:  # jaxlib names no class of errors for options that it does not know
        return {}
    return _CPU_OPTIONS
