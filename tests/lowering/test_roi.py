"""Features of regions against loops over bins, whose edges are computed in float32 as the original's are."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxdnn import LayerError, ShapeError
from jaxdnn.layers.roi import PsRoiPool, RoiAlign, RoiPool
from support.layer import assert_close, net_of, run

F = np.float32


def c_round(x):
    return F(math.copysign(math.floor(abs(x) + 0.5), x))


def pooled(x, mask_of, bins, reduce, channel=lambda c, i, j: c, channels=None):
    """Reduce each bin; mask_of(axis, bin) gives its slice of the rows or columns."""
    channels = len(x) if channels is None else channels
    out = np.zeros((channels, *bins))
    for c, i, j in np.ndindex(*out.shape):
        values = x[channel(c, i, j)][mask_of(0, i)][:, mask_of(1, j)]
        out[c, i, j] = reduce(values) if values.size else 0
    return out


def reference_roi_pool(layer, x, regions):
    out = []
    for image, *corners in regions:
        x1, y1, x2, y2 = (c_round(F(v) * F(layer.spatial_scale)) for v in corners)

        def mask_of(axis, index, first=(y1, x1), last=(y2, x2)):
            size = max(last[axis] - first[axis] + 1, F(1))
            step = size / F(layer.output[axis])
            edges = math.floor(F(index) * step) + first[axis], math.ceil(F(index + 1) * step) + first[axis]
            start, end = (int(np.clip(e, 0, x.shape[2 + axis])) for e in edges)
            return slice(start, end)

        out.append(pooled(x[int(image)], mask_of, layer.output, np.max))
    return np.array(out)


def reference_ps_roi_pool(layer, x, regions):
    out, g = [], layer.groups
    for image, *corners in regions:
        scale = F(layer.spatial_scale)
        start = [c_round(corners[1]) * scale, c_round(corners[0]) * scale]
        stop = [(c_round(corners[3]) + F(1)) * scale, (c_round(corners[2]) + F(1)) * scale]

        def mask_of(axis, index, start=start, stop=stop):
            step = max(stop[axis] - start[axis], F(0.1)) / F(g)
            edges = (
                math.floor(F(index) * step + start[axis]),
                math.ceil(F(index + 1) * step + start[axis]),
            )
            first, last = (int(np.clip(e, 0, x.shape[2 + axis])) for e in edges)
            return slice(first, last)

        def channel(c, i, j):
            return (c * g + i) * g + j

        out.append(pooled(x[int(image)].astype(float), mask_of, (g, g), np.mean, channel, layer.channels))
    return np.array(out)


def bilinear(plane, y, x):
    height, width = plane.shape
    if not (-1 <= y <= height and -1 <= x <= width):
        return 0.0
    y, x = min(max(y, 0), height - 1), min(max(x, 0), width - 1)
    i, j = min(int(y), max(height - 2, 0)), min(int(x), max(width - 2, 0))
    k, m = min(i + 1, height - 1), min(j + 1, width - 1)
    top = plane[i, j] * (1 - (x - j)) + plane[i, m] * (x - j)
    bottom = plane[k, j] * (1 - (x - j)) + plane[k, m] * (x - j)
    return top * (1 - (y - i)) + bottom * (y - i)


def reference_roi_align(layer, x, regions):
    bins_y, bins_x = layer.output
    out = np.zeros((len(regions), x.shape[1], bins_y, bins_x))
    for r, (image, *corners) in enumerate(regions.astype(float)):
        x1, y1, x2, y2 = np.array(corners) * layer.spatial_scale - 0.5 * layer.half_pixel
        width, height = (x2 - x1, y2 - y1) if layer.half_pixel else (max(x2 - x1, 1), max(y2 - y1, 1))
        step_y, step_x = height / bins_y, width / bins_x
        ny, nx = (layer.samples or math.ceil(step_y)), (layer.samples or math.ceil(step_x))
        for c, i, j in np.ndindex(*out.shape[1:]):
            samples = [
                bilinear(
                    x[int(image), c],
                    y1 + step_y * (i + (a + 0.5) / ny),
                    x1 + step_x * (j + (b + 0.5) / nx),
                )
                for a in range(ny)
                for b in range(nx)
            ]
            out[r, c, i, j] = np.mean(samples)
    return out


@st.composite
def cases(draw, channels=2):
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    batch, height, width = draw(st.integers(1, 2)), draw(st.integers(1, 9)), draw(st.integers(1, 9))
    x = rng.standard_normal((batch, channels, height, width)).astype(F)
    scale = draw(st.sampled_from([1.0, 0.25, 0.0625]))
    count = draw(st.integers(1, 5))
    corners = rng.uniform(-3, 12, (count, 2, 2))
    corners = corners if draw(st.booleans()) else np.sort(corners, axis=1)  # some are inside out
    corners = corners.reshape(count, 4) / scale
    corners = np.round(corners) / 2 if draw(st.booleans()) else corners  # halves of pixels
    regions = np.concatenate([rng.integers(0, batch, (count, 1)), corners], axis=1).astype(F)
    return x, regions, scale


@settings(max_examples=15)  # each one is compiled
@given(cases(), st.integers(1, 7), st.integers(1, 4))
def test_roi_pool(case, rows, columns):
    x, regions, scale = case
    layer = RoiPool(output=(rows, columns), spatial_scale=scale)
    got = run(layer, x, regions)
    np.testing.assert_array_equal(got, reference_roi_pool(layer, x, regions).astype(F))


def test_bin_edges_round_as_a_true_division_does():
    """Sizes times the reciprocal of the number of bins would be off by one in some of these."""
    size = 60
    x = np.arange(size, dtype=F).reshape(1, 1, 1, size)
    regions = np.array([[0, 0, 0, last, 0] for last in range(size)], F)
    for bins in (3, 6, 7, 11, 13, 14):
        layer = RoiPool(output=(1, bins))
        np.testing.assert_array_equal(run(layer, x, regions), reference_roi_pool(layer, x, regions))


@settings(max_examples=12)  # each one is compiled
@given(st.data())
def test_ps_roi_pool(data):
    groups, channels = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 2))
    x, regions, scale = data.draw(cases(channels * groups * groups))
    layer = PsRoiPool(channels=channels, groups=groups, spatial_scale=scale)
    assert_close(run(layer, x, regions), reference_ps_roi_pool(layer, x, regions))


@settings(max_examples=12)  # each one is compiled
@given(cases(), st.integers(1, 4), st.integers(1, 3), st.integers(0, 3), st.booleans())
def test_roi_align(case, rows, columns, samples, half_pixel):
    x, regions, scale = case
    regions[:, 1:3], regions[:, 3:] = (
        np.minimum(regions[:, 1:3], regions[:, 3:]),
        np.maximum(regions[:, 1:3], regions[:, 3:]) + F(0.1),
    )
    layer = RoiAlign(output=(rows, columns), spatial_scale=scale, samples=samples, half_pixel=half_pixel)
    got, want = run(layer, x, regions), reference_roi_align(layer, x, regions)
    assert_close(got, want, 1e-4)


def test_halves_are_rounded_away_from_zero():
    x = np.arange(8, dtype=F).reshape(1, 1, 1, 8)
    regions = np.array([[0, 0.5, 0, 2.5, 0]], F)
    assert run(RoiPool(output=(1, 1)), x, regions).item() == 3
    assert run(PsRoiPool(channels=1, groups=1), x, regions).item() == 2


def test_a_region_outside_the_map_is_zero():
    x = np.ones((1, 4, 3, 3), F)
    regions = np.array([[0, 20, 20, 30, 30], [0, -30, -30, -20, -20]], F)
    for layer in (RoiPool(output=(2, 2)), PsRoiPool(channels=1, groups=2), RoiAlign(output=(2, 2))):
        assert not run(layer, x, regions).any()


def test_gradients_reach_the_map():
    x = np.random.default_rng(0).standard_normal((1, 4, 5, 5)).astype(F)
    regions = np.array([[0, 0, 0, 3, 3], [0, 1, 1, 4, 2]], F)
    for layer in (RoiPool(output=(2, 2)), PsRoiPool(channels=1, groups=2), RoiAlign(output=(2, 2))):
        net = net_of(layer, x, regions)
        gradient = jax.grad(lambda x, net=net: jnp.sum(net.apply({}, {"x0": x, "x1": regions})["y0"]))(x)
        assert np.isfinite(gradient).all()
        assert (gradient != 0).any()


def test_shapes_that_do_not_fit():
    x, regions = np.ones((1, 4, 3, 3), F), np.ones((2, 5), F)
    with pytest.raises(ShapeError, match=r"regions must have 5 values each .*, got 2x4"):
        run(RoiPool(output=(2, 2)), x, regions[:, :4])
    with pytest.raises(ShapeError, match="feature map must be batch x channels x height x width, got 4x3x3"):
        run(RoiAlign(output=(2, 2)), x[0], regions)
    with pytest.raises(ShapeError, match="2 channels of 2x2 bins need 8 input channels, got 4"):
        run(PsRoiPool(channels=2, groups=2), x, regions)
    with pytest.raises(LayerError, match="output must be at least 1, got 0"):
        RoiPool(output=(0, 2))


def test_roi_align_by_the_largest_corner():
    """Each sample has four elements with a weight each; one that lies outside has zeros."""
    x = np.random.default_rng(0).standard_normal((1, 2, 5, 6)).astype(np.float32)
    regions = np.array([[0, 0.3, 0.4, 4.1, 3.2], [0, -4, -3, 7, 8], [0, 2, 2, 2.1, 2.1]], np.float32)
    for samples in (0, 2):
        layer = RoiAlign(output=(2, 3), samples=samples, statistic="corner_max")
        want = np.empty((3, 2, 2, 3))
        for number, (_, *box) in enumerate(regions.astype(np.float64)):
            low, size = (box[1], box[0]), (max(box[3] - box[1], 1), max(box[2] - box[0], 1))
            step = [length / bins for length, bins in zip(size, (2, 3), strict=True)]
            count = [samples or math.ceil(length) for length in step]
            for i, j in np.ndindex(2, 3):
                products = []
                for a, b in np.ndindex(*count):
                    y = low[0] + (i + (a + 0.5) / count[0]) * step[0]
                    z = low[1] + (j + (b + 0.5) / count[1]) * step[1]
                    inside = -1 <= y <= 5 and -1 <= z <= 6
                    y, z = min(max(y, 0), 4), min(max(z, 0), 5)
                    for r, c in ((0, 0), (0, 1), (1, 0), (1, 1)):
                        row, column = min(int(y) + r, 4), min(int(z) + c, 5)
                        share = (y % 1 if r else 1 - y % 1) * (z % 1 if c else 1 - z % 1)
                        products.append(x[0, :, row, column] * share * inside)
                want[number, :, i, j] = np.max(products, axis=0)
        assert_close(run(layer, x, regions), want)
    with pytest.raises(LayerError, match="statistic must be one of mean, corner_max"):
        RoiAlign(output=(1, 1), statistic="max")
