"""Filling up a batch to a size that a program was compiled for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from jaxdnn.net import Net


def can_be_filled(
    net: Net, shapes: Sequence[Mapping[str, tuple[int, ...]]], outputs: tuple[str, ...]
) -> bool:
    """Whether a net computes each row of its outputs from the same row of its inputs.

    The number of rows must be the batch for each size of it. That rows do not depend on later ones is tried out with
    the largest batch: what is computed of the first row must not change by one bit when all others change, and what is
    computed of all others not when the last one does.

    Args:
        net: whose outputs' sizes do not depend on data.
        shapes: of its inputs, for each size of the batch; the last one is the largest.
        outputs: their names.
    """
    types = {value.name: value.dtype for value in net.graph.inputs}
    if not all(_same_rows(net, each, types, outputs) for each in shapes):
        return False
    random = np.random.default_rng(0)
    feeds = {name: random.uniform(0, 2, shape).astype(types[name]) for name, shape in shapes[-1].items()}
    rows = len(next(iter(feeds.values())))
    before = net(feeds, outputs=outputs)
    for kept in (1, rows - 1):
        after = net({name: _changed(x, kept) for name, x in feeds.items()}, outputs=outputs)
        for name, array in before.items():
            nan = array.dtype.kind not in "iub"
            if not np.array_equal(array[:kept], after[name][:kept], equal_nan=nan):
                return False
    return True


def _same_rows(
    net: Net, shapes: Mapping[str, tuple[int, ...]], types: Mapping[str, str], outputs: tuple[str, ...]
) -> bool:
    """Whether inputs and outputs have one number of rows."""
    inputs = {n: jax.ShapeDtypeStruct(s, types[n]) for n, s in shapes.items()}  # type: ignore[no-untyped-call]
    results = jax.eval_shape(lambda feeds: net.apply(net.params, feeds, outputs=outputs), inputs)
    return len({each.shape[:1] for each in (*inputs.values(), *results.values())} | {()}) == 2


def _changed(array: np.ndarray, kept: int) -> np.ndarray:
    """Return an array in which all rows but the first ones are others."""
    others = 2 - array[kept:].astype(np.float64)
    return np.concatenate([array[:kept], others.astype(array.dtype)])


def filled(feeds: Mapping[str, Any], batches: tuple[int, ...]) -> tuple[dict[str, Any], int | None]:
    """Repeat the last rows of inputs so that there are as many as the next larger size of a batch.

    Returns:
        the inputs, and how many rows of the outputs count; None if nothing is filled up.
    """
    sizes = {array.shape[0] if array.ndim else 0 for array in feeds.values()}
    count = sizes.pop() if len(sizes) == 1 else 0
    target = min((batch for batch in batches if batch >= count), default=0)
    if not 0 < count < target:
        return dict(feeds), None
    rows = np.minimum(np.arange(target), count - 1)
    return {name: array[rows] for name, array in feeds.items()}, count
