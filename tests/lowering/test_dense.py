"""Matrix products and look-ups against numpy in float64."""

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from jaxdnn import LayerError, ShapeError, WeightsError
from jaxdnn.layers.dense import Dense, Embed, MatMul
from support.layer import assert_close, net_of, run


def normal(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


@given(hnp.array_shapes(max_dims=4, max_side=4), st.integers(1, 4), st.booleans(), st.booleans(), st.data())
def test_dense(shape, units, bias, transpose, data):
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    x = normal(0, *shape)
    flat = x.reshape(*shape[: axis % len(shape)], -1).astype(np.float64)
    weight = normal(1, units, flat.shape[-1])
    weights = {"weight": weight.T if transpose else weight} | ({"bias": normal(2, units)} if bias else {})
    want = flat @ weight.T + weights.get("bias", np.float32(0))
    layer = Dense(units=units, bias=bias, axis=axis, transpose=transpose)
    assert_close(run(layer, x, **weights), want)


@given(
    hnp.arrays(np.float32, hnp.array_shapes(min_dims=0, max_dims=3), elements=st.integers(0, 4).map(float))
)
def test_embed(x):
    weight, bias = normal(0, 5, 3), normal(1, 3)
    rows = weight[x.astype(int)]
    assert_close(run(Embed(rows=5, units=3, bias=False), x, weight=weight), rows)
    assert_close(run(Embed(rows=5, units=3), x, weight=weight, bias=bias), rows + bias)


def test_embed_beyond_the_table():
    weight = normal(0, 2, 1)
    got = run(Embed(rows=2, units=1, bias=False), np.array([1.9, 2], np.float32), weight=weight)
    np.testing.assert_array_equal(got, [weight[1], [np.nan]])


@given(
    hnp.mutually_broadcastable_shapes(signature="(m,k),(k,n)->(m,n)", max_dims=2, max_side=3),
    st.booleans(),
    st.booleans(),
)
def test_matmul(shapes, transpose_a, transpose_b):
    a, b = (normal(seed, *shape) for seed, shape in enumerate(shapes.input_shapes))
    stored = [x.swapaxes(-1, -2) if swap else x for x, swap in ((a, transpose_a), (b, transpose_b))]
    layer = MatMul(transpose_a=transpose_a, transpose_b=transpose_b)
    assert_close(run(layer, *stored), a.astype(np.float64) @ b)


def test_dense_gradient_is_the_input():
    x, weight = normal(0, 1, 3), normal(1, 2, 3)
    net = net_of(Dense(units=2, bias=False), x, weight=weight)
    gradient = jax.grad(lambda params: net.apply(params, x)["y0"].sum())(net.params)
    assert_close(np.asarray(gradient["layer"]["weight"]), np.broadcast_to(x, (2, 3)))


def test_flops():
    assert Dense(units=5).flops(((2, 3, 4),), ((2, 5),)) == 2 * 2 * 12 * 5 + 10
    assert Embed(rows=9, units=5, bias=False).flops(((2,),), ((2, 5),)) == 0
    assert MatMul(transpose_a=True).flops(((7, 3), (7, 4)), ((3, 4),)) == 2 * 3 * 7 * 4


def test_errors():
    x = np.zeros((2, 3, 6, 7), np.float32)
    with pytest.raises(ShapeError, match="axis 5 is out of range for 4 axes"):
        run(Dense(units=3, axis=5, bias=False), x, weight=x)
    with pytest.raises(WeightsError, match="weight is 126x3 in the weights file, 3x126 expected"):
        run(Dense(units=3, bias=False), x, weight=np.zeros((126, 3), np.float32))
    with pytest.raises(LayerError, match="units must be at least 1, got 0"):
        Dense(units=0)
    with pytest.raises(LayerError, match="rows must be at least 1, got 0"):
        Embed(rows=0, units=1)
    with pytest.raises(ShapeError, match="the rows of 2x3 are not as long as the columns of 2x3"):
        run(MatMul(), x[:, :, 0, 0], x[:, :, 0, 0])
    with pytest.raises(ShapeError, match="a matrix has two axes or more, got 2 and 2x3"):
        run(MatMul(), x[:, 0, 0, 0], x[:, :, 0, 0])


def test_products_of_vectors():
    a, b = np.arange(12, dtype=np.float32).reshape(2, 2, 3), np.float32([1, -1, 2])
    layer = MatMul(vectors=True)
    np.testing.assert_array_equal(run(layer, a, b), a @ b)
    np.testing.assert_array_equal(run(layer, b[:2], a), b[:2] @ a)
    np.testing.assert_array_equal(run(layer, b, b), b @ b)
