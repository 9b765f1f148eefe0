"""Detectors against loops written from their definitions."""

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxdnn import LayerError, ShapeError
from jaxdnn.layers.detection import BestClassOutput, DetectionOutput, PriorBox, Proposal
from support.layer import assert_close, net_of, run
from support.nms import reference_nms


def planes(*shape):
    return np.zeros(shape, np.float32)


@given(st.data())
def test_prior_box(data):
    rows, columns = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 4))
    sizes = tuple(
        data.draw(st.lists(st.tuples(st.integers(1, 60), st.integers(1, 60)), min_size=1, max_size=4))
    )
    step = data.draw(st.sampled_from([None, (7.0, 11.5)]))
    image = data.draw(st.sampled_from([None, (40.0, 90.0)]))
    offset = data.draw(st.sampled_from([0.5, 0.0, 0.25]))
    clip = data.draw(st.booleans())
    layer = PriorBox(sizes=sizes, variance=(1, 2, 3, 4), step=step, image=image, offset=offset, clip=clip)
    width, height = image or (64, 48)
    want = []
    for i in range(rows):
        for j in range(columns):
            x = (j + offset) * (step[0] if step else width / columns)
            y = (i + offset) * (step[1] if step else height / rows)
            for w, h in sizes:
                want += [(x - w / 2) / width, (y - h / 2) / height, (x + w / 2) / width, (y + h / 2) / height]
    want = np.clip(want, 0, 1) if clip else np.array(want)
    got = run(layer, planes(2, 3, rows, columns), planes(2, 3, 48, 64))
    assert_close(got, np.stack([want, np.tile([1, 2, 3, 4], len(want) // 4)])[None])


def test_prior_boxes_are_constants_of_the_program():
    net = net_of(PriorBox(sizes=((4, 4),)), planes(1, 1, 2, 2), planes(1, 3, 8, 8))
    boxes = []
    jax.eval_shape(
        lambda x: boxes.append(net.apply({}, x)["y0"]), {"x0": planes(1, 1, 2, 2), "x1": planes(1, 3, 8, 8)}
    )
    assert isinstance(boxes[0], np.ndarray)
    assert boxes[0].dtype == np.float32


def reference_boxes(layer, location, prior, label):
    """One image's boxes of a class, before they are clipped."""
    priors = prior[0].reshape(-1, 4)
    variance = np.ones_like(priors) if layer.variance_in_target else prior[1].reshape(-1, 4)
    boxes = []
    for (x1, y1, x2, y2), v, deltas in zip(
        priors, variance, location.reshape(len(priors), -1, 4), strict=True
    ):
        d = v * deltas[0 if layer.share_location else label]
        w, h = x2 - x1, y2 - y1
        if layer.code == "corner":
            box = [x1 + d[0], y1 + d[1], x2 + d[2], y2 + d[3]]
        elif layer.code == "corner_size":
            box = [x1 + d[0] * w, y1 + d[1] * h, x2 + d[2] * w, y2 + d[3] * h]
        else:
            x, y = d[0] * w + (x1 + x2) / 2, d[1] * h + (y1 + y2) / 2
            w, h = np.exp(d[2]) * w, np.exp(d[3]) * h
            box = [x - w / 2, y - h / 2, x + w / 2, y + h / 2]
        boxes.append(box)
    return np.array(boxes)


def reference_detections(layer, location, confidence, prior):
    """One image's detections: rows of class, score and box."""
    priors = prior[0].reshape(-1, 4)
    confidence = confidence.reshape(len(priors), -1)
    rows = []
    for label in range(layer.classes):
        if label == layer.background:
            continue
        boxes = reference_boxes(layer, location, prior, label)
        boxes = np.clip(boxes, 0, 1) if layer.clip else boxes
        scores = confidence[:, label]
        order = [i for i in np.argsort(-scores, kind="stable") if scores[i] > layer.confidence_threshold]
        order = order[: layer.top_k]
        kept = reference_nms([boxes[i] for i in order], layer.nms_threshold, layer.eta)
        rows += [[label, scores[order[k]], *boxes[order[k]]] for k in kept]
    if layer.keep_top_k is not None and len(rows) > layer.keep_top_k:
        best = sorted(range(len(rows)), key=lambda i: -rows[i][1])[: layer.keep_top_k]
        rows = [rows[i] for i in sorted(best)]
    return rows


def detector_inputs(rng, batch, priors, classes, boxes_per_prior, ties=False):
    centre, size = rng.random((priors, 2)), rng.random((priors, 2)) * 0.4 + 0.1
    boxes = np.concatenate([centre - size / 2, centre + size / 2], axis=1)
    prior = np.stack([boxes.ravel(), rng.random(4 * priors) * 0.2 + 0.1])[None]
    location = rng.standard_normal((batch, priors * boxes_per_prior * 4)) * 0.5
    confidence = rng.random((batch, priors * classes))
    confidence = np.round(confidence * 8) / 8 if ties else confidence
    return tuple(array.astype(np.float32) for array in (location, confidence, prior))


@settings(max_examples=12)  # each one is compiled
@given(st.data())
def test_detection_output(data):
    classes = data.draw(st.integers(2, 4))
    layer = DetectionOutput(
        classes=classes,
        background=data.draw(st.sampled_from([0, 1, None])),
        share_location=data.draw(st.booleans()),
        code=data.draw(st.sampled_from(["corner", "center_size", "corner_size"])),
        variance_in_target=data.draw(st.booleans()),
        clip=data.draw(st.booleans()),
        confidence_threshold=data.draw(st.sampled_from([-np.inf, 0.25, 0.875])),
        nms_threshold=data.draw(st.sampled_from([0.1, 0.45, 0.8])),
        eta=data.draw(st.sampled_from([1.0, 0.8])),
        top_k=data.draw(st.sampled_from([None, 4, 100])),
        keep_top_k=data.draw(st.sampled_from([None, 3, 50])),
    )
    batch, priors = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 12))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**16)))
    per_prior = 1 if layer.share_location else classes
    inputs = detector_inputs(rng, batch, priors, classes, per_prior, ties=data.draw(st.booleans()))
    location, confidence, prior = (array.astype(np.float64) for array in inputs)
    want = [
        [image, *row]
        for image in range(batch)
        for row in reference_detections(layer, location[image], confidence[image], prior[0])
    ]
    want = want or [[image, *[-1] * 6] for image in range(batch)]
    assert_close(run(layer, *inputs), np.reshape(want, (1, 1, -1, 7)))


