"""Elementwise arithmetic against its formulas in float64."""

import functools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from jaxdnn import LayerError, ShapeError
from jaxdnn.layers.elementwise import (
    Abs,
    Axpy,
    Dropout,
    Eltwise,
    Exp,
    Log,
    Power,
    Sqrt,
    Square,
    WeightedSum,
)
from jaxdnn.lowering import LOWERINGS
from support.layer import assert_close, run

shapes = hnp.array_shapes(min_dims=0, max_dims=4, max_side=4)
small = st.floats(-2, 2, width=32)


def floats(shape, low=-4.0, high=4.0):
    return hnp.arrays(np.float32, shape, elements=st.floats(low, high, width=32))


@given(floats(shapes))
def test_without_attributes(x):
    assert_close(run(Abs(), x), np.abs(x))
    assert_close(run(Square(), x), x.astype(np.float64) ** 2)
    assert_close(run(Sqrt(), np.abs(x)), np.sqrt(np.abs(x)))


@given(floats(shapes), small, small, st.integers(0, 4))
def test_power_with_a_whole_exponent_takes_any_base(x, scale, shift, power):
    want = (shift + scale * x.astype(np.float64)) ** power
    assert_close(run(Power(power=power, scale=scale, shift=shift), x), want)


@given(floats(shapes, 0.125), st.floats(-2, 2, width=32))
def test_power_with_any_exponent(x, power):
    want = (0.25 + 2 * np.float64(x)) ** power
    assert_close(run(Power(power=power, scale=2.0, shift=0.25), x), want)


@pytest.mark.parametrize(
    ("layer", "want"),
    [
        (Power(power=2, scale=0, shift=3), [9, 9, 9]),
        (Power(power=0, scale=3, shift=2), [1, 1, 1]),
        (Power(power=-1, scale=0), [math.inf] * 3),
        (Power(power=0.5, scale=0, shift=-1), [math.nan] * 3),
        (Power(power=-1), [math.nan, math.inf, -0.5]),
        (Power(power=1e30), [math.nan, 0, math.inf]),
        (Power(power=math.inf, scale=0, shift=0.5), [0, 0, 0]),
    ],
)
def test_power_at_its_edges(layer, want):
    np.testing.assert_array_equal(run(layer, np.array([math.nan, 0, -2], np.float32)), want)


@given(floats(shapes), st.floats(0.25, 10, width=32), small, small)
def test_exp(x, base, scale, shift):
    assert_close(run(Exp(base=base, scale=scale, shift=shift), x), base ** (shift + scale * np.float64(x)))
    assert_close(run(Exp(), x), np.exp(np.float64(x)))


@given(floats(shapes, 0.125), st.floats(2, 10, width=32))
def test_log(x, base):
    assert_close(run(Log(base=base, scale=2, shift=0.25), x), np.log(0.25 + 2 * np.float64(x)) / np.log(base))
    assert_close(run(Log(), x), np.log(np.float64(x)))


def test_log_outside_its_domain():
    assert np.array_equal(run(Log(), np.array([-1, 0], np.float32)), [np.nan, -np.inf], equal_nan=True)


def test_dropout():
    x = np.array([1, -2], np.float32)
    assert_close(run(Dropout(ratio=0.3), x), x)
    assert_close(run(Dropout(ratio=0.3, scale_train=False), x), [0.7, -1.4])


REFERENCES = {
    "sum": np.add,
    "product": np.multiply,
    "max": np.maximum,
    "min": np.minimum,
    "division": np.divide,
}


@st.composite
def operands(draw, broadcast: bool):
    count = draw(st.integers(2, 4))
    if broadcast:
        shape = draw(hnp.mutually_broadcastable_shapes(num_shapes=count, max_dims=4, max_side=3)).input_shapes
    else:
        shape = [draw(shapes)] * count
    return [draw(floats(s, 0.5)) * draw(st.sampled_from([-1, 1])) for s in shape]


@given(operands(broadcast=False), st.sampled_from(sorted(REFERENCES)))
def test_eltwise(inputs, operation):
    want = functools.reduce(REFERENCES[operation], [x.astype(np.float64) for x in inputs])
    assert_close(run(Eltwise(operation=operation), *inputs), want)


@given(operands(broadcast=True), st.sampled_from(sorted(REFERENCES)))
def test_eltwise_broadcasts_if_told(inputs, operation):
    want = functools.reduce(REFERENCES[operation], [x.astype(np.float64) for x in inputs])
    assert_close(run(Eltwise(operation=operation, broadcast=True), *inputs), want)


