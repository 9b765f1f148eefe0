"""Products of integers with zero points, against sums in int64."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxdnn import LayerError, ShapeError
from jaxdnn.layers.convolution import Conv
from jaxdnn.layers.integer_products import IntegerConv, IntegerMatMul
from support.layer import net_of, run

TYPES = st.sampled_from(("int8", "uint8"))


def drawn(rng, dtype, *shape):
    limits = np.iinfo(dtype)
    return rng.integers(limits.min, limits.max, shape, endpoint=True).astype(dtype)


def convolved(x, w, stride, pad, dilation, groups):
    """Sum up one output element at a time."""
    x = np.pad(x, ((0, 0), (0, 0), pad, pad))
    reach = [dilation * (k - 1) + 1 for k in w.shape[2:]]
    size = [(n - r) // stride + 1 for n, r in zip(x.shape[2:], reach, strict=True)]
    y = np.zeros((x.shape[0], w.shape[0], *size), np.int64)
    share = w.shape[0] // groups
    for n, o, i, j in itertools.product(*map(range, y.shape)):
        first = (o // share) * w.shape[1]
        part = x[n, first : first + w.shape[1]]
        rows = slice(i * stride, i * stride + reach[0], dilation)
        columns = slice(j * stride, j * stride + reach[1], dilation)
        y[n, o, i, j] = (part[:, rows, columns] * w[o]).sum()
    return y


@settings(max_examples=8)
@given(
    TYPES, TYPES, st.integers(1, 2), st.tuples(st.integers(0, 2), st.integers(0, 2)), st.integers(1, 2),
    st.sampled_from((1, 2, 4)), st.booleans(), st.integers(0, 2**32),
)  # fmt: skip
def test_convolution(x_type, w_type, stride, pad, dilation, groups, per_filter, seed):
    rng = np.random.default_rng(seed)
    x, w = drawn(rng, x_type, 2, 4, 6, 7), drawn(rng, w_type, 4, 4 // groups, 2, 3)
    x_zero, w_zero = drawn(rng, x_type), drawn(rng, w_type, *((4,) if per_filter else ()))
    layer = Conv(
        filters=None,
        kernel=None,
        stride=stride,
        padding=(pad, pad),
        dilation=dilation,
        groups=groups,
        bias=False,
    )
    got = run(IntegerConv(layer=layer, weight_zero=True), x, x_zero, w_zero, w)
    centred = x.astype(np.int64) - x_zero, w.astype(np.int64) - w_zero.astype(np.int64).reshape(-1, 1, 1, 1)
    np.testing.assert_array_equal(got, convolved(*centred, stride, pad, dilation, groups))
    assert got.dtype == np.int32


def test_convolution_with_a_stored_weight_and_the_channels_last():
    rng = np.random.default_rng(1)
    x, w, zero = drawn(rng, "uint8", 1, 5, 6, 3), drawn(rng, "int8", 2, 3, 3, 3), np.uint8(9)
    layer = Conv(filters=2, kernel=(3, 3), padding=1, bias=False, channels_last=True)
    net = net_of(IntegerConv(layer=layer), x, zero, weight=w)
    got = np.asarray(net({"x0": x, "x1": zero})["y0"])
    centred = np.moveaxis(x.astype(np.int64) - 9, -1, 1)
    np.testing.assert_array_equal(
        got, np.moveaxis(convolved(centred, w.astype(np.int64), 1, (1, 1), 1, 1), 1, -1)
    )
    assert net.params["layer"]["weight"].dtype == np.int8


@settings(max_examples=8)
@given(TYPES, TYPES, st.booleans(), st.booleans(), st.integers(0, 2**32))
def test_product(a_type, b_type, per_row, per_column, seed):
    rng = np.random.default_rng(seed)
    a, b = drawn(rng, a_type, 4, 6), drawn(rng, b_type, 6, 5)
    a_zero, b_zero = drawn(rng, a_type, *(4,) * per_row), drawn(rng, b_type, *(5,) * per_column)
    rows = a_zero.astype(np.int64)[:, None] if per_row else int(a_zero)
    want = (a.astype(np.int64) - rows) @ (b.astype(np.int64) - b_zero.astype(np.int64))
    np.testing.assert_array_equal(run(IntegerMatMul(), a, a_zero, b_zero, b), want)


def test_batches_and_vectors():
    rng = np.random.default_rng(2)
    a, b = drawn(rng, "uint8", 2, 3, 4), drawn(rng, "int8", 4, 5)
    zero = np.uint8(7), np.int8(-3)
    want = (a.astype(np.int64) - 7) @ (b.astype(np.int64) + 3)
    np.testing.assert_array_equal(run(IntegerMatMul(), a, *zero, b), want)
    np.testing.assert_array_equal(run(IntegerMatMul(weight=(4, 5)), a, *zero, weight=b), want)
    np.testing.assert_array_equal(run(IntegerMatMul(), a[0, 0], *zero, b), want[0, 0])
    each = drawn(rng, "uint8", 2, 3, 1)
    want = (a.astype(np.int64) - each) @ (b.astype(np.int64) + 3)
    np.testing.assert_array_equal(run(IntegerMatMul(), a, each, zero[1], b), want)


def test_errors():
    with pytest.raises(ShapeError, match="integers of 8 bits expected, got int32"):
        run(IntegerMatMul(), np.ones((2, 2), np.int32), np.int8(0), np.int8(0), np.ones((2, 2), np.int8))
    with pytest.raises(LayerError, match="layer must have no bias"):
        IntegerConv(layer=Conv(filters=2, kernel=(3, 3)))
