"""A batch in chunks that are computed side by side.

Between two operations of a network cores wait for each other; another chunk's operations fill these times. What a
smaller batch computes in between also stays in the cores' caches.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp

from jaxdnn.ir import Params
from jaxdnn.lowering import Program
from jaxdnn.lowering.parts import compute


def compute_batch(
    program: Program, params: Params, feeds: Mapping[str, Any], names: tuple[str, ...]
) -> dict[str, Any]:
    """Compute outputs like :func:`~jaxdnn.lowering.parts.compute`, in as many chunks as the program was tuned to."""
    return in_chunks(lambda part: compute(program, params, part, names), feeds, chunks_of(program, feeds))


def in_chunks(
    function: Callable[[Mapping[str, Any]], dict[str, Any]], feeds: Mapping[str, Any], count: int
) -> dict[str, Any]:
    """Compute a function of inputs in so many equal chunks of their rows, side by side."""
    if count == 1:
        return function(feeds)
    results = list(_pool().map(function, (chunk(feeds, index, count) for index in range(count))))
    return {name: jnp.concatenate([result[name] for result in results]) for name in results[0]}


def chunk(feeds: Mapping[str, Any], index: int, count: int) -> dict[str, Any]:
    """Return one of several equal chunks of the rows of inputs; all of them if there is one."""
    if count == 1:
        return dict(feeds)
    rows = batch_of(feeds) // count
    return {name: array[rows * index : rows * (index + 1)] for name, array in feeds.items()}


def batch_of(feeds: Mapping[str, Any]) -> int:
    """Return the number of rows that all inputs have, 0 if they differ or are no arrays."""
    shapes = [getattr(each, "shape", ()) for each in feeds.values()]
    sizes = {shape[0] if shape else 0 for shape in shapes}
    return sizes.pop() if len(sizes) == 1 else 0


def chunks_of(program: Program, feeds: Mapping[str, Any]) -> int:
    """Return in how many chunks a program was tuned to compute a batch of this size."""
    found = program.policy.tuning.chunks
    if not found:
        return 1
    traced = any(isinstance(each, jax.core.Tracer) for each in feeds.values())
    # These may be set for the calling thread alone, of which others know nothing.
    special = any(getattr(jax.config, name) for name in ("jax_enable_x64", "jax_default_device"))
    return 1 if traced or special else dict(found).get(batch_of(feeds), 1)


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="jaxdnn")
