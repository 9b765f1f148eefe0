"""Convolutions against sums written from their formulas."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxdnn import LayerError, ShapeError
from jaxdnn.layers.convolution import Conv, ConvTranspose, Im2Col
from support.layer import assert_close, run


def reference_conv(x, weight, bias, stride, padding, dilation, groups):
    """Sum over the window at every position, in float64."""
    n = len(x)
    filters, per_group, *kernel = weight.shape
    x = np.pad(x.astype(np.float64), [(0, 0), (0, 0)] + [(p, p) for p in padding])
    out = [
        (x.shape[2 + i] - (dilation[i] * (kernel[i] - 1) + 1)) // stride[i] + 1 for i in range(len(kernel))
    ]
    y = np.zeros((n, filters, *out))
    for o in range(filters):
        channels = slice(o // (filters // groups) * per_group, (o // (filters // groups) + 1) * per_group)
        for position in itertools.product(*map(range, out)):
            window = tuple(
                slice(p * s, p * s + d * (k - 1) + 1, d)
                for p, s, d, k in zip(position, stride, dilation, kernel, strict=True)
            )
            y[(slice(None), o, *position)] = (x[(slice(None), channels, *window)] * weight[o]).sum(
                axis=tuple(range(1, x.ndim))
            )
    return y + bias.reshape(1, -1, *(1,) * len(kernel))


def reference_conv_transpose(x, weight, bias, stride, padding, dilation, groups):
    """Scatter every input element times the kernel, in float64."""
    n, c, *size = x.shape
    _, per_group, *kernel = weight.shape
    full = [s * (z - 1) + d * (k - 1) + 1 for s, z, d, k in zip(stride, size, dilation, kernel, strict=True)]
    y = np.zeros((n, per_group * groups, *full))
    for channel in range(c):
        group = channel // (c // groups)
        filters = slice(group * per_group, (group + 1) * per_group)
        for position in itertools.product(*map(range, size)):
            window = tuple(
                slice(p * s, p * s + d * (k - 1) + 1, d)
                for p, s, d, k in zip(position, stride, dilation, kernel, strict=True)
            )
            value = x[(slice(None), channel, *position)].reshape(n, 1, *(1,) * len(kernel))
            y[(slice(None), filters, *window)] += value * weight[channel]
    crop = tuple(slice(p, f - p) for p, f in zip(padding, full, strict=True))
    return y[(slice(None), slice(None), *crop)] + bias.reshape(1, -1, *(1,) * len(kernel))


@st.composite
def cases(draw, transposed: bool):
    rank = draw(st.integers(1, 3))
    groups = draw(st.integers(1, 3))
    channels, filters = groups * draw(st.integers(1, 2)), groups * draw(st.integers(1, 2))

    def axes(low, high):
        return tuple(draw(st.integers(low, high)) for _ in range(rank))

    kernel, stride, dilation = axes(1, 3), axes(1, 3), axes(1, 2)
    padding = tuple(draw(st.integers(0, d * (k - 1) // 2)) for d, k in zip(dilation, kernel, strict=True))
    size = tuple(d * (k - 1) + 1 + draw(st.integers(0, 3)) for d, k in zip(dilation, kernel, strict=True))
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    x = rng.standard_normal((draw(st.integers(1, 2)), channels, *size)).astype(np.float32)
    shape = (channels, filters // groups) if transposed else (filters, channels // groups)
    weight = rng.standard_normal((*shape, *kernel)).astype(np.float32)
    bias = rng.standard_normal(filters).astype(np.float32)
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    return x, weight, bias, {"filters": filters, "kernel": kernel}, options


@given(cases(transposed=False))
def test_conv(case):
    x, weight, bias, sizes, options = case
    got = run(Conv(**sizes, **options), x, weight=weight, bias=bias)
    assert_close(got, reference_conv(x, weight, bias, **options))


@given(cases(transposed=True))
def test_conv_transpose(case):
    x, weight, bias, sizes, options = case
    got = run(ConvTranspose(**sizes, **options), x, weight=weight, bias=bias)
    assert_close(got, reference_conv_transpose(x, weight, bias, **options))


@given(cases(transposed=False))
def test_im2col_is_the_convolution_with_unit_kernels(case):
    x, _, _, sizes, options = case
    options = {**options, "groups": 1}
    channels, kernel = x.shape[1], sizes["kernel"]
    taps = channels * int(np.prod(kernel))
    unit = np.eye(taps).reshape(taps, channels, *kernel)
    want = reference_conv(x, unit, np.zeros(taps), **options)
    del options["groups"]
    assert_close(run(Im2Col(kernel=kernel, **options), x), want)


def test_conv_without_spatial_axes_is_a_matrix_product():
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    weight = np.arange(12, dtype=np.float32).reshape(4, 3)
    assert_close(run(Conv(filters=4, kernel=(), bias=False), x, weight=weight), x @ weight.T)


def test_axes_before_the_channel_axis_are_batch_axes():
    x = np.random.default_rng(0).standard_normal((2, 3, 2, 5, 5)).astype(np.float32)
    weight = np.ones((1, 2, 3, 3), np.float32)
    got = run(Conv(filters=1, kernel=3, bias=False, axis=2), x, weight=weight)
    want = run(Conv(filters=1, kernel=3, bias=False), x.reshape(6, 2, 5, 5), weight=weight)
    assert_close(got, want.reshape(2, 3, 1, 3, 3))


def test_output_padding_adds_at_the_end():
    x = np.ones((1, 1, 3), np.float32)
    weight = np.ones((1, 1, 3), np.float32)
    layer = ConvTranspose(filters=1, kernel=3, stride=2, padding=1, output_padding=1, bias=False)
    assert_close(run(layer, x, weight=weight), [[[1, 2, 1, 2, 1, 1]]])


def test_kernel_larger_than_the_input():
    x = np.zeros((1, 1, 4, 4), np.float32)
    with pytest.raises(ShapeError, match="kernel 9x9 is larger than the padded input 6x6"):
        run(Conv(filters=1, kernel=9, padding=1, bias=False), x, weight=np.zeros((1, 1, 9, 9), np.float32))


def test_groups_that_do_not_divide():
    with pytest.raises(LayerError, match="groups 3 does not divide 4 filters"):
        Conv(filters=4, kernel=1, groups=3)
    with pytest.raises(ShapeError, match="groups 2 does not divide 3 input channels"):
        run(
            Conv(filters=4, kernel=1, groups=2, bias=False),
            np.zeros((1, 3, 2, 2), np.float32),
            weight=np.zeros((4, 1, 1, 1), np.float32),
        )


def to_last(x):
    return np.moveaxis(x, 1, -1)


def same(size, kernel, stride, dilation):
    """Return the zeros before and behind that make ``ceil(size / stride)`` positions."""
    total = max((-(-size // stride) - 1) * stride + dilation * (kernel - 1) + 1 - size, 0)
    return total // 2, total - total // 2


@given(st.data())
def test_conv_with_channels_last_and_padding_for_the_same_size(data):
    rank = data.draw(st.integers(1, 3))
    kernel, stride = (tuple(data.draw(st.integers(1, 3)) for _ in range(rank)) for _ in range(2))
    dilation = tuple(data.draw(st.integers(1, 2)) for _ in range(rank))
    size = tuple(data.draw(st.integers(1, 6)) for _ in range(rank))
    upper = data.draw(st.booleans())
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 4, *size)).astype(np.float32)
    weight = rng.standard_normal((6, 2, *kernel)).astype(np.float32)
    pads = [same(*case) for case in zip(size, kernel, stride, dilation, strict=True)]
    pads = pads if upper else [pair[::-1] for pair in pads]
    padded = np.pad(x, [(0, 0), (0, 0), *pads])
    want = reference_conv(padded, weight, np.zeros(6), stride, (0,) * rank, dilation, 2)
    word = "same_upper" if upper else "same_lower"
    for padding in (word, tuple(pads)):
        options = {"stride": stride, "padding": padding, "dilation": dilation, "bias": False}
        layer = Conv(filters=6, kernel=kernel, groups=2, channels_last=True, **options)
        assert_close(run(layer, to_last(x), weight=weight), to_last(want))
    layer = Conv(filters=6, kernel=kernel, groups=0, group_channels=2, **options)
    assert_close(run(layer, x, weight=weight), want)
    layer = Conv(filters=None, kernel=None, groups=0, channels_last=True, **options)
    assert_close(run(layer, to_last(x), weight), to_last(want))


@given(st.data())
def test_conv_transpose_to_a_size_is_the_gradient_of_the_convolution_of_that_size(data):
    kernel, stride = (tuple(data.draw(st.integers(1, 3)) for _ in range(2)) for _ in range(2))
    size = tuple(data.draw(st.integers(1, 6)) for _ in range(2))
    small = tuple(-(-n // s) for n, s in zip(size, stride, strict=True))
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 3, *small)).astype(np.float32)
    weight = rng.standard_normal((3, 4, *kernel)).astype(np.float32)
    pads = [same(*case) for case in zip(size, kernel, stride, (1, 1), strict=True)]
    full = reference_conv_transpose(x, weight, np.zeros(4), stride, (0, 0), (1, 1), 1)
    want = np.zeros((2, 4, *size))
    rows, columns = (range(n) for n in size)
    for i, j in itertools.product(rows, columns):
        place = i + pads[0][0], j + pads[1][0]
        if place[0] < full.shape[2] and place[1] < full.shape[3]:
            want[:, :, i, j] = full[:, :, place[0], place[1]]
    layer = ConvTranspose(
        filters=4,
        kernel=kernel,
        stride=stride,
        padding="same_upper",
        size=size,
        bias=False,
        channels_last=True,
    )
    assert_close(run(layer, to_last(x), weight=weight), to_last(want))
    late = ConvTranspose(
        filters=None,
        kernel=None,
        stride=stride,
        padding="same_upper",
        size=size,
        bias=False,
        channels_last=True,
    )
    assert_close(run(late, to_last(x), weight), to_last(want))


def test_sizes_and_weights_that_do_not_fit():
    x, weight = np.zeros((1, 4, 4, 3), np.float32), np.zeros((3, 2, 2, 2), np.float32)
    transpose = ConvTranspose(filters=2, kernel=2, stride=2, bias=False, channels_last=True)
    with pytest.raises(ShapeError, match="a convolution of 20x8 does not yield 4x4"):
        run(replace(transpose, size=(20, 8)), x, weight=weight)
    late = Conv(filters=None, kernel=None, groups=0, bias=False, channels_last=True)
    with pytest.raises(ShapeError, match="2 channels of the weight do not divide 3 of the input"):
        run(late, x, np.zeros((2, 2, 1, 1), np.float32))
    with pytest.raises(LayerError, match="filters and kernel must be given together"):
        Conv(filters=3, kernel=None)


@pytest.mark.parametrize(("padding", "before"), [("same_upper", 0), ("same_lower", 1)])
def test_conv_transpose_takes_the_padding_that_leads_to_its_size(padding, before):
    x = np.array([[[1, 10]]], np.float32)
    weight = np.array([[[1, 2, 3, 4]]], np.float32)
    full = np.array([1, 2, 3, 14, 20, 30, 40], np.float32)  # with a stride of 3
    layer = ConvTranspose(filters=1, kernel=4, stride=3, padding=padding, bias=False)
    assert_close(run(layer, x, weight=weight), [[full[before : before + 6]]])
    # Sizes that a convolution would not bring back to two elements: some are larger than all copies together.
    near = replace(layer, size=(3,), any_size=True)
    assert_close(run(near, x, weight=weight), [[full[2:5]]])
    far = replace(layer, size=(9,), any_size=True)
    assert_close(run(far, x, weight=weight), [[np.pad(full, (0, 2))]])
    longer = replace(layer, output_padding=1)
    assert_close(run(longer, x, weight=weight), [[full[1:7]]])


def test_im2col_with_channels_last():
    x = np.random.default_rng(0).standard_normal((2, 5, 6, 3)).astype(np.float32)
    got = run(Im2Col(kernel=(2, 3), stride=2, channels_last=True), x)
    want = np.stack([x[:, i : i + 3 : 2, j : j + 3 : 2] for i in range(2) for j in range(3)], 3)
    np.testing.assert_array_equal(got, want.reshape(2, 2, 2, 18))
