"""Objects from YOLO rows, against Darknet's loops written in numpy and against OpenCV's suppression."""

from functools import partial

import cv2
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import jaxdnn
from jaxdnn import InputError
from support.nms import overlap


def random_rows(rng, *shape, classes, count=None):
    """Rows of boxes that overlap often; scores that are all different, and 0 behind the first ``count`` rows."""
    centre, size = rng.uniform(0.3, 0.7, (*shape, 2)), rng.uniform(0.1, 0.5, (*shape, 2))
    rest = rng.random((*shape, 1 + classes))
    if count is not None:
        rest[..., count:, :] = 0
    return np.concatenate([centre, size, rest], axis=-1).astype(np.float32)


def corners(rows):
    rows = rows.astype(np.float64)
    return np.concatenate([rows[:, :2] - rows[:, 2:4] / 2, rows[:, :2] + rows[:, 2:4] / 2], axis=1)


def penalised(a, b, power):
    """Overlap minus a power of the centres' squared distance over the enclosing box's squared diagonal."""
    if power is None:
        return overlap(a, b)
    width, height = (max(a[i + 2], b[i + 2]) - min(a[i], b[i]) for i in range(2))
    x, y = ((a[i] + a[i + 2] - b[i] - b[i + 2]) / 2 for i in range(2))
    return overlap(a, b) - ((x * x + y * y) / (width * width + height * height)) ** power


def darknet_detections(rows, score_threshold, iou_threshold, power=None):
    """Darknet's own procedure for one picture: (score, box index, class), the most certain first."""
    boxes, scores = corners(rows), np.where(rows[:, 5:] > np.float32(score_threshold), rows[:, 5:], 0)
    for label in range(scores.shape[1]):
        order = np.argsort(-scores[:, label], kind="stable")
        for position, i in enumerate(order):
            for j in order[position + 1 :]:
                if scores[i, label] and penalised(boxes[i], boxes[j], power) > iou_threshold:
                    scores[j, label] = 0
    return sorted(((scores[i, k], i, k) for i, k in np.argwhere(scores)), key=lambda found: -found[0])


def assert_found(found, index, rows, want):
    boxes, scores, classes = found.of(index)
    np.testing.assert_array_equal(scores, [score for score, _, _ in want])
    np.testing.assert_array_equal(classes, [label for _, _, label in want])
    np.testing.assert_allclose(boxes, corners(rows)[[i for _, i, _ in want]].reshape(-1, 4), atol=1e-6)


@given(
    st.integers(0, 2**16),
    st.integers(0, 12),
    st.sampled_from([0.0, 0.25, 0.6]),
    st.sampled_from([0.05, 0.3, 0.45]),
    st.sampled_from([None, 0.6, 1.0]),
)
def test_darknets_suppression(seed, number, score_threshold, iou_threshold, power):
    rows = random_rows(np.random.default_rng(seed), 2, 12, classes=3, count=number)
    found = jaxdnn.detections(
        rows,
        score_threshold=score_threshold,
        iou_threshold=iou_threshold,
        distance_power=power,
        max_detections=40,
    )
    assert found.boxes.shape == (2, 40, 4)
    for index, part in enumerate(rows):
        want = darknet_detections(part, score_threshold, iou_threshold, power)
        assert found.count[index] == len(want)
        assert_found(found, index, part, want)


@given(st.integers(0, 2**16), st.integers(1, 12), st.booleans())
def test_opencvs_suppression(seed, number, per_class):
    rows = random_rows(np.random.default_rng(seed), 12, classes=3, count=number)
    labels, boxes = rows[:, 5:].argmax(axis=1), corners(rows)
    if per_class:
        # What OpenCV's DetectionModel does: every box has its best class alone.
        others = np.arange(3) != labels.reshape(-1, 1)
        rows[:, 5:][others] = 0
    scores = rows[:, 5:].max(axis=1)
    arguments = np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1), scores
    if per_class:
        kept = cv2.dnn.NMSBoxesBatched(*arguments, labels, 0.3, 0.4)
    else:
        kept = cv2.dnn.NMSBoxes(*arguments, 0.3, 0.4)
    want = sorted(((scores[i], i, labels[i]) for i in kept), key=lambda found: -found[0])
    found = jaxdnn.detections(rows[None], score_threshold=0.3, iou_threshold=0.4, per_class=per_class)
    assert_found(found, 0, rows, want)


def test_what_is_not_valid():
    rows = np.array([[[0.5, 0.5, 0.2, 0.4, 0.9, 0.8, 0.1]]], np.float32)
    found = jaxdnn.detections(rows, max_detections=2)
    np.testing.assert_allclose(found.boxes, [[[0.4, 0.3, 0.6, 0.7], [0, 0, 0, 0]]], atol=1e-6)
    np.testing.assert_allclose(found.scores, [[0.8, 0]])
    assert found.classes.tolist() == [[0, -1]]
    assert found.count.tolist() == [1]


