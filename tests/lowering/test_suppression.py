"""Non-maximum suppression, against a queue in plain Python that works as TensorFlow's."""

import heapq
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxdnn import ShapeError
from jaxdnn.layers.suppression import BatchedSuppression, ClassSuppression, NonMaxSuppression
from support.layer import assert_close, run


def overlap(a, b):
    (top, left), (bottom, right) = np.minimum(a[:2], a[2:]), np.maximum(a[:2], a[2:])
    (top2, left2), (bottom2, right2) = np.minimum(b[:2], b[2:]), np.maximum(b[:2], b[2:])
    common = max(min(bottom, bottom2) - max(top, top2), 0) * max(min(right, right2) - max(left, left2), 0)
    union = (bottom - top) * (right - left) + (bottom2 - top2) * (right2 - left2) - common
    return common / union if common > 0 else 0


def suppressed(boxes, scores, layer):
    """Scores fall lazily: a box is weighed against those kept since it was last looked at."""
    queue = [(-float(s), i, 0) for i, s in enumerate(scores) if s > layer.score_threshold]
    heapq.heapify(queue)
    kept = []
    while queue and len(kept) < layer.count:
        score, index, begin = heapq.heappop(queue)
        now, dropped = -score, False
        for other, _ in kept[begin:]:
            u = overlap(boxes[index], boxes[other])
            if layer.sigma > 0:
                now *= math.exp(-u * u / (2 * layer.sigma))
            dropped |= layer.sigma == 0 and u > layer.overlap_threshold
        if dropped:
            continue
        if now == -score:
            kept.append((index, now))
        elif now > layer.score_threshold:
            heapq.heappush(queue, (-now, index, len(kept)))
    return kept


def drawn(seed, number):
    rng = np.random.default_rng(seed)
    return rng.uniform(0, 1, (number, 4)).astype(np.float32), rng.uniform(0, 1, number).astype(np.float32)


@settings(max_examples=20)
@given(
    seed=st.integers(0, 1000),
    number=st.integers(0, 12),
    count=st.integers(0, 8),
    overlap_threshold=st.sampled_from((0.0, 0.3, 0.5, 1.0)),
    score_threshold=st.sampled_from((-math.inf, 0.2, 0.6)),
    sigma=st.sampled_from((0.0, 0.5)),
    pad=st.booleans(),
)
def test_non_max_suppression(seed, number, pad, **attributes):
    boxes, scores = drawn(seed, number)
    layer = NonMaxSuppression(pad=pad, **attributes)
    indices, kept, count = run(layer, boxes, scores, outputs=3)
    want = suppressed(boxes, scores, layer)
    assert count == len(want)
    assert len(indices) == len(kept) == (layer.count if pad else count)
    np.testing.assert_array_equal(indices[:count], [index for index, _ in want])
    assert_close(kept[:count], np.array([score for _, score in want], np.float32))
    assert not indices[count:].any()
    assert not kept[count:].any()


def test_of_equal_scores_the_first_is_kept():
    boxes, scores = np.float32([[1, 1, 0, 0], [0, 0, 1, 1], [2, 2, 3, 3]]), np.float32([0.5, 0.5, 0.9])
    indices, _, _ = run(NonMaxSuppression(count=3), boxes, scores, outputs=3)
    np.testing.assert_array_equal(indices, [2, 0])


@pytest.mark.parametrize("shared", ["axis", "none", False])
@pytest.mark.parametrize("pad_per_class", [False, True])
@pytest.mark.parametrize("count", [2, 5, 50])
def test_batched_suppression(shared, pad_per_class, count):
    rng = np.random.default_rng(count)
    boxes = rng.uniform(-0.2, 1.2, (2, 9, 1 if shared else 3, 4)).astype(np.float32)
    scores = rng.uniform(0, 1, (2, 9, 3)).astype(np.float32)
    layer = BatchedSuppression(
        class_count=4, count=count, overlap_threshold=0.2, score_threshold=0.3, pad_per_class=pad_per_class
    )
    got = run(layer, boxes[:, :, 0] if shared == "none" else boxes, scores, outputs=4)
    size = min(count, 12) if pad_per_class else count
    one = NonMaxSuppression(count=4, overlap_threshold=0.2, score_threshold=0.3)
    for image in range(2):
        found = []
        for label in range(3):
            of_class = boxes[image, :, 0 if shared else label]
            kept = suppressed(of_class, scores[image, :, label], one)
            found += [(score, label, of_class[index]) for index, score in kept]
        found = sorted(found, key=lambda row: -row[0])[:size]
        n = len(found)
        assert got[3][image] == n
        want = [np.zeros((size, 4)), np.zeros(size), np.zeros(size)]
        for row, (score, label, box) in enumerate(found):
            want[0][row], want[1][row], want[2][row] = np.clip(box, 0, 1), score, label
        for array, other in zip(got[:3], want, strict=True):
            assert_close(array[image], other)


def test_what_does_not_fit():
    boxes, scores = drawn(0, 3)
    with pytest.raises(ShapeError, match="boxes 3x4 and scores 2 do not fit"):
        run(NonMaxSuppression(count=1), boxes, scores[:2], outputs=3)
    with pytest.raises(ShapeError, match="boxes 1x1x3x4 and scores 1x3 do not fit"):
        run(BatchedSuppression(class_count=1, count=1), boxes[None, None], scores[None], outputs=4)


@pytest.mark.parametrize("centers", [False, True])
def test_class_suppression(centers):
    rng = np.random.default_rng(4)
    corners = rng.uniform(0, 5, (2, 9, 2))
    boxes = np.concatenate([corners, corners + rng.uniform(1, 3, (2, 9, 2))], -1).astype(np.float32)
    scores = rng.uniform(0, 1, (2, 3, 9)).astype(np.float32)
    options = {"count": 4, "overlap_threshold": 0.3, "score_threshold": 0.4}
    want = []
    for image in range(2):
        for number in range(3):
            kept = run(NonMaxSuppression(**options), boxes[image], scores[image, number], outputs=3)[0]
            want += [[image, number, index] for index in kept]
    if centers:
        low, high = boxes[..., :2], boxes[..., 2:]
        boxes = np.concatenate([(low + high) / 2, high - low], -1)
    np.testing.assert_array_equal(run(ClassSuppression(**options, centers=centers), boxes, scores), want)
    assert run(ClassSuppression(count=0), boxes, scores).shape == (0, 3)
    with pytest.raises(ShapeError, match="boxes 2x9x4 and scores 2x3x8 do not fit"):
        run(ClassSuppression(count=1), boxes, scores[..., 1:])
