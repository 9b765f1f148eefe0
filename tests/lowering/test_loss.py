"""Losses and metrics against sums written from their formulas."""

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxdnn import LayerError, ShapeError
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
from support.layer import assert_close, net_of, run

NORMALIZATIONS = ("full", "valid", "batch_size", "none")


def softmax(x, axis):
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def divide(total, normalization, positions, counted, batch):
    divisor = {"full": positions, "valid": counted, "batch_size": batch, "none": 1}[normalization]
    return total / max(1, divisor)


@st.composite
def labelled(draw):
    """Scores, their class axis, labels, and a label to ignore or None."""
    shape = [draw(st.integers(1, 4)) for _ in range(draw(st.integers(1, 4)))]
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    x = rng.standard_normal(shape).astype(np.float32)
    positions = [size for i, size in enumerate(shape) if i != axis % len(shape)]
    labels = rng.integers(0, shape[axis], positions).astype(np.float32)
    return x, axis, labels, draw(st.sampled_from([None, 0, 1, 255]))


def rows_of(x, axis):
    return np.moveaxis(x, axis, -1).reshape(-1, x.shape[axis])


@given(labelled(), st.sampled_from(NORMALIZATIONS))
def test_cross_entropy_and_infogain(case, normalization):
    x, axis, labels, ignore = case
    p = softmax(x, axis)
    gains = np.random.default_rng(0).standard_normal((x.shape[axis],) * 2).astype(np.float32)
    counted, entropy, infogain = 0, 0.0, 0.0
    for row, label in zip(rows_of(p, axis), labels.ravel().astype(int), strict=True):
        if label != ignore:
            counted += 1
            entropy -= np.log(row[label])
            infogain -= (gains[label] * np.log(row)).sum()
    batch = int(np.prod(x.shape[: axis % x.ndim]))
    options = {"axis": axis, "ignore_label": ignore, "normalization": normalization}
    numbers = normalization, labels.size, counted, batch
    assert_close(run(CrossEntropyLoss(**options), p, labels), divide(entropy, *numbers))
    got = run(InfogainLoss(**options), p, labels, gains.reshape(1, 1, *gains.shape))
    assert_close(got, divide(infogain, *numbers))


@given(labelled(), st.integers(1, 4))
def test_accuracy(case, top_k):
    x, axis, labels, ignore = case
    x = np.round(x)  # ties
    classes = x.shape[axis]
    top_k = min(top_k, classes)
    hits, members = np.zeros(classes), np.zeros(classes)
    for row, label in zip(rows_of(x, axis), labels.ravel().astype(int), strict=True):
        if label != ignore:
            members[label] += 1
            ranked = sorted(range(classes), key=lambda c: (row[c], c), reverse=True)
            hits[label] += label in ranked[:top_k]
    layer = Accuracy(top_k=top_k, axis=axis, ignore_label=ignore, per_class=True)
    share, per_class = run(layer, x, labels, outputs=2)
    assert_close(share, hits.sum() / members.sum() if members.any() else np.nan)
    assert_close(per_class, hits / np.maximum(members, 1))


@given(st.integers(1, 4), st.integers(0, 2**16), st.sampled_from([None, 0]), st.sampled_from(NORMALIZATIONS))
def test_sigmoid_cross_entropy(batch, seed, ignore, normalization):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((batch, 3, 2)).astype(np.float32) * 4
    t = rng.integers(0, 2, x.shape).astype(np.float32)
    p = 1 / (1 + np.exp(-x.astype(np.float64)))
    losses = -(t * np.log(p) + (1 - t) * np.log(1 - p))
    counts = np.full(x.shape, True) if ignore is None else t != ignore
    want = divide(losses[counts].sum(), normalization, x.size, counts.sum(), batch)
    layer = SigmoidCrossEntropyLoss(ignore_label=ignore, normalization=normalization)
    assert_close(run(layer, x, t.reshape(-1)), want)