def test_a_score_equal_to_the_threshold_is_not_enough():
    rows = np.array([[[0.5, 0.5, 0.2, 0.4, 0.9, 0.5]]], np.float32)
    assert jaxdnn.detections(rows, score_threshold=0.5).count.tolist() == [0]
    assert jaxdnn.detections(rows, score_threshold=0.49).count.tolist() == [1]


def test_numbers_that_are_none_are_no_objects():
    rows = np.full((1, 3, 7), np.nan, np.float32)
    assert jaxdnn.detections(rows).count.tolist() == [0]
    assert jaxdnn.detections(rows, per_class=False).count.tolist() == [0]


def test_boxes_without_extent():
    rows = np.array([[[0.5, 0.5, 0, 0, 1, 0.9], [0.5, 0.5, 0, 0, 1, 0.8]]], np.float32)
    assert jaxdnn.detections(rows, distance_power=0.6).count.tolist() == [2]


def test_a_box_may_be_of_several_classes():
    rows = np.array([[[0.5, 0.5, 0.2, 0.4, 0.9, 0.5, 0.8]]], np.float32)
    assert jaxdnn.detections(rows).of(0)[2].tolist() == [1, 0]
    assert jaxdnn.detections(rows, per_class=False).of(0)[2].tolist() == [1]


@pytest.mark.parametrize("per_class", [True, False])
def test_chosen_classes(per_class):
    rows = random_rows(np.random.default_rng(0), 1, 9, classes=5)
    rest = rows.copy()
    rest[..., [5, 6, 8]] = 0
    options = {"per_class": per_class, "score_threshold": 0.1}
    found = jaxdnn.detections(rows, classes={4, 2}, **options)
    jax.tree.map(np.testing.assert_array_equal, found, jaxdnn.detections(rest, **options))
    assert set(found.of(0)[2]) == {2, 4}


def test_several_heads_are_taken_together():
    rng = np.random.default_rng(0)
    heads = {f"yolo_{n}": random_rows(rng, 2, n, classes=3) for n in (4, 9)}
    joined = jaxdnn.detections(np.concatenate(list(heads.values()), axis=1))
    jax.tree.map(np.testing.assert_array_equal, jaxdnn.detections(heads), joined)


def test_limits_keep_the_most_certain():
    rows = random_rows(np.random.default_rng(0), 1, 30, classes=4)
    every = jaxdnn.detections(rows, iou_threshold=0.3)
    few = jaxdnn.detections(rows, iou_threshold=0.3, max_detections=5)
    assert few.count.tolist() == [5]
    np.testing.assert_array_equal(few.of(0)[0], every.of(0)[0][:5])
    best = jaxdnn.detections(rows, iou_threshold=1.0, candidates=5)
    np.testing.assert_array_equal(best.of(0)[1], np.sort(rows[0, :, 5:].ravel())[: -5 - 1 : -1])


def test_inside_jit_and_of_half_precision():
    rows = jnp.asarray(random_rows(np.random.default_rng(0), 2, 9, classes=3))
    jax.tree.map(np.testing.assert_array_equal, jax.jit(jaxdnn.detections)(rows), jaxdnn.detections(rows))
    thresholds = jax.jit(lambda t: jaxdnn.detections(rows, score_threshold=t))
    assert int(thresholds(0.0).count.sum()) > int(thresholds(0.8).count.sum())
    found = jaxdnn.detections(rows.astype("bfloat16"))
    assert found.boxes.dtype == "float32"


def test_scores_have_a_gradient():
    rows = jnp.asarray(random_rows(np.random.default_rng(0), 1, 9, classes=3))
    gradient = jax.grad(lambda rows: jnp.sum(jaxdnn.detections(rows).scores))(rows)
    assert float(gradient.sum()) == int(jaxdnn.detections(rows).count.sum())


ROWS = np.zeros((1, 3, 7), np.float32)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (partial(jaxdnn.detections, ROWS[0]), r"batch x boxes x \(5 \+ classes\), 'rows' is 3x7"),
        (partial(jaxdnn.detections, {"yolo_3": ROWS[..., :5]}), "'yolo_3' is 1x3x5"),
        (partial(jaxdnn.detections, ROWS[:, :0]), "'rows' is 1x0x7"),
        (partial(jaxdnn.detections, {"a": ROWS, "b": ROWS[..., :6]}), "together: 1x3x7 and 1x3x6"),
        (partial(jaxdnn.detections, {}), "no rows"),
        (partial(jaxdnn.detections, ROWS, classes=[0, 2]), r"some of 0 to 1, got \[0, 2\]"),
        (partial(jaxdnn.detections, ROWS, classes=[]), r"some of 0 to 1, got \[\]"),
        (partial(jaxdnn.detections, ROWS, max_detections=0), "at least 1, got 0 and 4096"),
    ],
)
def test_errors(call, message):
    with pytest.raises(InputError, match=message):
        call()
