"""How label sequences are decoded: all samples at once, elements moved to the front by a sort."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jax import lax

from jaxdnn.errors import ShapeError
from jaxdnn.layers.base import dims, normalize_axis
from jaxdnn.layers.decoding import CtcBeamDecode, CtcGreedyDecode, DenseRows, SparseRows
from jaxdnn.lowering.nms import first_true
from jaxdnn.lowering.padded import Padded
from jaxdnn.lowering.registry import lowers

Weights = Mapping[str, jax.Array]


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class _Beam:
    """Sequences, the likeliest first; one that is none has the probability zero.

    Attributes:
        labels: (width, steps), -1 behind the end.
        sizes: how many labels each has.
        blank, label: logarithms of the probabilities of its paths that end with a blank and with its last label.
    """

    labels: jax.Array
    sizes: jax.Array
    blank: jax.Array
    label: jax.Array

    @property
    def total(self) -> jax.Array:
        """Logarithms of the probabilities."""
        return jnp.logaddexp(self.blank, self.label)

    def last(self) -> jax.Array:
        """Return the last label of each, -1 if there is none."""
        places = jnp.maximum(self.sizes - 1, 0)
        return jnp.take_along_axis(self.labels, places[:, None], axis=1)[:, 0]

    def parents(self) -> tuple[jax.Array, jax.Array]:
        """Return the number of the sequence without the last label, and whether there is one."""
        places = jnp.arange(self.labels.shape[1], dtype=jnp.int32)[None]
        shorter = jnp.where(places == self.sizes[:, None] - 1, -1, self.labels)
        same = jnp.all(shorter[:, None] == self.labels[None], axis=2) & (self.sizes > 0)[:, None]
        alive = self.total > -jnp.inf
        same &= alive[:, None] & alive[None]
        return jnp.argmax(same, axis=1).astype(jnp.int32), jnp.any(same, axis=1)


def _advance(beam: _Beam, scores: jax.Array) -> _Beam:
    """Return the beam after a step with these logarithms of probabilities."""
    width, steps = beam.labels.shape
    total, last = beam.total, beam.last()
    parent, found = beam.parents()
    before = jnp.where(last == last[parent], beam.blank[parent], total[parent])
    stays = jnp.logaddexp(beam.label, jnp.where(found, before, -jnp.inf)) + scores[last]
    label = jnp.where(beam.sizes > 0, stays, -jnp.inf)
    blank = total + scores[-1]
    new = jnp.arange(len(scores) - 1, dtype=jnp.int32)[None]
    longer = jnp.where(new == last[:, None], beam.blank[:, None], total[:, None]) + scores[None, :-1]
    # What is in the beam already got this probability above.
    longer = longer.at[jnp.where(found, parent, width), last].set(-jnp.inf, mode="drop")
    _, best = lax.top_k(jnp.concatenate([jnp.logaddexp(blank, label), longer.ravel()]), width)
    kept = best < width
    place = jnp.maximum(best - width, 0)
    source = jnp.where(kept, best, place // max(new.size, 1))
    added = jnp.where(kept, -1, place % max(new.size, 1)).astype(jnp.int32)
    at_end = jnp.arange(steps, dtype=jnp.int32)[None] == beam.sizes[source][:, None]
    return _Beam(
        jnp.where(at_end, added[:, None], beam.labels[source]),
        beam.sizes[source] + (~kept).astype(jnp.int32),
        jnp.where(kept, blank[source], -jnp.inf),
        jnp.where(kept, label[source], jnp.concatenate([longer.ravel(), label])[place]),
    )


@lowers(CtcBeamDecode, float32=True)
def ctc_beam_decode(
    layer: CtcBeamDecode, weights: Weights, scores: jax.Array, lengths: jax.Array
) -> tuple[jax.Array, ...]:
    """See :class:`~jaxdnn.layers.decoding.CtcBeamDecode`."""
    del weights
    steps, batch = _require_steps(scores, lengths)
    logarithms = jax.nn.log_softmax(scores, axis=2)
    inside = jnp.arange(steps, dtype=jnp.int32)[:, None] < lengths.astype(jnp.int32)[None]
    nothing = jnp.full((batch, layer.width), -jnp.inf, scores.dtype)
    start = _Beam(
        jnp.full((batch, layer.width, steps), -1, jnp.int32),
        jnp.zeros((batch, layer.width), jnp.int32),
        nothing.at[:, 0].set(0),
        nothing,
    )

    def step(beam: _Beam, given: tuple[jax.Array, jax.Array]) -> tuple[_Beam, None]:
        after = jax.vmap(_advance)(beam, given[0])

        def choose(new: jax.Array, old: jax.Array) -> jax.Array:
            return jnp.where(given[1].reshape((-1,) + (1,) * (new.ndim - 1)), new, old)

        return jax.tree.map(choose, after, beam), None

    beam, _ = lax.scan(step, start, (logarithms, inside))
    results: list[jax.Array] = []
    for path in range(layer.paths):
        results += _gathered(beam.labels[:, path], layer.merge_repeated)
    return (*results, beam.total[:, : layer.paths])


def _gathered(labels: jax.Array, merge_repeated: bool) -> tuple[jax.Array, jax.Array]:
    """Return labels (batch, steps), -1 behind the end, without repetitions if they are to go, and their numbers."""
    kept = labels >= 0
    if merge_repeated:
        kept = kept.at[:, 1:].set(kept[:, 1:] & (labels[:, 1:] != labels[:, :-1]))
    order = jnp.argsort(~kept, axis=1, stable=True)
    found = jnp.take_along_axis(jnp.where(kept, labels, -1), order, axis=1)
    return found, jnp.sum(kept, axis=1).astype(jnp.int32)


def _require_steps(scores: jax.Array, lengths: jax.Array) -> tuple[int, int]:
    if scores.ndim != 3 or lengths.shape != scores.shape[1:2]:
        raise ShapeError(f"scores {dims(scores.shape)} and lengths {dims(lengths.shape)} do not fit")
    return scores.shape[0], scores.shape[1]


@lowers(CtcGreedyDecode, float32=True)
def ctc_greedy_decode(
    layer: CtcGreedyDecode, weights: Weights, scores: jax.Array, lengths: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """See :class:`~jaxdnn.layers.decoding.CtcGreedyDecode`."""
    del weights
    steps, _ = _require_steps(scores, lengths)
    labels = scores.shape[2]
    blank = normalize_axis(layer.blank, labels, "blank")
    inside = jnp.arange(steps).reshape(1, -1) < lengths.reshape(-1, 1)
    best = jnp.argmax(scores, axis=2).T.astype(jnp.int32)
    total = jnp.sum(jnp.where(inside, jnp.max(scores, axis=2).T, 0), axis=1, keepdims=True)
    kept = inside & (best != blank)
    if layer.merge_repeated and steps:
        kept = kept.at[:, 1:].set(kept[:, 1:] & (best[:, 1:] != best[:, :-1]))
    order = jnp.argsort(~kept, axis=1, stable=True)
    found = jnp.take_along_axis(jnp.where(kept, best, -1), order, axis=1)
    return found, jnp.sum(kept, axis=1).astype(jnp.int32), -total


def _require_rows(values: jax.Array, lengths: jax.Array) -> jax.Array:
    """Return which elements lie in their rows."""
    if values.ndim != 2 or lengths.shape != values.shape[:1]:
        raise ShapeError(f"values {dims(values.shape)} and lengths {dims(lengths.shape)} do not fit")
    return jnp.arange(values.shape[1]).reshape(1, -1) < lengths.reshape(-1, 1)


@lowers(SparseRows)
def sparse_rows(
    layer: SparseRows, weights: Weights, values: jax.Array, lengths: jax.Array
) -> tuple[Padded, Padded, jax.Array]:
    """See :class:`~jaxdnn.layers.decoding.SparseRows`."""
    del layer, weights
    inside = _require_rows(values, lengths)
    places, count = first_true(inside.ravel(), values.size)
    columns = values.shape[1]
    pairs = jnp.stack([places // max(columns, 1), places % max(columns, 1)], axis=1).astype(jnp.int32)
    shape = jnp.stack([jnp.int32(len(values)), jnp.max(lengths, initial=0).astype(jnp.int32)])
    return Padded(pairs, count, axis=0), Padded(values.ravel()[places], count, axis=0), shape


@lowers(DenseRows)
def dense_rows(
    layer: DenseRows, weights: Weights, values: jax.Array, lengths: jax.Array, rest: jax.Array
) -> Padded:
    """See :class:`~jaxdnn.layers.decoding.DenseRows`."""
    del layer, weights
    dense = jnp.where(_require_rows(values, lengths), values, rest.reshape(1, 1).astype(values.dtype))
    return Padded(dense, jnp.max(lengths, initial=0).astype(jnp.int32), axis=1)