@pytest.mark.parametrize("refined", [False, True])
@pytest.mark.parametrize("code", ["corner", "center_size", "corner_size"])
def test_detection_in_two_steps(code, refined):
    layer = DetectionOutput(
        classes=3,
        code=code,
        clip=True,
        objectness_threshold=0.5,
        confidence_threshold=0.3,
        nms_threshold=0.45,
    )
    rng = np.random.default_rng(1)
    location, confidence, prior = detector_inputs(rng, 2, 9, 3, 1)
    first, objectness, _ = detector_inputs(rng, 2, 9, 2, 1)
    steps = (objectness, first)[: 1 + refined]
    want = []
    for image in range(2):
        boxes = reference_boxes(layer, first[image], prior[0], 0) if refined else prior[0, 0]
        scores = confidence[image].reshape(9, 3) * (objectness[image].reshape(9, 2)[:, 1:] >= 0.5)
        rows = reference_detections(layer, location[image], scores, np.stack([np.ravel(boxes), prior[0, 1]]))
        want += [[image, *row] for row in rows]
    assert_close(run(layer, location, confidence, prior, *steps), np.reshape(want, (1, 1, -1, 7)))


def test_no_objectness_makes_a_prior_background():
    priors = detector_inputs(np.random.default_rng(0), 1, 1, 2, 1)[2]
    inputs = np.zeros((1, 4), np.float32), np.full((1, 2), 0.6, np.float32), priors
    layer = DetectionOutput(classes=2, background=None, objectness_threshold=0.5, confidence_threshold=0.7)
    assert (run(layer, *inputs, np.array([[0.9, 0.4]], np.float32))[..., 1:3] == -1).all()
    first = DetectionOutput(classes=2, objectness_threshold=0.5, confidence_threshold=-1.0)
    got = run(first, *inputs, np.array([[0.9, 0.4]], np.float32))
    assert got[..., 1:3].tolist() == [[[[1, 0]]]]


