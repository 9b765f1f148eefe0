"""How losses and metrics compute: in float32, as scalars without axes."""

from __future__ import annotations

import math
from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np

from jaxdnn.errors import ShapeError
from jaxdnn.layers.base import dims, normalize_axis
from jaxdnn.layers.loss import (
    Accuracy,
    ContrastiveLoss,
    CrossEntropyLoss,
    EuclideanLoss,
    HingeLoss,
    InfogainLoss,
    NegativeLogLikelihood,
    SigmoidCrossEntropyLoss,
    SmoothL1Loss,
)
from jaxdnn.lowering.registry import lowers

Weights = Mapping[str, jax.Array]


def _like(x: jax.Array, other: jax.Array, what: str) -> jax.Array:
    """Return the other array in the shape of the prediction."""
    if other.size != x.size:
        raise ShapeError(f"the prediction is {dims(x.shape)}, the {what} {dims(other.shape)}")
    return other.reshape(x.shape)


def _positions(
    x: jax.Array, labels: jax.Array, axis: int, ignore_label: int | None
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Line up predictions with labels.

    Returns:
        the predictions (positions, classes); the labels (positions,), 0 where they do not count; whether
        each position counts.
    """
    axis = normalize_axis(axis, x.ndim)
    if labels.size * x.shape[axis] != x.size:
        raise ShapeError(
            f"{x.size // x.shape[axis]} labels expected for a prediction of {dims(x.shape)} with its classes "
            f"on axis {axis}, got {dims(labels.shape)}"
        )
    rows = jnp.moveaxis(x, axis, -1).reshape(-1, x.shape[axis])
    labels = labels.reshape(-1).astype(jnp.int32)
    counts = jnp.full(labels.shape, True) if ignore_label is None else labels != ignore_label
    return rows, jnp.where(counts, labels, 0), counts


def _normalize(losses: jax.Array, counts: jax.Array, normalization: str, batch: int) -> jax.Array:
    """Sum the losses that count and divide them as the layer demands."""
    divisors = {"full": losses.size, "valid": counts.sum(), "batch_size": batch, "none": 1}
    divisor = jnp.asarray(divisors[normalization], losses.dtype)
    return jnp.where(counts, losses, 0).sum() / jnp.maximum(divisor, 1)


@lowers(CrossEntropyLoss, float32=True)
def cross_entropy_loss(
    layer: CrossEntropyLoss, weights: Weights, x: jax.Array, labels: jax.Array
) -> jax.Array:
    """See :class:`~jaxdnn.layers.loss.CrossEntropyLoss`."""
    del weights
    rows, labels, counts = _positions(x, labels, layer.axis, layer.ignore_label)
    right = jnp.take_along_axis(rows, labels.reshape(-1, 1), axis=1)[:, 0]
    losses = -jnp.log(jnp.maximum(right, layer.floor))
    batch = math.prod(x.shape[: normalize_axis(layer.axis, x.ndim)])
    return _normalize(losses, counts, layer.normalization, batch)


@lowers(InfogainLoss, float32=True)
def infogain_loss(
    layer: InfogainLoss, weights: Weights, x: jax.Array, labels: jax.Array, gains: jax.Array
) -> jax.Array:
    """See :class:`~jaxdnn.layers.loss.InfogainLoss`."""
    del weights
    rows, labels, counts = _positions(x, labels, layer.axis, layer.ignore_label)
    classes = rows.shape[1]
    if gains.shape[-2:] != (classes, classes) or gains.size != classes * classes:
        raise ShapeError(f"the matrix of gains is {dims(gains.shape)}, {classes}x{classes} expected")
    gains = gains.reshape(classes, classes)
    losses = -(gains[labels] * jnp.log(jnp.maximum(rows, layer.floor))).sum(axis=1)
    batch = math.prod(x.shape[: normalize_axis(layer.axis, x.ndim)])
    return _normalize(losses, counts, layer.normalization, batch)


@lowers(SigmoidCrossEntropyLoss, float32=True)
def sigmoid_cross_entropy_loss(
    layer: SigmoidCrossEntropyLoss, weights: Weights, x: jax.Array, targets: jax.Array
) -> jax.Array:
    """``log(1 + exp(x)) - x*t`` with the exponential of a negative number."""
    del weights
    targets = _like(x, targets, "target")
    losses = jnp.maximum(x, 0) - x * targets + jnp.log1p(jnp.exp(-jnp.abs(x)))
    ignored = layer.ignore_label
    counts = jnp.full(x.shape, True) if ignored is None else targets.astype(jnp.int32) != ignored
    return _normalize(losses, counts, layer.normalization, x.shape[0])


@lowers(EuclideanLoss, float32=True)
def euclidean_loss(layer: EuclideanLoss, weights: Weights, a: jax.Array, b: jax.Array) -> jax.Array:
    """See :class:`~jaxdnn.layers.loss.EuclideanLoss`."""
    del layer, weights
    return jnp.square(a - _like(a, b, "target")).sum() / (2 * a.shape[0])


@lowers(HingeLoss, float32=True)
def hinge_loss(layer: HingeLoss, weights: Weights, x: jax.Array, labels: jax.Array) -> jax.Array:
    """See :class:`~jaxdnn.layers.loss.HingeLoss`."""
    del weights
    rows, labels, _ = _positions(x.reshape(x.shape[0], -1), labels, 1, None)
    right = jax.nn.one_hot(labels, rows.shape[1], dtype=bool)
    margins = jnp.maximum(1 + jnp.where(right, -rows, rows), 0)
    return (margins if layer.norm == 1 else jnp.square(margins)).sum() / len(rows)


@lowers(ContrastiveLoss, float32=True)
def contrastive_loss(
    layer: ContrastiveLoss, weights: Weights, a: jax.Array, b: jax.Array, similar: jax.Array
) -> jax.Array:
    """See :class:`~jaxdnn.layers.loss.ContrastiveLoss`."""
    del weights
    pairs = a.shape[0]
    if similar.size != pairs:
        raise ShapeError(f"{pairs} labels expected for {pairs} pairs, got {dims(similar.shape)}")
    squared = jnp.square(a - _like(a, b, "other half of the pairs")).reshape(pairs, -1).sum(axis=1)
    if layer.squared_margin:
        apart = jnp.maximum(layer.margin - squared, 0)
    else:
        # The root's slope at zero is infinite, and identical pairs must not make gradients NaN.
        distance = jnp.where(squared > 0, jnp.sqrt(jnp.where(squared > 0, squared, 1)), 0)
        apart = jnp.square(jnp.maximum(layer.margin - distance, 0))
    is_similar = similar.reshape(pairs).astype(jnp.int32) != 0
    return jnp.where(is_similar, squared, apart).sum() / (2 * pairs)


@lowers(SmoothL1Loss, float32=True)
def smooth_l1_loss(
    layer: SmoothL1Loss,
    weights: Weights,
    a: jax.Array,
    b: jax.Array,
    inside: jax.Array | None = None,
    outside: jax.Array | None = None,
) -> jax.Array:
    """See :class:`~jaxdnn.layers.loss.SmoothL1Loss`."""
    del weights
    difference = a - _like(a, b, "target")
    if inside is not None:
        difference = difference * _like(a, inside, "inside weight")
    distance, reach = jnp.abs(difference), 1 / layer.sigma**2
    losses = jnp.where(distance < reach, jnp.square(layer.sigma * difference) / 2, distance - reach / 2)
    if outside is not None:
        losses = losses * _like(a, outside, "outside weight")
    return losses.sum() / a.shape[0]


@lowers(Accuracy, float32=True)
def accuracy(
    layer: Accuracy, weights: Weights, x: jax.Array, labels: jax.Array
) -> jax.Array | tuple[jax.Array, jax.Array]:
    """Count the classes that rank before the right one."""
    del weights
    rows, labels, counts = _positions(x, labels, layer.axis, layer.ignore_label)
    classes = rows.shape[1]
    if layer.top_k > classes:
        raise ShapeError(f"top_k {layer.top_k} is larger than the number of classes, {classes}")
    column = labels.reshape(-1, 1)
    right = jnp.take_along_axis(rows, column, axis=1)
    index = jnp.arange(classes, dtype=jnp.int32).reshape(1, -1)
    before = (rows > right) | ((rows == right) & (index > column))
    hits = counts & (before.sum(axis=1) < layer.top_k)
    share = hits.sum().astype(x.dtype) / counts.sum().astype(x.dtype)
    if not layer.per_class:
        return share
    members = jax.nn.one_hot(labels, classes, dtype=x.dtype) * counts.astype(x.dtype).reshape(-1, 1)
    found = (members * hits.astype(x.dtype).reshape(-1, 1)).sum(axis=0)
    return share, found / jnp.maximum(members.sum(axis=0), 1)


@lowers(NegativeLogLikelihood, float32=True, indices=(1,))
def negative_log_likelihood(
    layer: NegativeLogLikelihood, weights: Weights, x: jax.Array, labels: jax.Array, *given: jax.Array
) -> jax.Array:
    """See :class:`~jaxdnn.layers.loss.NegativeLogLikelihood`."""
    del weights
    if x.ndim < 2 or labels.shape != x.shape[:1] + x.shape[2:]:
        raise ShapeError(f"labels of {dims(labels.shape)} do not fit {dims(x.shape)}")
    if given and given[0].shape != x.shape[1:2]:
        raise ShapeError(f"{dims(given[0].shape)} weights do not fit {x.shape[1]} classes")
    places = labels.astype(np.int32)
    counts = jnp.ones(labels.shape, bool) if layer.ignore_label is None else places != layer.ignore_label
    known = jnp.where(counts, places, 0)
    own = jnp.take_along_axis(x, known[:, None], 1, mode="fill")[:, 0]
    weight = jnp.take(given[0], known, mode="fill") if given else jnp.ones_like(own)
    weight = jnp.where(counts, weight, 0)
    y = jnp.where(counts, -own * weight, 0)
    if layer.reduction == "none":
        return y
    return jnp.sum(y) / jnp.sum(weight) if layer.reduction == "mean" else jnp.sum(y)
