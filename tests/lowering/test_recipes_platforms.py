"""What programs are traced and compiled for, and products of rows."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdnn.lowering.recipes import for_platform, jit_for, platforms, row_products


@pytest.fixture
def matrices():
    rng = np.random.default_rng(0)
    return tuple(jnp.asarray(rng.standard_normal(shape).astype(np.float32)) for shape in ((2, 5), (3, 5)))


@pytest.mark.parametrize("batch", [(), (0,), (1,), (3,), (4,), (1, 3), (2, 2)])
def test_row_products(batch):
    rng = np.random.default_rng(0)
    x, weight = rng.standard_normal((*batch, 5)), rng.standard_normal((4, 5))
    with for_platform("cpu"):
        got = row_products(jnp.asarray(x, jnp.float32), jnp.asarray(weight, jnp.float32))
    np.testing.assert_allclose(got, x @ weight.T, rtol=1e-5, atol=1e-6)


def test_gradients_of_row_products(matrices):
    def gradients(product):
        return jax.jit(jax.grad(lambda x, w: jnp.sum(jnp.square(product(x, w))), (0, 1)))(*matrices)

    for got, want in zip(gradients(row_products), gradients(lambda x, w: x @ w.T), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)


def first_operand(text):
    """Return the shape of the first operand of the only product in a program."""
    (operands,) = re.findall(r"dot_general.*: \((.*)\) ->", text)
    return operands.split(", ")[0]


def test_a_program_is_traced_for_its_platform(matrices):
    assert first_operand(jit_for("cpu", row_products).lower(*matrices).as_text()) == "tensor<3x5xf32>"
    elsewhere = jit_for("cuda", row_products).trace(*matrices).lower(lowering_platforms=("cuda",))
    assert first_operand(elsewhere.as_text()) == "tensor<2x5xf32>"


def test_options_that_a_compiler_does_not_know_are_left_out(monkeypatch):
    monkeypatch.setattr(platforms, "_CPU_OPTIONS", {"xla_no_such_option": "1"})
    platforms.compiler_options.cache_clear()
    try:
        assert platforms.compiler_options("cpu") == {}
        assert jit_for("cpu", lambda x: x + 1)(jnp.ones(())) == 2
    finally:
        platforms.compiler_options.cache_clear()
    assert platforms.compiler_options("cuda") == {}