def test_sigmoid_cross_entropy_of_large_logits_is_finite():
    x, t = np.array([[1e4, -1e4]], np.float32), np.array([[0, 1]], np.float32)
    assert_close(run(SigmoidCrossEntropyLoss(), x, t), 2e4)


@given(st.integers(1, 4), st.integers(0, 2**16), st.sampled_from([0.5, 1.0, 3.0]))
def test_distances(batch, seed, sigma):
    rng = np.random.default_rng(seed)
    a, b, inside, outside = rng.standard_normal((4, batch, 3, 2)).astype(np.float32)
    assert_close(run(EuclideanLoss(), a, b.reshape(-1)), ((a - b) ** 2).sum() / (2 * batch))

    def smooth(d):
        d = np.abs(d)
        return np.where(d < 1 / sigma**2, (sigma * d) ** 2 / 2, d - 1 / (2 * sigma**2))

    layer = SmoothL1Loss(sigma=sigma)
    assert_close(run(layer, a, b), smooth(a - b).sum() / batch)
    assert_close(run(layer, a, b, inside), smooth(inside * (a - b)).sum() / batch)
    assert_close(run(layer, a, b, inside, outside), (outside * smooth(inside * (a - b))).sum() / batch)


@given(st.integers(1, 4), st.integers(0, 2**16), st.sampled_from([1, 2]))
def test_hinge(batch, seed, norm):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((batch, 2, 2)).astype(np.float32)
    labels = rng.integers(0, 4, batch)
    sides = -np.ones((batch, 4))
    sides[np.arange(batch), labels] = 1
    want = (np.maximum(0, 1 - sides * x.reshape(batch, 4)) ** norm).sum() / batch
    assert_close(run(HingeLoss(norm=norm), x, labels.reshape(batch, 1).astype(np.float32)), want)


@given(st.integers(1, 4), st.integers(0, 2**16), st.booleans())
def test_contrastive(batch, seed, squared):
    rng = np.random.default_rng(seed)
    a, b = rng.standard_normal((2, batch, 3)).astype(np.float32)
    similar = rng.choice([0, 0.5, 1, -2], batch).astype(np.float32)
    d = np.sqrt(((a - b) ** 2).sum(axis=1))
    apart = np.maximum(1.5 - d**2, 0) if squared else np.maximum(1.5 - d, 0) ** 2
    want = np.where(similar.astype(int) != 0, d**2, apart).sum() / (2 * batch)
    assert_close(run(ContrastiveLoss(margin=1.5, squared_margin=squared), a, b, similar), want)


def test_nothing_counts():
    x, labels = np.ones((2, 3), np.float32), np.full(2, 7, np.float32)
    assert_close(run(CrossEntropyLoss(ignore_label=7), x, labels), 0)
    share, per_class = run(Accuracy(ignore_label=7, per_class=True), x, labels, outputs=2)
    assert np.isnan(share)
    assert_close(per_class, np.zeros(3))


def test_impossible_events_have_a_finite_loss():
    x, labels = np.array([[0, 1]], np.float32), np.zeros(1, np.float32)
    assert_close(run(CrossEntropyLoss(), x, labels), -np.log(2.0**-126))
    assert_close(run(CrossEntropyLoss(floor=1e-20), x, labels), -np.log(1e-20))


