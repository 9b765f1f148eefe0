"""Patches against the convolution's own, and moved taps against loops."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxdnn import LayerError, ShapeError
from jaxdnn.layers.convolution import Conv, Im2Col
from jaxdnn.layers.patches import Col2Im, DeformableConv
from support.layer import assert_close, run


def noise(*shape, seed=0):
    return np.random.default_rng(seed + sum(shape)).standard_normal(shape).astype(np.float32)


@given(st.data())
def test_col2im_is_the_transpose_of_im2col(data):
    rank = data.draw(st.integers(1, 3))

    def draw(low, high):
        return tuple(data.draw(st.integers(low, high)) for _ in range(rank))

    kernel, stride, dilation, size = draw(1, 3), draw(1, 2), draw(1, 2), draw(5, 7)
    padding = tuple(zip(draw(0, 2), draw(0, 2), strict=True))
    options = {"kernel": kernel, "stride": stride, "dilation": dilation, "padding": padding}
    x = noise(2, 3, *size)
    patches = run(Im2Col(**options), x)
    columns = noise(*patches.shape[:2], int(np.prod(patches.shape[2:])), seed=1)
    got = run(Col2Im(size=size, **options), columns)
    assert got.shape == x.shape
    assert np.vdot(columns.ravel(), patches.ravel()) == pytest.approx(
        np.vdot(got.ravel(), x.ravel()), abs=1e-3
    )


def corner_mix(image, place):
    """Interpolate an image linearly, zeros around it."""
    total = 0.0
    first = np.floor(place).astype(int)
    for corner in itertools.product((0, 1), repeat=image.ndim):
        index = first + corner
        if np.all((index >= 0) & (index < image.shape)):
            share = np.prod([1 - abs(p - i) for p, i in zip(place, index, strict=True)])
            total += share * image[tuple(index)]
    return total


@pytest.mark.parametrize("rank", [1, 2])
@pytest.mark.parametrize("mask", [False, True])
def test_deformable_conv(rank, mask):
    size, kernel = (6, 5)[:rank], (2, 3)[:rank]
    stride, dilation, padding = 2, 2, ((1, 2), (2, 0))[:rank]
    groups, offset_groups = 2, 2
    x, weight, bias = noise(2, 4, *size), noise(6, 2, *kernel), noise(6)
    padded = [n + b + a for n, (b, a) in zip(size, padding, strict=True)]
    count = [(n - dilation * (k - 1) - 1) // stride + 1 for n, k in zip(padded, kernel, strict=True)]
    taps = int(np.prod(kernel))
    offset = noise(2, offset_groups * taps * rank, *count, seed=3)
    factors = noise(2, offset_groups * taps, *count, seed=4)
    want = np.zeros((2, 6, *count))
    for n, o, *at in itertools.product(range(2), range(6), *map(range, count)):
        total = bias[o]
        for c, (t, tap) in itertools.product(range(2), enumerate(itertools.product(*map(range, kernel)))):
            channel = o // 3 * 2 + c
            slot = channel // 2 * taps + t
            place = [
                i * stride - b + k * dilation + offset[(n, slot * rank + axis, *at)]
                for axis, (i, (b, _), k) in enumerate(zip(at, padding, tap, strict=True))
            ]
            factor = factors[(n, slot, *at)] if mask else 1
            total += factor * corner_mix(x[n, channel], np.array(place)) * weight[(o, c, *tap)]
        want[(n, o, *at)] = total
    layer = DeformableConv(
        filters=6,
        kernel=kernel,
        stride=stride,
        dilation=dilation,
        padding=padding,
        groups=groups,
        offset_groups=offset_groups,
        mask=mask,
    )
    inputs = (offset, factors) if mask else (offset,)
    assert_close(run(layer, x, *inputs, weight=weight, bias=bias), want)
    given_weight = DeformableConv(**{**layer.attributes(), "filters": None, "kernel": None, "bias": False})
    plain = run(given_weight, x, weight, *inputs)
    assert_close(plain, want - bias.reshape(1, 6, *[1] * rank))


def test_without_offsets_it_is_a_convolution():
    x, weight = noise(1, 2, 6, 6), noise(3, 2, 3, 3)
    options = {"filters": 3, "kernel": 3, "stride": 2, "padding": 1, "bias": False}
    offset = np.zeros((1, 18, 3, 3), np.float32)
    assert_close(
        run(DeformableConv(**options), x, offset, weight=weight), run(Conv(**options), x, weight=weight)
    )


def test_what_does_not_fit():
    with pytest.raises(ShapeError, match="patches 1x5x4 do not fit: 4 taps per channel and 2x2 positions"):
        run(Col2Im(size=(3, 3), kernel=(2, 2)), noise(1, 5, 4))
    with pytest.raises(LayerError, match="size must be at least 1, got 0"):
        Col2Im(size=(0, 3), kernel=(2, 2))
    with pytest.raises(LayerError, match="offset_groups must be at least 1, got 0"):
        DeformableConv(filters=1, kernel=1, offset_groups=0)
    layer = DeformableConv(filters=3, kernel=2, bias=False, mask=True)
    x, weight = noise(1, 2, 4, 4), noise(3, 2, 2, 2)
    with pytest.raises(ShapeError, match="offset is 1x8x2x3, 1x8x3x3 expected"):
        run(layer, x, noise(1, 8, 2, 3), noise(1, 4, 3, 3), weight=weight)
    with pytest.raises(ShapeError, match="mask is 1x3x3x3, 1x4x3x3 expected"):
        run(layer, x, noise(1, 8, 3, 3), noise(1, 3, 3, 3), weight=weight)
    with pytest.raises(ShapeError, match="offset_groups 3 does not divide 2 input channels"):
        run(
            DeformableConv(filters=3, kernel=2, bias=False, offset_groups=3),
            x,
            noise(1, 24, 3, 3),
            weight=weight,
        )
