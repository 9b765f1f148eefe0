"""Binary convolutions against the plain one on values that numpy binarised."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from jaxdnn.layers.binary_convolution import BinaryConv
from jaxdnn.layers.convolution import Conv
from support.layer import assert_close, run


def sign(x):
    return np.where(x > 0, 1, -1).astype(np.float32)


@given(
    st.integers(1, 2), st.integers(0, 2), st.booleans(), st.booleans(), st.booleans(), st.integers(0, 2**16)
)
def test_binary_conv(stride, padding, binary_input, bias, channels_last, seed):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((2, 4, 5, 6)).astype(np.float32)
    weights = {"weight": rng.standard_normal((6, 2, 3, 3)).astype(np.float32)}
    if bias:
        weights["bias"] = rng.standard_normal(6).astype(np.float32)
    sizes = {"filters": 6, "kernel": 3, "groups": 2, "bias": bias, "stride": stride}
    layer = BinaryConv(**sizes, padding=padding, binary_input=binary_input, channels_last=channels_last)
    if channels_last:
        got = run(layer, x.transpose(0, 2, 3, 1), **weights).transpose(0, 3, 1, 2)
    else:
        got = run(layer, x, **weights)
    magnitude = np.abs(weights["weight"]).mean(axis=(1, 2, 3), keepdims=True)
    weights["weight"] = sign(weights["weight"]) * magnitude
    if binary_input:
        pads = [(0, 0), (0, 0), (padding, padding), (padding, padding)]
        x, padding = np.pad(sign(x), pads, constant_values=-1), 0
    assert_close(got, run(Conv(**sizes, padding=padding), x, **weights))


def test_zero_counts_as_negative():
    weight = np.array([[[-1, 0, 3]]], np.float32)
    x = np.array([[[0, 1, 0]]], np.float32)
    got = run(BinaryConv(filters=1, kernel=3, bias=False), x, weight=weight)
    assert_close(got, [[[4 / 3 * (1 - 1 - 1)]]])
