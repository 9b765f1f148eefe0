"""How detections become the next stage's boxes: arrays of a fixed size, in which some rows may be empty."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdnn.errors import ShapeError
from jaxdnn.layers.base import dims
from jaxdnn.layers.stages import DetectedBoxes, ProposalRows, ProposalScores
from jaxdnn.lowering.padded import Padded
from jaxdnn.lowering.registry import lowers


@lowers(ProposalRows, float32=True)
def proposal_rows(layer: ProposalRows, weights: Mapping[str, jax.Array], detections: jax.Array) -> jax.Array:
    """See :class:`~jaxdnn.layers.stages.ProposalRows`."""
    del layer, weights
    return _rows(detections)


@lowers(ProposalScores, float32=True)
def proposal_scores(
    layer: ProposalScores, weights: Mapping[str, jax.Array], scores: jax.Array, proposals: jax.Array
) -> jax.Array:
    """See :class:`~jaxdnn.layers.stages.ProposalScores`."""
    del weights
    rows = _rows(proposals)
    if scores.size != len(rows) * layer.classes:
        raise ShapeError(
            f"scores of {dims(scores.shape)} do not match {len(rows)} proposals of {layer.classes} classes"
        )
    proposed = rows[:, 1:2] >= 0
    return jnp.where(proposed, scores.reshape(-1, layer.classes), -jnp.inf).reshape(scores.shape)


@lowers(DetectedBoxes, float32=True)
def detected_boxes(
    layer: DetectedBoxes, weights: Mapping[str, jax.Array], detections: jax.Array, features: jax.Array
) -> tuple[Any, Any]:
    """See :class:`~jaxdnn.layers.stages.DetectedBoxes`."""
    del weights
    if features.shape[:1] != (1,):
        raise ShapeError(f"boxes are cut out of one image at a time, got features of {dims(features.shape)}")
    rows = _rows(detections)
    boxes, image = rows[:, np.array([4, 3, 6, 5])], jnp.zeros(len(rows), jnp.int32)
    if not layer.counted:
        return boxes, image
    count = jnp.sum(rows[:, 0] >= 0)
    return Padded(boxes, count, axis=0), Padded(image, count, axis=0)


def _rows(detections: jax.Array) -> jax.Array:
    if detections.shape[-1:] != (7,):
        raise ShapeError(f"detections must be rows of 7 values, got {dims(detections.shape)}")
    return detections.reshape(-1, 7)