@given(operands(broadcast=False), st.data())
def test_eltwise_coefficients(inputs, data):
    coefficients = tuple(data.draw(st.sampled_from([0.0, 1.0, -1.0, 0.5, 2.25])) for _ in inputs)
    want = sum(c * x.astype(np.float64) for c, x in zip(coefficients, inputs, strict=True))
    assert_close(run(Eltwise(coefficients=coefficients), *inputs), want)


def test_eltwise_of_constants_stays_numpy():
    sizes = np.array([2, 3], np.int32)
    got = LOWERINGS[Eltwise].function(Eltwise(operation="product"), {}, sizes, sizes)
    assert isinstance(got, np.ndarray)
    assert got.dtype == np.int32


@given(hnp.array_shapes(min_dims=2, max_dims=5, max_side=4), st.data())
def test_axpy(shape, data):
    x, y = data.draw(floats(shape)), data.draw(floats(shape))
    ones = data.draw(st.integers(0, len(shape) - 2))
    scale = data.draw(floats(shape[:2] + (1,) * ones))
    want = scale.reshape(shape[:2] + (1,) * (len(shape) - 2)).astype(np.float64) * x + y
    assert_close(run(Axpy(), scale, x, y), want)


def test_errors_of_shapes():
    a, b = np.zeros((2, 3, 4), np.float32), np.zeros((2, 3, 5), np.float32)
    with pytest.raises(ShapeError, match="shapes differ, 2x3x4 and 2x3x5, and nothing is broadcast"):
        run(Eltwise(), a, b)
    with pytest.raises(ShapeError, match="shapes differ, 2x3x4 and 1x3x4"):
        run(Eltwise(), a, a[:1])
    with pytest.raises(ShapeError, match="2x3x4, 2x3x5"):
        run(Eltwise(broadcast=True), a, b)
    with pytest.raises(ShapeError, match="x of 2x3x4 and y of 2x3x5 have different shapes"):
        run(Axpy(), a[:, :, 0], a, b)
    with pytest.raises(ShapeError, match="scale of 2x1 is not one number per channel of x, 2x3x4"):
        run(Axpy(), a[:, :1, 0], a, a)
    with pytest.raises(ShapeError, match="scale of 2x3x4 is not one number per channel of x, 2x3x4"):
        run(Axpy(), a, a, a)


def test_errors_of_attributes():
    x = np.zeros(2, np.float32)
    with pytest.raises(LayerError, match="1 coefficients are given for 2 inputs"):
        run(Eltwise(coefficients=(2.0,)), x, x)
    with pytest.raises(LayerError, match="coefficients are for a sum, the operation is max"):
        Eltwise(operation="max", coefficients=(1.0, 1.0))
    with pytest.raises(LayerError, match="operation must be one of sum, product, max, min, division"):
        Eltwise(operation="mean")
    for base in (0, -2, math.inf, math.nan):
        with pytest.raises(LayerError, match="base must be positive"):
            Exp(base=base)
        with pytest.raises(LayerError, match="base must be positive"):
            Log(base=base)
    with pytest.raises(LayerError, match="finite and not 1, got 1"):
        Log(base=1)
    with pytest.raises(LayerError, match=r"ratio must lie between 0 and 1, got 1\.5"):
        Dropout(ratio=1.5)


@given(st.data())
def test_weighted_sum(data):
    count, shape = (
        data.draw(st.integers(1, 3)),
        data.draw(hnp.array_shapes(min_dims=2, max_dims=4, max_side=3)),
    )
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    per_channel = data.draw(st.booleans())
    normalization = data.draw(st.sampled_from(["none", "relu", "softmax"]))
    inputs = [data.draw(floats(shape)) for _ in range(count)]
    weight = data.draw(floats((count, shape[axis]) if per_channel else (count,)))
    want_weight = weight.astype(np.float64)
    if normalization == "relu":
        want_weight = np.maximum(want_weight, 0)
    elif normalization == "softmax":
        want_weight = np.exp(want_weight - want_weight.max(axis=0))
    if normalization != "none":
        want_weight = want_weight / (want_weight.sum(axis=0) + 1e-4)
    along = [1] * len(shape)
    along[axis] = -1
    want = sum(w.reshape(along) * x for w, x in zip(want_weight, inputs, strict=True))
    layer = WeightedSum(per_channel=per_channel, normalization=normalization, axis=axis)
    assert_close(run(layer, *inputs, weight=weight), want)


def test_weighted_sum_of_unequal_shapes():
    with pytest.raises(ShapeError, match="shapes differ, 1x2 and 1x3"):
        run(WeightedSum(), np.zeros((1, 2)), np.zeros((1, 3)), weight=np.zeros(2, np.float32))
    with pytest.raises(LayerError, match="normalization must be one of none, relu, softmax, got 'sum'"):
        WeightedSum(normalization="sum")
