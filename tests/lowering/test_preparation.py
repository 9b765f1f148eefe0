"""What depends on params alone is computed once for each set of them, also around jax's transformations."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from jaxdnn.lowering.hosted import on_host
from jaxdnn.lowering.preparation import jit_here
from jaxdnn.lowering.recipes import row_products

W = jnp.arange(6.0).reshape(2, 3)
X = jnp.arange(4.0).reshape(2, 2)


def test_params_are_prepared_once_for_each_set_of_them():
    calls = []

    def prepared(w):
        calls.append(1)
        return np.asarray(w) + 1

    def function(params, x):
        structure = jax.ShapeDtypeStruct(params["w"].shape, params["w"].dtype)
        return x @ jax.pure_callback(prepared, structure, params["w"])

    jitted = jit_here(function)
    for params, count in (({"w": W}, 1), ({"w": W}, 1), ({"w": W + 1}, 2)):
        np.testing.assert_allclose(jitted(params, X), X @ (params["w"] + 1))
        assert len(calls) == count
    other = {"w": jnp.ones((2, 5))}
    np.testing.assert_allclose(jitted(other, X), X @ (other["w"] + 1))
    np.testing.assert_allclose(jitted({"w": W}, X[:1]), X[:1] @ (W + 1))


def test_data_of_other_shapes_share_what_is_prepared(monkeypatch):
    weights = {"a": jnp.ones((3, 3)), "b": jnp.ones((3, 2))}
    made = []
    monkeypatch.setattr(
        "jaxdnn.lowering.split.on_host", lambda eqn, arrays: made.append(eqn) or on_host(eqn, arrays)
    )
    jitted = jit_here(
        lambda params, x: x @ params["a"].T + x @ lax.pad(params["b"], 0.0, ((0, 0, 0), (1, 0, 0)))
    )
    x = jnp.ones((2, 3))
    first = jitted(weights, x)
    count = len(made)
    assert count >= 2
    np.testing.assert_allclose(jitted(weights, jnp.ones((5, 3)))[:2], first)
    assert len(made) == count
    jitted({"a": weights["a"] + 1, "b": weights["b"]}, x)
    assert len(made) == 2 * count


@pytest.mark.parametrize("more", [{}, {"b": {"bias": (X[0, 0], X[0, 1])}}])
def test_a_dict_that_changes_is_read_anew(more):
    def function(params, x):
        return x @ params["a"]["w"] + sum(jax.tree.leaves(params.get("b", 0.0)))

    jitted, params = jit_here(function), {**more, "a": {"w": W}}
    for _ in range(2):
        np.testing.assert_allclose(jitted(params, X), function(params, X))
    params["a"]["w"] = W + 1
    np.testing.assert_allclose(jitted(params, X), function(params, X))
    params["b"] = {"bias": (X[1, 0], X[1, 1])}
    np.testing.assert_allclose(jitted(params, X), function(params, X))


def test_nothing_traced_is_kept():
    """A call inside of a transformation leaves nothing of it behind."""
    jitted = jit_here(lambda w, x: x @ jnp.sin(w))
    want = X @ jnp.sin(W)
    np.testing.assert_allclose(jax.jit(lambda x: jitted(W, x))(X), want, rtol=1e-6)
    np.testing.assert_allclose(jax.jit(lambda x: x + jitted(W, X))(jnp.zeros((2, 3))), want, rtol=1e-6)
    np.testing.assert_allclose(jitted(W, X), want, rtol=1e-6)
    np.testing.assert_allclose(jax.jit(lambda x: x + jitted(W, X))(jnp.ones((2, 3))), want + 1, rtol=1e-6)
    np.testing.assert_allclose(jitted(W, X), want, rtol=1e-6)


@pytest.fixture
def matrices():
    rng = np.random.default_rng(0)
    return tuple(jnp.asarray(rng.standard_normal(shape).astype(np.float32)) for shape in ((2, 5), (3, 5)))


def test_a_jitted_function_works_inside_transformations(matrices):
    function = jit_here(lambda x, w: jnp.sum(row_products(x, w)))
    want = np.sum(np.asarray(matrices[0]) @ np.asarray(matrices[1]).T)
    x, weight = matrices
    assert np.isclose(function(x, weight), want, rtol=1e-5)
    assert np.isclose(jax.jit(function)(x, weight), want, rtol=1e-5)
    np.testing.assert_allclose(jax.grad(function)(x, weight), np.tile(weight.sum(0), (2, 1)), rtol=1e-5)
    assert jax.vmap(function, (0, None))(x[:, None], weight).shape == (2,)


def test_an_error_of_the_function_is_raised():
    def fails(x):
        raise ValueError("of its own")

    with pytest.raises(ValueError, match="of its own"):
        jit_here(fails)(jnp.ones(1))


def test_with_several_platforms_nothing_is_decided(monkeypatch, matrices):
    monkeypatch.setattr("jax.extend.backend.backends", lambda: {"cpu": None, "cuda": None})
    function = jit_here(lambda x, w: row_products(x, w))
    assert "platform_index" in str(jax.make_jaxpr(function)(*matrices))
    np.testing.assert_allclose(function(*matrices), matrices[0] @ matrices[1].T, rtol=1e-5)
