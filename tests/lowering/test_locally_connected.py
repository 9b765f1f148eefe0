"""Locally connected layers against a sum at every position."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxdnn import LayerError, ShapeError
from jaxdnn.layers.locally_connected import LocallyConnected
from support.layer import assert_close, run


@given(st.data())
def test_locally_connected(data):
    kernel = (data.draw(st.integers(1, 3)), data.draw(st.integers(1, 3)))
    stride, padding = data.draw(st.integers(1, 2)), data.draw(st.integers(0, 1))
    batch, channels, filters = (data.draw(st.integers(1, 3)) for _ in range(3))
    size = tuple(k + data.draw(st.integers(0, 3)) for k in kernel)
    out = tuple((n + 2 * padding - k) // stride + 1 for n, k in zip(size, kernel, strict=True))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**16)))
    x = rng.standard_normal((batch, channels, *size)).astype(np.float32)
    weight = rng.standard_normal((*out, filters, channels, *kernel)).astype(np.float32)
    bias = rng.standard_normal((filters, *out)).astype(np.float32)
    padded = np.pad(x.astype(np.float64), [(0, 0), (0, 0), (padding, padding), (padding, padding)])
    want = np.zeros((batch, filters, *out))
    for i in range(out[0]):
        for j in range(out[1]):
            window = padded[:, :, i * stride : i * stride + kernel[0], j * stride : j * stride + kernel[1]]
            want[:, :, i, j] = np.einsum("nchw,fchw->nf", window, weight[i, j]) + bias[:, i, j]
    layer = LocallyConnected(filters=filters, kernel=kernel, stride=stride, padding=padding)
    assert_close(run(layer, x, weight=weight, bias=bias), want)


def test_axes_before_the_channels_are_batch_axes():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 3, 4, 5)).astype(np.float32)
    weight = rng.standard_normal((4, 2, 4, 2)).astype(np.float32)
    bias = rng.standard_normal((2, 4)).astype(np.float32)
    got = run(LocallyConnected(filters=2, kernel=2, axis=2), x, weight=weight, bias=bias)
    want = run(LocallyConnected(filters=2, kernel=2), x.reshape(6, 4, 5), weight=weight, bias=bias)
    assert_close(got, want.reshape(2, 3, 2, 4))


def test_errors():
    with pytest.raises(LayerError, match="filters must be at least 1, got 0"):
        LocallyConnected(filters=0, kernel=1)
    with pytest.raises(ShapeError, match="the kernel 3 is larger than the padded input 2"):
        run(
            LocallyConnected(filters=1, kernel=3),
            np.zeros((1, 1, 2), np.float32),
            weight=np.zeros((1, 1, 1, 3), np.float32),
            bias=np.zeros((1, 1), np.float32),
        )