@settings(max_examples=10)
@given(st.integers(1, 3), st.integers(1, 12), st.integers(1, 4), st.integers(0, 2**16))
def test_best_class_output(batch, boxes, classes, seed):
    rng = np.random.default_rng(seed)
    x = rng.random((batch, boxes, 5 + classes)).astype(np.float32)
    want = []
    for image in range(batch):
        centre, size, scores = x[image, :, :2], x[image, :, 2:4], x[image, :, 5:]
        corners = np.concatenate([centre - size / 2, centre + size / 2], axis=1)
        best = scores.max(axis=1)
        order = [i for i in np.argsort(-best, kind="stable") if best[i] > 0.4]
        for kept in reference_nms([corners[i] for i in order], 0.3):
            i = order[kept]
            want.append([image, 1 + scores[i].argmax(), best[i], *corners[i]])
    want = want or [[image, *[-1] * 6] for image in range(batch)]
    layer = BestClassOutput(confidence_threshold=0.4, nms_threshold=0.3, first_label=1)
    assert_close(run(layer, x), np.reshape(want, (1, 1, -1, 7)))


def test_best_class_output_errors():
    with pytest.raises(ShapeError, match=r"input must be batch x boxes x \(5 \+ classes\), got 2x5"):
        run(BestClassOutput(confidence_threshold=0.1, nms_threshold=0.5), np.zeros((2, 5), np.float32))
    with pytest.raises(LayerError, match="nms_threshold must not be negative, got -1"):
        BestClassOutput(confidence_threshold=0.1, nms_threshold=-1)


def test_no_detection_gives_one_row_per_image():
    inputs = detector_inputs(np.random.default_rng(0), 3, 5, 2, 1)
    got = run(DetectionOutput(classes=2, confidence_threshold=2.0, keep_top_k=1), *inputs)
    assert got.tolist() == [[[[image, *[-1] * 6] for image in range(3)]]]


def test_a_score_equal_to_the_threshold_does_not_count():
    prior = np.array([[[0, 0, 1, 1, 2, 2, 3, 3], [0.1] * 8]], np.float32)
    confidence = np.array([[0, 0.25, 0, 0.5]], np.float32)
    got = run(
        DetectionOutput(classes=2, confidence_threshold=0.25), np.zeros((1, 8), np.float32), confidence, prior
    )
    assert got.tolist() == [[[[0, 1, 0.5, 2, 2, 3, 3]]]]


def test_padding_rows_are_minus_one():
    inputs = detector_inputs(np.random.default_rng(0), 2, 6, 3, 1)
    net = net_of(DetectionOutput(classes=3, keep_top_k=5, confidence_threshold=0.75), *inputs)
    got = net.apply({}, {f"x{i}": x for i, x in enumerate(inputs)})["y0"]
    assert got.shape == (1, 1, 10, 7)
    assert 0 < int(got.count) < 10
    assert (got.values[:, :, int(got.count) :] == -1).all()


def test_detection_output_shapes_that_do_not_fit():
    location, confidence, prior = detector_inputs(np.random.default_rng(0), 1, 4, 2, 1)
    layer = DetectionOutput(classes=2)
    with pytest.raises(ShapeError, match="location predictions of 1x12 do not match 4 priors of 4 values"):
        run(layer, location[:, :12], confidence, prior)
    with pytest.raises(ShapeError, match="confidence predictions of 1x6 do not match 4 priors of 2 values"):
        run(layer, location, confidence[:, :6], prior)
    with pytest.raises(ShapeError, match="boxes and variances, 2 rows, got 1"):
        run(layer, location, confidence, prior[:, :1])
    with pytest.raises(ShapeError, match="4 values each, got 1x2x15"):
        run(layer, location, confidence, prior[..., :15])


def test_detection_output_attributes():
    with pytest.raises(LayerError, match="top_k must be at least 1, got 0"):
        DetectionOutput(classes=2, top_k=0)
    with pytest.raises(LayerError, match="eta must be above 0 and at most 1"):
        DetectionOutput(classes=2, eta=1.5)
    with pytest.raises(LayerError, match="background 2 is not one of 2 classes"):
        DetectionOutput(classes=2, background=2)
    with pytest.raises(LayerError, match="code must be one of corner, center_size, corner_size, got 'polar'"):
        DetectionOutput(classes=2, code="polar")
    with pytest.raises(LayerError, match="nms_threshold must not be negative"):
        DetectionOutput(classes=2, nms_threshold=-0.5)


