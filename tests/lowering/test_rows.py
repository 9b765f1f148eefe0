"""Products with few and many rows, which a CPU computes in different orders, inside jax's transformations."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdnn.lowering.recipes import for_platform, jit_for, row_products

SHAPES = [
    ((1, 5), 7),
    ((8, 5), 7),
    ((64, 5), 7),
    ((65, 5), 7),
    ((3, 4, 5), 7),
    ((8, 11, 5), 7),
    ((5,), 7),
    ((0, 5), 7),
]


def arrays(shape, units):
    rng = np.random.default_rng(0)
    return tuple(rng.standard_normal(sizes).astype(np.float32) for sizes in (shape, (units, shape[-1])))


@pytest.mark.parametrize(("shape", "units"), SHAPES)
def test_products_and_gradients(shape, units):
    x, weight = arrays(shape, units)
    out = np.random.default_rng(1).standard_normal((*shape[:-1], units)).astype(np.float32)

    def run(x, weight, out):
        y, back = jax.vjp(row_products, x, weight)
        return y, *back(out)

    got = jit_for("cpu", run)(x, weight, out)
    flat, flat_out = x.reshape(-1, shape[-1]), out.reshape(-1, units)
    want = x @ weight.T, out @ weight, flat_out.T @ flat
    for found, wanted in zip(got, want, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=0, atol=2e-5)


def test_batches_of_products():
    x, weight = arrays((6, 4, 5), 7)
    with for_platform("cpu"):
        got = jax.vmap(row_products, (0, None))(jnp.asarray(x), jnp.asarray(weight))
    np.testing.assert_allclose(got, x @ weight.T, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("rows", "units", "first"), [(64, 7, True), (65, 7, False), (128, 1 << 18, True), (129, 1 << 18, False)]
)
def test_what_keeps_the_order(rows, units, first):
    weight = jax.ShapeDtypeStruct((units, 5), np.float32)
    x = jax.ShapeDtypeStruct((rows, 5), np.float32)
    assert ("optimization_barrier" in jit_for("cpu", row_products).lower(x, weight).as_text()) is first


def test_xla_keeps_the_order():
    """The weight is the first factor in what is compiled: XLA does not take the transpose back into the product."""
    x, weight = arrays((8, 64), 32)
    text = jit_for("cpu", row_products).lower(x, weight).compile().as_text()
    assert "f32[32,8]" in text
