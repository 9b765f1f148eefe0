"""Greedy non-maximum suppression of a fixed size, which all detectors share.

The pieces are written for one image and one class; ``jax.vmap`` adds both.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxdnn.lowering import native
from jaxdnn.lowering.recipes.platforms import may_call_kernels

_MOST = 2**24
"""Boxes up to whose number float32 knows each number."""

Overlap = Callable[[jax.Array, jax.Array], jax.Array]


def iou(box: jax.Array, boxes: jax.Array, extent: float = 0.0) -> jax.Array:
    """Return the intersection over union of one box (4,) with each of several (n, 4).

    Boxes are corners x1, y1, x2, y2 (or y1, x1, y2, x2); one whose corners are the wrong way round is empty.

    Args:
        box: one box.
        boxes: the others.
        extent: added to width and height: 1 if coordinates are indices of pixels, both ends included.
    """

    def area(low: jax.Array, high: jax.Array) -> jax.Array:
        return jnp.prod(jnp.maximum(high - low + extent, 0), axis=-1)

    box = box.reshape(1, 4)
    intersection = area(jnp.maximum(box[:, :2], boxes[:, :2]), jnp.minimum(box[:, 2:], boxes[:, 2:]))
    union = area(box[:, :2], box[:, 2:]) + area(boxes[:, :2], boxes[:, 2:]) - intersection
    return jnp.where(intersection > 0, intersection / union, 0)


def best(scores: jax.Array, valid: jax.Array, limit: int) -> tuple[jax.Array, jax.Array]:
    """Return the indices of the best valid scores, best first and the earlier first among equals.

    Args:
        scores: (n,).
        valid: which of them count.
        limit: how many indices to return, at most n.

    Returns:
        indices (limit,), and how many of them are valid.
    """
    _, indices = lax.top_k(jnp.where(valid, scores, -jnp.inf), limit)
    return indices, jnp.minimum(jnp.sum(valid), limit)


def suppress(
    boxes: jax.Array,
    count: jax.Array,
    *,
    threshold: float,
    limit: int | None = None,
    eta: float = 1.0,
    extent: float = 0.0,
    overlap: Overlap | None = None,
) -> jax.Array:
    """Return which boxes greedy suppression keeps: those that overlap no box kept before too much.

    A kernel compares each box with those kept before. XLA's loop takes one step per box kept, not per candidate, and
    needs memory for one row of overlaps only: between two kept boxes the threshold does not change, so the next one is
    simply the first whose largest overlap so far is small enough.

    Args:
        boxes: (n, 4), best first.
        count: how many of them are valid.
        threshold: the largest tolerated overlap.
        limit: stop after so many; None: never.
        eta: while the threshold is above 0.5, each kept box multiplies it by this.
        extent: of :func:`iou`.
        overlap: of one box with several, instead of :func:`iou`.

    Returns:
        a mask (n,).
    """
    boxes = lax.stop_gradient(boxes)  # which boxes are kept has no gradient, and a while loop none in reverse
    size = len(boxes)
    limit = size if limit is None else limit
    if overlap is None:
        if may_call_kernels() and boxes.dtype == jnp.float32 and 0 < size < _MOST:
            return _suppress_by_kernel(boxes, count, limit, threshold=threshold, eta=eta, extent=extent)
        overlap = partial(iou, extent=extent)
    position = jnp.arange(size)
    State = tuple[jax.Array, jax.Array, jax.Array, jax.Array]

    def going(state: State) -> jax.Array:
        kept, _, _, candidate = state
        return (candidate < size) & (jnp.sum(kept) < limit)

    def keep(state: State) -> State:
        kept, largest, bound, candidate = state
        kept = kept | (position == candidate)
        largest = jnp.maximum(largest, overlap(boxes[candidate], boxes))
        bound = jnp.where(bound > 0.5, bound * eta, bound)
        eligible = (largest <= bound) & (position > candidate) & (position < count)
        return kept, largest, bound, jnp.min(jnp.where(eligible, position, size), initial=size)

    first = jnp.where(count > 0, 0, size)
    largest = jnp.full(size, -jnp.inf, boxes.dtype)
    start = (jnp.zeros(size, bool), largest, jnp.asarray(threshold, boxes.dtype), first)
    return lax.while_loop(going, keep, start)[0]


def _suppress_by_kernel(boxes: jax.Array, count: jax.Array, limit: int, **parameters: float) -> jax.Array:
    call = native.loaded().call("suppression", (len(boxes),), leading=True)
    attributes = {name: np.float32(value) for name, value in parameters.items()}
    return call(boxes, jnp.asarray(count, jnp.float32), limit=limit, **attributes)[0] > 0


def first_true(mask: jax.Array, limit: int) -> tuple[jax.Array, jax.Array]:
    """Return the indices of the first true elements of a mask (n,), and how many of the indices are valid."""
    return jnp.nonzero(mask, size=limit, fill_value=0)[0], jnp.minimum(jnp.sum(mask), limit)
