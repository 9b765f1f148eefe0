"""Activations against their formulas in float64."""

import math

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from jaxdnn import LayerError, ShapeError
from jaxdnn.layers.activation import (
    Clip,
    Elu,
    Gelu,
    GroupedSoftmax,
    Hardmax,
    HardMish,
    HardSigmoid,
    HardSwish,
    LogSoftmax,
    Mish,
    NormalizeAlong,
    PiecewiseLinear,
    PRelu,
    Relu,
    Selu,
    Sigmoid,
    Softmax,
    Softplus,
    Softsign,
    Stair,
    Swish,
    Tanh,
    Threshold,
)
from support.layer import assert_close, net_of, run

arrays = hnp.arrays(
    np.float32,
    hnp.array_shapes(max_dims=4, max_side=4),
    elements=st.floats(-20, 20, width=32),
)
GRID = np.concatenate([np.linspace(-20, 20, 399), [-0.5, 0, 1e-6, 3]]).astype(np.float32).reshape(13, 31)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def rectify(x, slope):
    return np.maximum(x, 0) + slope * np.minimum(x, 0)


def exponential(x, alpha):
    return np.where(x > 0, x, alpha * (np.exp(np.minimum(x, 0)) - 1))


def erf(x):
    return np.vectorize(math.erf, otypes=[float])(x)


def hard_sigmoid(x, alpha, beta):
    return np.clip(alpha * x + beta, 0, 1)


FORMULAS = [
    (Sigmoid(), sigmoid),
    (Tanh(), np.tanh),
    (Mish(), lambda x: x * np.tanh(np.log1p(np.exp(x)))),
    (HardSwish(), lambda x: x * hard_sigmoid(x, 1 / 6, 0.5)),
    (HardSigmoid(), lambda x: hard_sigmoid(x, 1 / 6, 0.5)),
    (Softplus(), lambda x: np.log1p(np.exp(x))),
    (Softsign(), lambda x: x / (1 + abs(x))),
    (Selu(), lambda x: 1.0507009873554805 * exponential(x, 1.6732632423543772)),
    (Gelu(), lambda x: x * (1 + erf(x / math.sqrt(2))) / 2),
    (
        Gelu(approximation="tanh"),
        lambda x: x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))) / 2,
    ),
    (Relu(), lambda x: np.maximum(x, 0)),
    (Clip(floor=0, ceiling=6), lambda x: np.clip(x, 0, 6)),
    (Clip(), lambda x: x),
    (Threshold(), lambda x: (x > 0).astype(float)),
]


@pytest.mark.parametrize(("layer", "formula"), FORMULAS, ids=[str(layer) for layer, _ in FORMULAS])
def test_by_its_type_alone(layer, formula):
    assert_close(run(layer, GRID), formula(GRID.astype(np.float64)))


@given(st.floats(-2, 2, width=32))
def test_with_one_attribute(value):
    wide = GRID.astype(np.float64)
    assert_close(run(Relu(negative_slope=value), GRID), rectify(wide, value))
    assert_close(run(Elu(alpha=value), GRID), exponential(wide, value))
    assert_close(run(Swish(beta=value), GRID), wide * sigmoid(value * wide))
    assert_close(run(HardSigmoid(alpha=value, beta=0.2), GRID), hard_sigmoid(wide, value, 0.2))
    assert_close(run(Threshold(threshold=value), GRID), wide > value)


@given(arrays.filter(lambda x: x.ndim > 1), st.data())
def test_prelu(x, data):
    axis = data.draw(st.integers(-x.ndim, x.ndim - 1))
    shared = data.draw(st.booleans())
    channels = x.shape[axis]
    slope = np.linspace(-1, 2, 1 if shared else channels, dtype=np.float32)
    want = np.moveaxis(rectify(np.moveaxis(x, axis, -1).astype(np.float64), slope), -1, axis)
    assert_close(run(PRelu(axis=axis, shared=shared), x, slope=slope), want)


@given(arrays, st.data())
def test_softmax(x, data):
    axis = data.draw(st.integers(-x.ndim, x.ndim - 1))
    shifted = x.astype(np.float64) - x.max(axis, keepdims=True)
    total = np.exp(shifted).sum(axis, keepdims=True)
    assert_close(run(Softmax(axis=axis), x), np.exp(shifted) / total)
    assert_close(run(LogSoftmax(axis=axis), x), shifted - np.log(total))


def test_large_arguments_do_not_overflow():
    x = np.array([[-1000, 0, 1000]], np.float32)
    assert_close(run(Softmax(), x), [[0, 0, 1]])
    assert_close(run(Softplus(), x), [[0, math.log(2), 1000]])
    assert_close(run(Mish(), x), [[0, 0, 1000]])
    assert_close(run(Sigmoid(), x), [[0, 0.5, 1]])
    assert_close(run(Elu(), x), [[-1, 0, 1000]])


def test_threshold_is_strict():
    x = np.array([0.25, 0.5, 0.75], np.float32)
    assert_close(run(Threshold(threshold=0.5), x), [0, 0, 1])


def test_clip_with_crossed_bounds_gives_the_floor():
    assert_close(run(Clip(floor=2, ceiling=1), np.array([0, 1.5, 3], np.float32)), [2, 2, 2])


def test_softmax_keeps_to_float32_under_a_half_precision_policy():
    x = np.linspace(-4, 4, 3000, dtype=np.float32).reshape(1, -1)
    net = net_of(Softmax(), x).replace(policy="mixed_float16")
    assert abs(float(np.asarray(net(x)["y0"], np.float64).sum()) - 1) < 1e-3