@pytest.mark.parametrize(
    ("layer", "others"),
    [
        (CrossEntropyLoss(ignore_label=9), [np.array([9, 1], np.float32)]),
        (ContrastiveLoss(), [np.ones((2, 3), np.float32), np.array([0, 1], np.float32)]),
        (SmoothL1Loss(), [np.ones((2, 3), np.float32)]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_gradients_are_finite_where_a_naive_formula_gives_none(layer, others):
    x = np.ones((2, 3), np.float32)
    net = net_of(layer, x, *others)

    def loss(x):
        return net.apply({}, {"x0": x} | {f"x{i}": other for i, other in enumerate(others, 1)})["y0"]

    assert np.isfinite(jax.grad(loss)(x)).all()


@pytest.mark.parametrize(
    ("layer", "shapes", "message"),
    [
        (CrossEntropyLoss(), [(2, 3, 4), (2, 3)], "8 labels expected for a prediction of 2x3x4 with its cl"),
        (CrossEntropyLoss(axis=2), [(2, 3), (2,)], "axis 2 is out of range for 2 axes"),
        (InfogainLoss(), [(2, 3), (2,), (3, 2)], "matrix of gains is 3x2, 3x3 expected"),
        (InfogainLoss(), [(2, 3), (2,), (9,)], "matrix of gains is 9, 3x3 expected"),
        (EuclideanLoss(), [(2, 3), (2, 2)], "the prediction is 2x3, the target 2x2"),
        (SmoothL1Loss(), [(2, 3), (2, 3), (2,)], "the prediction is 2x3, the inside weight 2"),
        (ContrastiveLoss(), [(2, 3), (2, 3), (3,)], "2 labels expected for 2 pairs, got 3"),
        (Accuracy(top_k=4), [(2, 3), (2,)], "top_k 4 is larger than the number of classes, 3"),
    ],
)
def test_shapes_that_do_not_fit(layer, shapes, message):
    with pytest.raises(ShapeError, match=message):
        run(layer, *(np.zeros(shape, np.float32) for shape in shapes))


@pytest.mark.parametrize(
    ("layer", "attributes", "message"),
    [
        (CrossEntropyLoss, {"normalization": "mean"}, "normalization must be one of full, valid"),
        (CrossEntropyLoss, {"floor": 0.0}, "floor must be positive, got 0.0"),
        (SigmoidCrossEntropyLoss, {"normalization": "sum"}, "normalization must be one of"),
        (HingeLoss, {"norm": 3}, "norm must be 1 or 2, got 3"),
        (SmoothL1Loss, {"sigma": 0.0}, "sigma must be positive"),
        (Accuracy, {"top_k": 0}, "top_k must be at least 1"),
    ],
)
def test_attributes_out_of_range(layer, attributes, message):
    with pytest.raises(LayerError, match=message):
        layer(**attributes)


@given(
    st.sampled_from(("none", "mean", "sum")),
    st.sampled_from((None, 1, -7)),
    st.booleans(),
    st.integers(0, 99),
)
@settings(max_examples=10)
def test_negative_log_likelihood(reduction, ignored, weighted, seed):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((2, 4, 3)).astype(np.float32)
    labels = rng.integers(0, 4, (2, 3)).astype(np.int32)
    labels[0, 0] = labels[0, 0] if ignored is None else ignored
    weight = rng.uniform(0.5, 2, 4).astype(np.float32)
    layer = NegativeLogLikelihood(ignore_label=ignored, reduction=reduction)
    losses, shares = np.zeros((2, 3)), np.zeros((2, 3))
    for n, i in np.ndindex(2, 3):
        label = labels[n, i]
        if label != ignored:
            shares[n, i] = weight[label] if weighted else 1
            losses[n, i] = -x[n, label, i] * shares[n, i]
    want = {"none": losses, "sum": losses.sum(), "mean": losses.sum() / shares.sum()}[reduction]
    assert_close(run(layer, x, labels, *[weight] * weighted), want)


def test_labels_that_are_no_class_have_no_likelihood():
    x = np.zeros((2, 3), np.float32)
    got = run(NegativeLogLikelihood(reduction="none"), x, np.int32([1, 3]))
    np.testing.assert_array_equal(got, [0, np.nan])
    with pytest.raises(ShapeError, match="labels of 3 do not fit 2x3"):
        run(NegativeLogLikelihood(), x, np.int32([0, 0, 0]))
    with pytest.raises(ShapeError, match="2 weights do not fit 3 classes"):
        run(NegativeLogLikelihood(), x, np.int32([0, 0]), np.float32([1, 1]))
    with pytest.raises(LayerError, match="reduction must be one of none, mean, sum, got 'product'"):
        NegativeLogLikelihood(reduction="product")