def reference_proposals(layer, scores, deltas, image):
    """One image's regions and scores."""
    height, width, scale = image
    number, (rows, columns) = len(layer.anchors), scores.shape[1:]
    found = []
    for i in range(rows):
        for j in range(columns):
            for a, anchor in enumerate(layer.anchors):
                x1, y1, x2, y2 = np.add(anchor, np.multiply(layer.stride, (j, i, j, i)))
                dx, dy, dw, dh = deltas[4 * a : 4 * a + 4, i, j]
                w, h = x2 - x1 + 1, y2 - y1 + 1
                x, y = x1 + w / 2 + dx * w, y1 + h / 2 + dy * h
                w, h = w * np.exp(dw), h * np.exp(dh)
                xs = np.clip([x - w / 2, x + w / 2], 0, width - 1)
                ys = np.clip([y - h / 2, y + h / 2], 0, height - 1)
                if min(np.ptp(xs), np.ptp(ys)) + 1 >= layer.min_size * scale:
                    found.append((scores[number + a, i, j], [xs[0], ys[0], xs[1], ys[1]]))
    found = sorted(found, key=lambda pair: -pair[0])[: layer.pre_nms_top_n]
    boxes = [box for _, box in found]
    kept = reference_nms(boxes, layer.nms_threshold, extent=1.0, limit=layer.post_nms_top_n)
    return [(boxes[k], found[k][0]) for k in kept]


@settings(max_examples=12)  # each one is compiled
@given(st.data())
def test_proposal(data):
    layer = Proposal(
        anchors=((-4, -4, 11, 11), (-12, 0, 19, 7.5)),
        stride=data.draw(st.sampled_from([8.0, 16.0])),
        min_size=data.draw(st.sampled_from([0.0, 6.0, 100.0])),
        pre_nms_top_n=data.draw(st.sampled_from([None, 5, 6000])),
        post_nms_top_n=data.draw(st.sampled_from([None, 3, 300])),
        nms_threshold=data.draw(st.sampled_from([0.1, 0.5])),
        scores=True,
    )
    batch, rows, columns = (
        data.draw(st.integers(1, 2)),
        data.draw(st.integers(1, 3)),
        data.draw(st.integers(1, 3)),
    )
    rng = np.random.default_rng(data.draw(st.integers(0, 2**16)))
    scores = rng.random((batch, 4, rows, columns)).astype(np.float32)
    deltas = (rng.standard_normal((batch, 8, rows, columns)) * 0.4).astype(np.float32)
    image = np.array([[40, 50, 1.5], [30, 35, 1.0]], np.float32)[: data.draw(st.sampled_from([1, batch]))]
    want = [
        ([index, *box], score)
        for index in range(batch)
        for box, score in reference_proposals(layer, scores[index], deltas[index], image[index % len(image)])
    ]
    regions, found = run(layer, scores, deltas, image, outputs=2)
    assert_close(regions, np.reshape([box for box, _ in want], (-1, 5)))
    assert_close(found, np.reshape([score for _, score in want], (-1, 1)))


def test_proposal_shapes_that_do_not_fit():
    layer = Proposal(anchors=((0, 0, 15, 15),))
    image = np.ones((1, 3), np.float32)
    with pytest.raises(ShapeError, match="scores must be 1x2x2x2 for 1 anchors, got 1x4x2x2"):
        run(layer, planes(1, 4, 2, 2), planes(1, 4, 2, 2), image)
    with pytest.raises(ShapeError, match="deltas must be 1x4x2x2 for 1 anchors, got 1x4x2x3"):
        run(layer, planes(1, 2, 2, 2), planes(1, 4, 2, 3), image)
    with pytest.raises(ShapeError, match="height, width and scale of 1 images expected, got 1x2"):
        run(layer, planes(1, 2, 2, 2), planes(1, 4, 2, 2), image[:, :2])
    with pytest.raises(ShapeError, match="batch x channels x height x width, got 2x2"):
        run(layer, planes(2, 2), planes(1, 4, 2, 2), image)


def test_anchors_must_be_given():
    with pytest.raises(LayerError, match="anchors is empty"):
        Proposal(anchors=())
    with pytest.raises(LayerError, match="post_nms_top_n must be at least 1, got 0"):
        Proposal(anchors=((0, 0, 15, 15),), post_nms_top_n=0)
    with pytest.raises(LayerError, match="sizes is empty"):
        PriorBox(sizes=())
    with pytest.raises(LayerError, match="step must be positive"):
        PriorBox(sizes=((1, 1),), step=(0, 1))
