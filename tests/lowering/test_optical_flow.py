"""The layers of optical flow against loops written from their formulas."""

import itertools

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxdnn import LayerError, ShapeError
from jaxdnn.layers.optical_flow import Accum, CenterCrop, ChannelNorm, Correlation, FlowWarp, SubtractMean
from support.layer import assert_close, net_of, run

SEEDS = st.integers(0, 2**16)


def random(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def reference_correlation(layer, a, b):
    n, _, *sizes = a.shape
    grow = 20
    a, b = (np.pad(x, [(0, 0), (0, 0), (grow, grow), (grow, grow)]) for x in (a, b))
    out = [
        -(-(s + 2 * p - 2 * m - (layer.kernel - 1)) // layer.stride)
        for s, p, m in zip(sizes, layer.padding, layer.margin, strict=True)
    ]
    shifts = list(itertools.product(layer.vertical, layer.horizontal))
    y = np.zeros((n, len(shifts), *out))
    for d, (dy, dx) in enumerate(shifts):
        for i, j in np.ndindex(*out):
            p = i * layer.stride + layer.margin[0] - layer.padding[0] + grow
            q = j * layer.stride + layer.margin[1] - layer.padding[1] + grow
            left = a[:, :, p : p + layer.kernel, q : q + layer.kernel]
            right = b[:, :, p + dy : p + dy + layer.kernel, q + dx : q + dx + layer.kernel]
            alike = left * right if layer.similarity == "product" else np.abs(left - right)
            y[:, d, i, j] = alike.reshape(n, -1).mean(axis=1)
    return y


@st.composite
def correlations(draw):
    def shifts():
        return tuple(draw(st.lists(st.integers(-4, 4), min_size=1, max_size=3)))

    layer = Correlation(
        vertical=shifts(),
        horizontal=shifts(),
        kernel=draw(st.sampled_from([1, 3])),
        stride=draw(st.integers(1, 3)),
        padding=(draw(st.integers(0, 2)), draw(st.integers(0, 2))),
        margin=(draw(st.integers(0, 2)), draw(st.integers(0, 2))),
        similarity=draw(st.sampled_from(["product", "absolute_difference"])),
    )
    shape = (
        draw(st.integers(1, 2)),
        draw(st.integers(1, 3)),
        draw(st.integers(7, 9)),
        draw(st.integers(7, 9)),
    )
    return layer, random(draw(SEEDS), *shape), random(draw(SEEDS), *shape)


@given(correlations())
def test_correlation(case):
    layer, a, b = case
    assert_close(run(layer, a, b), reference_correlation(layer, a, b))


@given(SEEDS, st.sampled_from([0.0, np.nan]))
def test_flow_warp(seed, fill):
    x, flow = random(seed, 2, 3, 4, 5), random(seed + 1, 2, 2, 4, 5) * 2
    flow[:, :, 0] = np.round(flow[:, :, 0])
    want = np.full(x.shape, fill)
    for n, i, j in np.ndindex(2, 4, 5):
        row, column = np.float32(i) + flow[n, 1, i, j], np.float32(j) + flow[n, 0, i, j]
        if 0 <= row < 4 and 0 <= column < 5:
            top, left = int(row), int(column)
            down, aside = row - top, column - left
            bottom, right = min(top + 1, 3), min(left + 1, 4)
            want[n, :, i, j] = (
                x[n, :, top, left] * (1 - down) * (1 - aside)
                + x[n, :, top, right] * (1 - down) * aside
                + x[n, :, bottom, left] * down * (1 - aside)
                + x[n, :, bottom, right] * down * aside
            )
    assert_close(run(FlowWarp(fill=fill), x, flow), want)


def test_flow_warp_of_a_flow_that_is_not_a_number():
    x, flow = random(0, 1, 1, 2, 2), np.full((1, 2, 2, 2), np.nan, np.float32)
    assert_close(run(FlowWarp(), x, flow), np.zeros(x.shape))


@given(SEEDS, st.integers(1, 4), st.data())
def test_channel_norm(seed, rank, data):
    axis = data.draw(st.integers(-rank, rank - 1))
    x = random(seed, *(2, 3, 4, 5)[:rank])
    assert_close(run(ChannelNorm(axis=axis), x), np.linalg.norm(x, axis=axis, keepdims=True))


def test_channel_norm_has_a_gradient_at_zero():
    x = np.zeros((1, 2, 1, 1), np.float32)
    net = net_of(ChannelNorm(), x)
    assert_close(jax.grad(lambda x: net.apply({}, x)["y0"].sum())(x), x)


def reference_resize(x, size):
    """Interpolate linearly; the first and the last element of an axis stay where they are."""
    for axis, out in zip((2, 3), size, strict=True):
        at = np.arange(out) * ((x.shape[axis] - 1) / max(out - 1, 1))
        grid = np.arange(x.shape[axis])
        x = np.apply_along_axis(lambda v, at=at, grid=grid: np.interp(at, grid, v), axis, x)
    return x


@pytest.mark.parametrize(
    ("layer", "sizes", "want"),
    [
        (Accum(), [(3, 5), (4, 2)], (4, 5)),
        (Accum(size=(6, 7)), [(3, 5), (4, 2)], (6, 7)),
        (Accum(size=(6, 5)), [(3, 5), (4, 2)], (4, 5)),
        (Accum(divisor=3), [(4, 5)], (6, 6)),
        (Accum(divisor=5), [(4, 5)], (4, 5)),
        (Accum(reference=True), [(4, 5), (3, 2), (6, 1)], (6, 1)),
    ],
)
def test_accum(layer, sizes, want):
    inputs = [random(i, 2, i + 1, *size) for i, size in enumerate(sizes)]
    joined = inputs[:-1] if layer.reference else inputs
    expected = np.concatenate([reference_resize(x, want) for x in joined], axis=1)
    assert_close(run(layer, *inputs), expected)


def test_center_crop():
    x = random(0, 2, 3, 6, 7)
    assert_close(run(CenterCrop(size=(4, 3)), x), x[:, :, 1:5, 2:5])
    assert_close(run(CenterCrop(size=(6, 6)), x), (x[..., :-1] + x[..., 1:]) / 2)
    assert_close(run(CenterCrop(size=(6, 7)), x), x)


def test_center_crop_stays_off_the_edge():
    x = np.arange(4, dtype=np.float32).reshape(1, 1, 1, 4)
    assert_close(run(CenterCrop(size=(1, 4), edge=1.05), x), np.reshape([0, 1, 2, 2.95], x.shape))


def test_subtract_mean():
    x, pixel, channel = random(0, 2, 3, 4, 5), random(1, 3, 4, 5), random(2, 3)
    stored = {"count": np.ones(1, np.float32), "pixel_mean": pixel, "channel_mean": channel}
    assert_close(run(SubtractMean(), x, **stored), x - pixel)
    assert_close(run(SubtractMean(per_pixel=False), x, **stored), x - channel.reshape(1, 3, 1, 1))
    smaller = stored | {"pixel_mean": pixel[:, 1:, 2:]}
    means = pixel[:, 1:, 2:].mean(axis=(1, 2)).reshape(1, 3, 1, 1)
    assert_close(run(SubtractMean(mean_size=(3, 3)), x, **smaller), x - means)
    assert_close(run(SubtractMean(constant=(1.0, 2.0, 3.0)), x), x - np.reshape([1, 2, 3], (1, 3, 1, 1)))
    assert_close(run(SubtractMean(constant=(4.0,)), x), x - 4)


@pytest.mark.parametrize(
    ("layer", "shapes", "message"),
    [
        (
            Correlation(vertical=(0,), horizontal=(0,)),
            [(1, 1, 2, 2), (1, 1, 2, 3)],
            "is 1x1x2x2, the other 1",
        ),
        (Correlation(vertical=(0,), horizontal=(0,)), [(1, 2), (1, 2)], "takes pictures NxCxHxW, got 1x2"),
        (
            Correlation(vertical=(0,), horizontal=(0,), margin=(2, 0)),
            [(1, 1, 4, 4)] * 2,
            "no window fits into 4 pixels padded by 0, with a margin of 2",
        ),
        (FlowWarp(), [(1, 3, 4, 4), (1, 3, 4, 4)], "the picture is 1x3x4x4, the flow 1x3x4x4"),
        (Accum(reference=True), [(1, 3, 4, 4)], "a value is needed besides the reference"),
        (CenterCrop(size=(5, 4)), [(1, 3, 4, 4)], "5x4 pixels cannot be cut out of 1x3x4x4"),
        (SubtractMean(constant=(1.0, 2.0)), [(1, 3, 4, 4)], "2 constants for 3 channels"),
    ],
)
def test_shapes_that_do_not_fit(layer, shapes, message):
    with pytest.raises(ShapeError, match=message):
        run(layer, *(np.zeros(shape, np.float32) for shape in shapes))


@pytest.mark.parametrize(
    ("layer", "attributes", "message"),
    [
        (Correlation, {"vertical": (), "horizontal": (0,)}, "at least one shift is needed"),
        (Correlation, {"vertical": (0,), "horizontal": (0,), "kernel": 2}, "kernel must be odd, got 2"),
        (Correlation, {"vertical": (0,), "horizontal": (0,), "stride": 0}, "stride must be at least 1"),
        (Correlation, {"vertical": (0,), "horizontal": (0,), "similarity": "x"}, "similarity must be one of"),
        (Accum, {"divisor": -1}, "divisor must be at least 0"),
        (CenterCrop, {"size": (0, 1)}, "size must be at least 1"),
        (CenterCrop, {"size": (1, 1), "edge": 0.5}, "edge must be at least 1, got 0.5"),
    ],
)
def test_attributes_out_of_range(layer, attributes, message):
    with pytest.raises(LayerError, match=message):
        layer(**attributes)
