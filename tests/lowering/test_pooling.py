"""Pooling against loops written from its formulas."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxdnn import LayerError, ShapeError
from jaxdnn.layers.pooling import MaxUnpool, Pool, SpatialPyramidPool
from support.layer import assert_close, net_of, run


def output_count(size, kernel, stride, before, after, rounding, padded):
    count = (size + before + after - kernel) / stride
    count = int(math.floor(count) if rounding == "floor" else math.ceil(count)) + 1
    if rounding == "ceil_clip" and padded and (count - 1) * stride >= size + before:
        count -= 1
    return count


def reference_pool(x, statistic, kernel, stride, padding, rounding, divisor="padded"):
    """Visit every window, in float64; returns the values and the flat indices of maxima."""
    spatial = x.shape[2:]
    padded = any(map(any, padding))
    counts = [
        output_count(n, k, s, *p, rounding, padded)
        for n, k, s, p in zip(spatial, kernel, stride, padding, strict=True)
    ]
    y, indices = np.zeros((*x.shape[:2], *counts)), np.zeros((*x.shape[:2], *counts), np.int32)
    x = x.astype(np.float64)
    for place in itertools.product(*map(range, y.shape)):
        start = [i * s - p[0] for i, s, p in zip(place[2:], stride, padding, strict=True)]
        cells = [
            c
            for c in itertools.product(*(range(b, b + k) for b, k in zip(start, kernel, strict=True)))
            if all(0 <= i < n for i, n in zip(c, spatial, strict=True))
        ]
        values = np.array([x[(*place[:2], *cell)] for cell in cells])
        inside = [
            min(b + k, n + p[1]) - b for b, k, n, p in zip(start, kernel, spatial, padding, strict=True)
        ]
        divisors = {"padded": math.prod(inside), "valid": len(cells), "window": math.prod(kernel)}
        if statistic == "max":
            y[place] = values.max(initial=float(np.finfo(np.float32).min))
            indices[place] = np.ravel_multi_index(cells[values.argmax()], spatial) if cells else -1
        elif statistic == "average":
            y[place] = np.float64(values.sum()) / divisors[divisor] if divisors[divisor] else np.nan
        else:
            y[place] = (values**2).sum() / values.sum() if values.sum() > 0 else 0
    return y, indices


@st.composite
def cases(draw):
    rank = draw(st.integers(1, 3))

    def axes(low, high):
        return tuple(draw(st.integers(low, high)) for _ in range(rank))

    kernel, stride = axes(1, 4), axes(1, 4)
    padding = tuple((draw(st.integers(0, k - 1)), draw(st.integers(0, k - 1))) for k in kernel)
    size = tuple(max(1, k - sum(p)) + draw(st.integers(0, 4)) for k, p in zip(kernel, padding, strict=True))
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    x = rng.integers(-3, 4, (2, 2, *size)).astype(np.float32)  # with many equal values
    rounding = draw(st.sampled_from(["floor", "ceil", "ceil_clip"]))
    return x, {"kernel": kernel, "stride": stride, "padding": padding, "rounding": rounding}


@settings(max_examples=15)  # two programs each
@given(cases())
def test_max_and_its_indices(case):
    x, options = case
    want, indices = reference_pool(x, "max", **options)
    assert_close(run(Pool(statistic="max", **options), x), want)
    got = run(Pool(statistic="max", indices=True, **options), x, outputs=2)
    assert_close(got[0], want)
    np.testing.assert_array_equal(got[1], indices)


@given(cases(), st.sampled_from(["padded", "valid", "window"]))
def test_average(case, divisor):
    x, options = case
    want, _ = reference_pool(x, "average", **options, divisor=divisor)
    assert_close(run(Pool(statistic="average", divisor=divisor, **options), x), want)


@given(cases())
def test_stochastic_is_the_expected_draw(case):
    x, options = case
    x = np.maximum(x, 0)
    want, _ = reference_pool(x, "stochastic", **options)
    assert_close(run(Pool(statistic="stochastic", **options), x), want)


@pytest.mark.parametrize("statistic", ["max", "average", "stochastic"])
def test_the_whole_plane(statistic):
    x = np.abs(np.random.default_rng(0).standard_normal((2, 3, 4, 5))).astype(np.float32)
    same = run(Pool(statistic=statistic, kernel=(4, 5)), x)
    assert_close(run(Pool(statistic=statistic, kernel=None), x), same)
    want = {
        "max": x.max((2, 3)),
        "average": x.mean((2, 3)),
        "stochastic": (x * x).sum((2, 3)) / x.sum((2, 3)),
    }
    assert_close(same, want[statistic].reshape(2, 3, 1, 1))


def test_the_whole_plane_with_indices():
    x = np.random.default_rng(0).standard_normal((2, 3, 4, 5)).astype(np.float32)
    _, indices = run(Pool(statistic="max", kernel=None, indices=True), x, outputs=2)
    np.testing.assert_array_equal(indices.reshape(2, 3), x.reshape(2, 3, 20).argmax(2))


def test_a_blob_without_spatial_axes_is_pooled_to_itself():
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    assert_close(run(Pool(statistic="average", kernel=None), x), x)


def test_axes_up_to_the_channels_are_not_pooled():
    x = np.random.default_rng(0).standard_normal((2, 3, 2, 5, 5)).astype(np.float32)
    got = run(Pool(statistic="max", kernel=2, stride=2, axis=-3), x)
    want = run(Pool(statistic="max", kernel=2, stride=2), x.reshape(6, 2, 5, 5))
    assert_close(got, want.reshape(2, 3, 2, 2, 2))


@pytest.mark.parametrize("kernel", [7, 150])
def test_large_windows(kernel):
    x = np.random.default_rng(0).standard_normal((1, 1, 400)).astype(np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(x, kernel, axis=2)[:, :, ::3]
    assert_close(run(Pool(statistic="max", kernel=kernel, stride=3), x), windows.max(3))
    assert_close(run(Pool(statistic="average", kernel=kernel, stride=3), x), windows.mean(3))


def test_ceil_takes_a_kernel_larger_than_the_input():
    x = np.arange(6, dtype=np.float32).reshape(1, 1, 6)
    assert_close(run(Pool(statistic="average", kernel=8, stride=4, rounding="ceil"), x), [[[2.5]]])


def test_one_padded_axis_clips_the_other():
    x = np.ones((1, 1, 5, 5), np.float32)
    options = {"statistic": "max", "kernel": (3, 1), "stride": (1, 3)}
    assert run(Pool(**options, rounding="ceil_clip"), x).shape == (1, 1, 3, 3)
    assert run(Pool(**options, padding=(1, 0), rounding="ceil_clip"), x).shape == (1, 1, 5, 2)


def test_windows_beyond_the_input():
    x = np.ones((1, 1, 4), np.float32)
    options = {"kernel": 1, "stride": 4, "rounding": "ceil"}
    assert np.isnan(run(Pool(statistic="average", **options), x)[0, 0, 1])
    y, indices = run(Pool(statistic="max", indices=True, **options), x, outputs=2)
    assert y[0, 0, 1] == np.finfo(np.float32).min
    assert indices.tolist() == [[[0, -1]]]


def test_indices_survive_half_precision():
    x = np.zeros((1, 1, 64, 64), np.float32)
    x[0, 0, 50, 51] = 1
    net = net_of(Pool(statistic="max", kernel=64, indices=True), x, outputs=2).replace(policy="mixed_float16")
    assert int(net(x)["y1"].item()) == 50 * 64 + 51


def test_pool_refuses():
    x = np.zeros((1, 1, 6, 7), np.float32)
    with pytest.raises(ShapeError, match="kernel 9x9 is larger than the padded input 8x9"):
        run(Pool(statistic="max", kernel=9, padding=1), x)
    with pytest.raises(ShapeError, match="padding 0x2 must be smaller than the kernel 2x2"):
        run(Pool(statistic="max", kernel=2, padding=(0, (0, 2))), x)
    with pytest.raises(ShapeError, match="absurdly large"):
        run(Pool(statistic="max", kernel=2**20, padding=2**20 - 1), x)
    with pytest.raises(ShapeError, match="kernel has 3 values"):
        run(Pool(statistic="max", kernel=(1, 2, 3)), x)
    with pytest.raises(LayerError, match="stride must be at least 1, got 0"):
        Pool(statistic="max", kernel=2, stride=0)
    with pytest.raises(LayerError, match="padding must be at least 0, got -1"):
        Pool(statistic="max", kernel=2, padding=((0, 0), (0, -1)))
    with pytest.raises(LayerError, match="a pool of average has no indices"):
        Pool(statistic="average", kernel=2, indices=True)
    with pytest.raises(LayerError, match="a whole plane is pooled at stride 1 and padding 0, got 2 and 0"):
        Pool(statistic="max", kernel=None, stride=2)


def reference_unpool(x, indices, size):
    """Write the values one after the other."""
    y = np.zeros((*x.shape[:2], math.prod(size)), np.float32)
    for n, c in itertools.product(*map(range, x.shape[:2])):
        for value, index in zip(x[n, c].flat, indices[n, c].flat, strict=True):
            if 0 <= index < y.shape[2]:
                y[n, c, int(index)] = value
    return y.reshape(*x.shape[:2], *size)


@settings(max_examples=8)  # scatters are slow to compile
@given(st.integers(1, 3), st.integers(0, 2**16), st.sampled_from([np.int32, np.float32]))
def test_max_unpool(rank, seed, dtype):
    rng = np.random.default_rng(seed)
    small, large = rng.integers(1, 4, rank), tuple(int(n) for n in rng.integers(1, 5, rank))
    x = rng.standard_normal((2, 3, *small)).astype(np.float32)
    indices = rng.integers(-1, math.prod(large) + 1, x.shape).astype(dtype)
    want = reference_unpool(x, indices, large)
    assert_close(run(MaxUnpool(size=large), x, indices), want)
    assert_close(run(MaxUnpool(), x, indices, np.zeros((1, 1, *large), np.float32)), want)


def test_max_unpool_inverts_the_pool_of_its_window():
    x = np.random.default_rng(0).standard_normal((1, 2, 6, 7)).astype(np.float32)
    window = {"kernel": 3, "stride": (2, 3), "padding": (1, 1)}
    y, indices = run(Pool(statistic="max", indices=True, **window), x, outputs=2)
    assert y.shape == (1, 2, 3, 3)
    back = run(MaxUnpool(**window), y, indices)
    assert back.shape == (1, 2, 5, 7)
    y, indices = run(Pool(statistic="max", kernel=2, stride=2, indices=True), x[..., :6], outputs=2)
    back = run(MaxUnpool(kernel=2, stride=2), y, indices)
    assert_close(back, np.where(np.isin(x[..., :6], y), x[..., :6], 0))


def test_max_unpool_refuses():
    x = np.zeros((1, 1, 2, 2), np.float32)
    with pytest.raises(ShapeError, match="indices of 1x1x2 do not fit values of 1x1x2x2"):
        run(MaxUnpool(), x, x[..., 0])
    with pytest.raises(ShapeError, match="is not positive"):
        run(MaxUnpool(padding=1), x, x)
    with pytest.raises(ShapeError, match="output 1000000x1000000 is absurdly large"):
        run(MaxUnpool(size=10**6), x, x)
    with pytest.raises(ShapeError, match="an output like 1x1x2 does not fit"):
        run(MaxUnpool(), x, x, x[..., 0])


def test_spatial_pyramid_pool():
    x = np.random.default_rng(0).standard_normal((2, 3, 9, 11)).astype(np.float32)
    levels = [
        reference_pool(x, "max", k, k, [(p, p) for p in pads], "ceil_clip")[0].reshape(2, -1)
        for k, pads in (((9, 11), (0, 0)), ((5, 6), (1, 1)), ((3, 3), (2, 1)))
    ]
    assert_close(run(SpatialPyramidPool(levels=3), x), np.concatenate(levels, axis=1))
    assert run(SpatialPyramidPool(levels=1, statistic="average"), x).shape == (2, 3, 1, 1)


def test_spatial_pyramid_pool_refuses():
    with pytest.raises(LayerError, match="levels must be at least 1, got 0"):
        SpatialPyramidPool(levels=0)
    with pytest.raises(ShapeError, match="padding 1x1 must be smaller than the kernel 1x1"):
        run(SpatialPyramidPool(levels=2), np.zeros((1, 1, 1, 1), np.float32))


@pytest.mark.parametrize("statistic", ["max", "average"])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_pool_with_channels_last_and_padding_for_the_same_size(statistic, stride):
    x = np.random.default_rng(0).standard_normal((2, 5, 7, 3)).astype(np.float32)
    layer = Pool(
        statistic=statistic,
        kernel=(2, 3),
        stride=stride,
        padding="same_upper",
        divisor="valid",
        channels_last=True,
    )
    got = run(layer, x)
    out = [-(-n // stride) for n in (5, 7)]
    before = [max((o - 1) * stride + k - n, 0) // 2 for o, k, n in zip(out, (2, 3), (5, 7), strict=True)]
    want = np.empty((2, *out, 3))
    for i, j in np.ndindex(*out):
        top, left = i * stride - before[0], j * stride - before[1]
        cells = x[:, max(top, 0) : top + 2, max(left, 0) : left + 3]
        want[:, i, j] = cells.max((1, 2)) if statistic == "max" else cells.mean((1, 2))
    assert_close(got, want)


@pytest.mark.parametrize("channels_last", [True, False])
@pytest.mark.parametrize("index_of", ["plane", "sample", "batch"])
def test_indices_count_what_they_should(index_of, channels_last):
    x = np.random.default_rng(0).permutation(2 * 4 * 6 * 3).reshape(2, 4, 6, 3).astype(np.float32)
    layer = Pool(
        statistic="max", kernel=2, stride=2, indices=True, index_of=index_of, channels_last=channels_last
    )
    values, indices = run(layer, x, outputs=2)
    for place in np.ndindex(*values.shape):
        plane = x[place[0], ..., place[-1]] if channels_last else x[place[0], place[1]]
        counted = {"plane": plane, "sample": x[place[0]], "batch": x}[index_of]
        assert counted.ravel()[indices[place]] == values[place]


@given(st.data())
def test_dilated_windows(data):
    size, kernel, dilation = (data.draw(st.integers(low, high)) for low, high in ((5, 9), (1, 3), (1, 3)))
    extent, stride = dilation * (kernel - 1) + 1, data.draw(st.integers(1, 3))
    padding = data.draw(st.integers(0, extent - 1)), data.draw(st.integers(0, extent - 1))
    if size + sum(padding) < extent:
        return
    x = np.random.default_rng(size).standard_normal((1, 2, size)).astype(np.float32)
    taps = [
        [t for t in range(p - padding[0], p - padding[0] + extent, dilation) if 0 <= t < size]
        for p in range(0, size + sum(padding) - extent + 1, stride)
    ]
    options = {"kernel": kernel, "dilation": dilation, "stride": stride, "padding": (padding,)}
    assert_close(run(Pool(statistic="sum", **options), x), np.stack([x[..., t].sum(-1) for t in taps], -1))
    counts = np.array([max(len(t), 1) for t in taps])
    want = np.stack([x[..., t].sum(-1) for t in taps], -1) / counts
    if all(taps):
        assert_close(run(Pool(statistic="average", divisor="valid", **options), x), want)
        values, places = run(Pool(statistic="max", indices=True, **options), x, outputs=2)
        assert_close(values, np.stack([x[..., t].max(-1) for t in taps], -1))
        np.testing.assert_array_equal(np.take_along_axis(x, places, -1), values)


def test_ceil_inside_drops_windows_that_start_behind_the_input_even_without_padding():
    x = np.arange(5, dtype=np.float32).reshape(1, 1, 5)
    assert run(Pool(statistic="max", kernel=1, stride=3, rounding="ceil"), x).shape == (1, 1, 3)
    got = run(Pool(statistic="max", kernel=1, stride=3, rounding="ceil_inside"), x)
    np.testing.assert_array_equal(got, [[[0, 3]]])


@pytest.mark.parametrize("index_of", ["plane", "batch"])
def test_indices_may_count_the_first_axis_fastest(index_of):
    x = np.random.default_rng(0).permutation(120).astype(np.float32).reshape(2, 2, 3, 5, 2)
    layer = Pool(statistic="max", kernel=2, indices=True, index_of=index_of, first_fastest=True)
    values, places = run(layer, x, outputs=2)
    flat = x.transpose(0, 1, 4, 3, 2).reshape(2, 2, -1)  # each plane's elements in that order
    if index_of == "batch":
        np.testing.assert_array_equal(flat.ravel()[places], values)
    else:
        got = np.take_along_axis(flat, places.reshape(2, 2, -1), -1)
        np.testing.assert_array_equal(got, values.reshape(2, 2, -1))
    with pytest.raises(LayerError, match="channels_last excludes first_fastest"):
        Pool(statistic="max", kernel=2, first_fastest=True, channels_last=True)


def test_max_unpool_by_indices_of_the_batch_and_into_a_shape():
    x = np.array([[[1, 2]], [[3, 4]]], np.float32)
    indices = np.array([[[1, 6]], [[4, 99]]], np.int32)
    layer = MaxUnpool(kernel=2, stride=2, index_of="batch")
    np.testing.assert_array_equal(run(layer, x, indices), [[[0, 1, 0, 0]], [[3, 0, 2, 0]]])
    shaped = MaxUnpool(kernel=2, stride=2, padding=((1, 0),), index_of="batch", shape=(3, 1, 2))
    got = run(shaped, x, indices)
    np.testing.assert_array_equal(got, [[[0, 1]], [[0, 3]], [[0, 0]]])
    with pytest.raises(ShapeError, match="the shape 3x2 does not fit values of 2x1x2"):
        run(MaxUnpool(shape=(3, 2)), x, indices)
    with pytest.raises(LayerError, match="padding must be numbers, got 'same_upper'"):
        MaxUnpool(padding="same_upper")
