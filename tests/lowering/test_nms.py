"""Greedy suppression against the loop over candidates that defines it."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxdnn.lowering.nms import best, first_true, iou, suppress
from jaxdnn.lowering.recipes import CPU, jit_for
from support.nms import reference_nms

FORMS = (jax.jit, partial(jit_for, CPU))
"""XLA's loop, and the kernel where there is a compiler."""


def random_boxes(rng, *shape):
    corners = rng.random((*shape, 2, 2)).astype(np.float32)
    return np.sort(corners, axis=-2).reshape(*shape, 4)


@st.composite
def cases(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    extent = draw(st.sampled_from([0.0, 1.0]))
    boxes = random_boxes(rng, draw(st.integers(1, 30))) * (10 if extent else 1)
    count = draw(st.integers(0, len(boxes)))
    options = {
        "threshold": draw(st.sampled_from([0.0, 0.1, 0.3, 0.75, 0.95])),
        "eta": draw(st.sampled_from([1.0, 0.9, 0.6])),
        "limit": draw(st.sampled_from([None, 1, 3])),
    }
    return boxes, count, extent, options


@given(cases())
def test_suppress(case):
    boxes, count, extent, options = case
    want = reference_nms(boxes[:count].astype(np.float64), extent=extent, **options)
    for compiled in FORMS:
        kept = compiled(partial(suppress, extent=extent, **options))(boxes, jnp.int32(count))
        assert np.flatnonzero(kept).tolist() == want


@pytest.mark.parametrize("compiled", FORMS)
def test_suppress_maps_over_images_and_classes(compiled):
    boxes = random_boxes(np.random.default_rng(0), 3, 4, 70)
    counts = jnp.array([[20, 0, 7, 1], [70, 70, 70, 3], [0, 0, 0, 0]])
    one = partial(suppress, threshold=0.2)
    kept = compiled(jax.vmap(jax.vmap(one)))(jnp.asarray(boxes), counts)
    shared = compiled(jax.vmap(jax.vmap(one, (None, 0))))(jnp.asarray(boxes[:, 0]), counts)
    for place in np.ndindex(3, 4):
        for masks, part in ((kept, boxes[place]), (shared, boxes[place[0], 0])):
            assert np.flatnonzero(masks[place]).tolist() == reference_nms(part[: counts[place]], 0.2)


@pytest.mark.parametrize("compiled", FORMS)
def test_overlap_equal_to_the_threshold_is_kept(compiled):
    boxes = jnp.array([[0.0, 0, 2, 1], [0, 0, 1, 1], [0, 0, 1.5, 1]])
    assert compiled(partial(suppress, threshold=0.5))(boxes, jnp.int32(3)).tolist() == [True, True, False]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_boxes_that_are_not_finite(value):
    """Whatever comes of them: the kernel's choice is that of the loop."""
    boxes = random_boxes(np.random.default_rng(1), 60)
    for row in range(0, 60, 7):
        boxes[row, row % 4] = value
    first, second = (compiled(partial(suppress, threshold=0.1))(boxes, jnp.int32(60)) for compiled in FORMS)
    assert first.tolist() == second.tolist()
    assert 5 < np.count_nonzero(first) < 60


def test_empty_and_inverted_boxes_overlap_nothing():
    boxes = jnp.array([[0.0, 0, 4, 4], [1, 1, 1, 3], [3, 3, 1, 1]])
    assert iou(boxes[0], boxes).tolist() == [1, 0, 0]


def test_pixels_have_an_extent():
    boxes = jnp.array([[0.0, 0, 1, 1], [1, 1, 2, 2]])
    assert iou(boxes[0], boxes).tolist() == [1, 0]
    assert np.allclose(iou(boxes[0], boxes, extent=1.0), [1, 1 / 7])


def test_best_takes_the_earlier_of_equal_scores():
    scores = jnp.array([0.5, 0.9, 0.5, 0.9, 0.1, 0.9])
    indices, count = best(scores, scores > 0.1, 6)
    assert indices[:5].tolist() == [1, 3, 5, 0, 2]
    assert count == 5
    indices, count = best(scores, scores > 0.1, 2)
    assert indices.tolist() == [1, 3]
    assert count == 2


def test_first_true():
    indices, count = first_true(jnp.array([False, True, False, True]), 3)
    assert indices[:2].tolist() == [1, 3]
    assert count == 2
