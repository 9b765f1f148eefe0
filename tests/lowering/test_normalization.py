"""Normalisation against its formulas in float64."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxdnn import LayerError, ShapeError
from jaxdnn.layers.normalization import (
    BatchNorm,
    Bias,
    LocalResponseNorm,
    MeanVarianceNorm,
    Normalize,
    Scale,
)
from support.layer import assert_close, run


@st.composite
def arrays(draw, low=2, high=5):
    shape = tuple(draw(st.lists(st.integers(1, 5), min_size=low, max_size=high)))
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    return rng.standard_normal(shape).astype(np.float32)


def along(array, axis, rank):
    return np.asarray(array, np.float64).reshape((1,) * axis + (-1,) + (1,) * (rank - axis - 1))


@given(arrays(), st.booleans(), st.booleans(), st.booleans(), st.integers(-2, 1))
def test_batch_norm(x, scale, bias, batch, axis):
    rng = np.random.default_rng(0)
    layer = BatchNorm(epsilon=0.01, scale=scale, bias=bias, use_batch_statistics=batch, axis=axis)
    weights = {
        slot: rng.uniform(0.5, 2, shape).astype(np.float32)
        for slot, shape in layer.param_shapes(x.shape).items()
    }
    wide, axis = x.astype(np.float64), axis % x.ndim
    others = tuple(i for i in range(x.ndim) if i != axis)
    mean, variance = wide.mean(others), wide.var(others)
    if not batch:
        mean, variance = weights["mean"], weights["variance"]
    want = (wide - along(mean, axis, x.ndim)) / np.sqrt(along(variance, axis, x.ndim) + 0.01)
    want *= along(weights.get("scale", 1), axis, x.ndim)
    want += along(weights.get("bias", 0), axis, x.ndim)
    assert_close(run(layer, x, **weights), want)


def test_batch_norm_of_a_vector_has_one_channel():
    x = np.array([1, 2, 3], np.float32)
    got = run(BatchNorm(epsilon=0), x, mean=np.float32([2]), variance=np.float32([4]))
    assert_close(got, [-0.5, 0, 0.5])


@given(arrays(1), st.data(), st.booleans())
def test_scale_and_bias(x, data, second):
    axis = data.draw(st.integers(-x.ndim, x.ndim - 1))
    rest = x.ndim - axis % x.ndim
    count = data.draw(st.integers(-1, rest))
    first = axis % x.ndim
    shape = x.shape[first:] if count == -1 else x.shape[first : first + count]
    rng = np.random.default_rng(0)
    factor, summand = rng.standard_normal((2, *shape)).astype(np.float32)
    wide = (1,) * first + shape + (1,) * (x.ndim - first - len(shape))
    if not shape:
        wide = (1,) * x.ndim
    product = x * factor.reshape(wide)
    if second:
        assert_close(run(Scale(axis=axis), x, factor), product)
        assert_close(run(Bias(axis=axis), x, summand), x + summand.reshape(wide))
        got = run(Scale(axis=axis, bias=True), x, factor, bias=summand)
    else:
        assert_close(run(Scale(axis=axis, num_axes=count), x, scale=factor), product)
        assert_close(run(Bias(axis=axis, num_axes=count), x, bias=summand), x + summand.reshape(wide))
        got = run(Scale(axis=axis, num_axes=count, bias=True), x, scale=factor, bias=summand)
    assert_close(got, product + summand.reshape(wide))


def test_scale_refuses():
    x = np.zeros((2, 3, 4), np.float32)
    with pytest.raises(LayerError, match="num_axes must be at least -1, got -2"):
        Scale(num_axes=-2)
    with pytest.raises(LayerError, match="num_axes must be at least -1, got -2"):
        Bias(num_axes=-2)
    with pytest.raises(ShapeError, match="3 axes from axis 1 on are more than those of an input of 2x3x4"):
        run(Scale(num_axes=3), x, scale=np.zeros((3, 4, 1), np.float32))
    with pytest.raises(ShapeError, match="second input is 4, 3 expected by axis 1 of 2x3x4"):
        run(Scale(), x, np.zeros(4, np.float32))
    with pytest.raises(ShapeError, match="axis 3 is out of range for 3 axes"):
        run(Bias(axis=3), x, bias=np.zeros(1, np.float32))


def reference_lrn(x, axes, size, alpha, beta, bias, average):
    """Add the squares' shifted copies."""
    x = x.astype(np.float64)
    energy = x * x
    for axis in axes:
        ends = [(0, 0)] * x.ndim
        ends[axis] = ((size - 1) // 2, size // 2)
        padded = np.pad(energy, ends)
        energy = sum(np.take(padded, range(t, t + x.shape[axis]), axis) for t in range(size))
    count = size ** len(axes) if average else 1
    return x / (bias + alpha * energy / count) ** beta


@given(arrays(3, 4), st.integers(1, 12), st.booleans(), st.booleans())
def test_local_response_norm(x, size, across, average):
    constants = {"alpha": 0.7, "beta": 0.6, "bias": 1.5, "average": average}
    region = "across_channels" if across else "within_channel"
    axes = (1,) if across else tuple(range(2, x.ndim))
    got = run(LocalResponseNorm(size=size, region=region, **constants), x)
    assert_close(got, reference_lrn(x, axes, size, **constants))


@pytest.mark.parametrize("beta", [0.5, 0.75, 1.0, 2.0])
def test_local_response_norm_by_roots(beta):
    x = np.random.default_rng(0).standard_normal((2, 6, 3, 3)).astype(np.float32) * 9
    constants = {"alpha": 2.0, "beta": beta, "bias": 0.5, "average": False}
    assert_close(run(LocalResponseNorm(size=3, **constants), x), reference_lrn(x, (1,), 3, **constants))


def test_local_response_norm_over_the_last_axis():
    x = np.random.default_rng(0).standard_normal((2, 3, 4, 7)).astype(np.float32)
    last = run(LocalResponseNorm(axis=-1), x)
    assert_close(last, np.moveaxis(run(LocalResponseNorm(), np.moveaxis(x, 3, 1)), 1, 3))


def test_local_response_norm_of_one_channel():
    got = run(LocalResponseNorm(alpha=1e-4), np.ones((1, 1, 1, 1), np.float32))
    assert_close(got, np.full((1, 1, 1, 1), (1 + 2e-5) ** -0.75))


def test_local_response_norm_refuses():
    with pytest.raises(LayerError, match="size must be at least 1, got 0"):
        LocalResponseNorm(size=0)
    with pytest.raises(LayerError, match="region must be one of"):
        LocalResponseNorm(region="everywhere")


@given(arrays(), st.integers(-4, 3), st.booleans(), st.booleans(), st.booleans())
def test_mean_variance_norm(x, axis, centre, divide, inside):
    axis = min(max(axis, -x.ndim), x.ndim)
    layer = MeanVarianceNorm(
        axis=axis, subtract_mean=centre, normalize_variance=divide, epsilon=0.1, epsilon_inside=inside
    )
    axes = tuple(range(axis if axis >= 0 else axis + x.ndim, x.ndim))
    y = x - x.astype(np.float64).mean(axes, keepdims=True) if centre else x.astype(np.float64)
    variance = (y * y).mean(axes, keepdims=True)
    deviation = np.sqrt(variance + 0.1) if inside else np.sqrt(variance) + 0.1
    assert_close(run(layer, x), y / deviation if divide else y)


def test_mean_variance_norm_refuses():
    with pytest.raises(ShapeError, match="axis -3 is out of range for 2 axes"):
        run(MeanVarianceNorm(axis=-3), np.zeros((1, 2), np.float32))
    with pytest.raises(ShapeError, match="axis 3 is out of range for 2 axes"):
        run(MeanVarianceNorm(axis=3), np.zeros((1, 2), np.float32))


@given(arrays(), st.sampled_from([1, 2]), st.booleans(), st.sampled_from(["none", "shared", "channel"]))
def test_normalize(x, order, across_spatial, scale):
    layer = Normalize(order=order, across_spatial=across_spatial, scale=scale, epsilon=0.01)
    shape = () if scale == "shared" else x.shape[1:2]
    factor = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    wide = np.abs(x.astype(np.float64))
    axes = tuple(range(1, x.ndim)) if across_spatial else 1
    want = x / ((wide**order).sum(axes, keepdims=True) + 0.01) ** (1 / order)
    if scale == "none":
        assert_close(run(layer, x), want)
    else:
        assert_close(run(layer, x, scale=factor), want * along(factor, 1, x.ndim))


def test_normalize_refuses():
    with pytest.raises(LayerError, match="order must be 1 or 2, got 3"):
        Normalize(order=3)
    with pytest.raises(LayerError, match="scale must be one of"):
        Normalize(scale="some")


@given(st.integers(1, 7), st.integers(0, 6), st.integers(0, 2**16))
def test_local_response_norm_with_a_channel_left_out(size, left_out, seed):
    x = np.random.default_rng(seed).standard_normal((2, 7, 3)).astype(np.float32)
    squares = x.astype(np.float64) ** 2
    want = np.zeros(x.shape)
    for channel in range(7):
        window = squares[:, max(channel - (size - 1) // 2, 0) : channel + size // 2 + 1].sum(axis=1)
        energy = window - squares[:, left_out]
        want[:, channel] = x[:, channel] * (40 + 0.5 * energy) ** -0.75
    layer = LocalResponseNorm(size=size, alpha=0.5, bias=40.0, average=False, left_out=left_out)
    assert_close(run(layer, x), want)