def test_gradients_are_finite_far_out():
    x = np.array([[-100, -1, 0, 1, 100]], np.float32)
    for layer in (Softplus(), Mish(), Elu(), Selu(), Swish(), Softmax(), LogSoftmax()):
        net = net_of(layer, x)
        slope = jax.grad(lambda v, net=net: net.apply(net.params, v)["y0"][0, 1])(x)
        assert np.isfinite(slope).all(), layer


def test_errors():
    x = np.zeros(3, np.float32)
    with pytest.raises(ShapeError, match="axis 1 is out of range for 1 axes"):
        run(Softmax(), x)
    with pytest.raises(ShapeError, match="axis 1 is out of range for 1 axes"):
        run(PRelu(), x, slope=x)
    with pytest.raises(LayerError, match="approximation must be one of none, tanh, got 'erf'"):
        Gelu(approximation="erf")


def test_hard_mish_and_stair_at_their_corners():
    x = np.array([-3, -2, -1, 0, 0.5, 1, 1.25, 2, 3.5], np.float32)
    assert_close(run(HardMish(), x), [0, 0, -0.5, 0, 0.5, 1, 1.25, 2, 3.5])
    assert_close(run(Stair(), x), [-2, -1, -1, 0, 0, 0, 0.25, 1, 1.5])


@given(arrays)
def test_stair(x):
    floor, x = np.floor(x.astype(np.float64)), x.astype(np.float64)
    want = np.where(floor % 2 == 0, np.floor(x / 2), x - floor + np.floor(x / 2))
    assert_close(run(Stair(), x.astype(np.float32)), want)


@given(arrays, st.lists(st.integers(-40, 40), min_size=1, max_size=4, unique=True), st.data())
def test_piecewise_linear(x, corners, data):
    slope = st.integers(-2, 2).map(float)
    points = tuple((corner / 2, data.draw(slope)) for corner in sorted(corners))
    first, last = data.draw(slope), data.draw(slope)
    columns = np.transpose(points)
    want = np.interp(x, *columns)
    want += first * np.minimum(x - columns[0, 0], 0) + last * np.maximum(x - columns[0, -1], 0)
    layer = PiecewiseLinear(points=points, first_slope=first, last_slope=last)
    assert_close(run(layer, x), want)


@given(arrays, st.data())
def test_normalize_along(x, data):
    axis = data.draw(st.integers(-x.ndim, x.ndim - 1))
    layer = NormalizeAlong(
        function=data.draw(st.sampled_from(["relu", "exp"])), subtract_max=data.draw(st.booleans()), axis=axis
    )
    y = x.astype(np.float64)
    y = y - y.max(axis, keepdims=True) if layer.subtract_max else y
    y = np.exp(y) if layer.function == "exp" else np.maximum(y, 0)
    assert_close(run(layer, x), y / (1e-4 + y.sum(axis, keepdims=True)))


@given(arrays, st.data())
def test_grouped_softmax(x, data):
    axis = data.draw(st.integers(-x.ndim, x.ndim - 1))
    size = x.shape[axis]
    cuts = sorted(data.draw(st.sets(st.integers(1, size - 1)))) if size > 1 else []
    groups = tuple(np.diff([0, *cuts, size]).tolist())
    parts = [run(Softmax(axis=axis), part) for part in np.split(x, cuts, axis=axis)]
    assert_close(run(GroupedSoftmax(groups=groups, axis=axis), x), np.concatenate(parts, axis=axis))


def test_errors_of_groups_and_points():
    with pytest.raises(ShapeError, match="the groups have 3 elements, axis 1 of 1x4 differs"):
        run(GroupedSoftmax(groups=(1, 2)), np.zeros((1, 4), np.float32))
    with pytest.raises(LayerError, match="points is empty"):
        PiecewiseLinear(points=(), first_slope=0, last_slope=0)
    with pytest.raises(LayerError, match="points must have rising x"):
        PiecewiseLinear(points=((1, 0), (1, 1)), first_slope=0, last_slope=0)
    with pytest.raises(LayerError, match="function must be one of relu, exp, got 'abs'"):
        NormalizeAlong(function="abs")


@pytest.mark.parametrize("axis", [0, 1, -1, -3])
def test_several_axes_at_once(axis):
    x = np.random.default_rng(0).standard_normal((2, 3, 4)).astype(np.float32)
    flat = x.reshape(*x.shape[: axis % 3], -1)
    share = np.exp(flat) / np.exp(flat).sum(-1, keepdims=True)
    assert_close(run(Softmax(axis=axis, later_axes=True), x), share.reshape(x.shape))
    assert_close(run(LogSoftmax(axis=axis, later_axes=True), x), np.log(share).reshape(x.shape))
    want = flat == flat.max(-1, keepdims=True)
    np.testing.assert_array_equal(run(Hardmax(axis=axis, later_axes=True), x), want.reshape(x.shape))


def test_hardmax_takes_the_first_of_equal_ones():
    x = np.array([[1, 3, 3], [2, 2, 2]], np.float32)
    np.testing.assert_array_equal(run(Hardmax(), x), [[0, 1, 0], [1, 0, 0]])
    np.testing.assert_array_equal(run(Hardmax(axis=0), x), [[0, 1, 1], [1, 0, 0]])
