"""What is computed once from the weights, and that the rest does not notice."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdnn.lowering.preparation import Split, jit_here
from jaxdnn.lowering.recipes import platforms, row_products


def split(function, weights, *data):
    return Split(jax.make_jaxpr(lambda *arguments: function(*arguments))(*weights, *data), len(weights))


def run(function, weights, *data):
    """Return what is prepared, after a comparison of the results."""
    parts = split(function, weights, *data)
    prepared = parts.prepare(weights)
    got = parts.finish(prepared, [weights[index] for index in parts.kept], data)
    want = jax.tree.leaves(function(*weights, *data))
    for y, expected in zip(got, want, strict=True):
        np.testing.assert_allclose(y, expected, rtol=1e-6)
    return parts, prepared


W = jnp.arange(6.0).reshape(2, 3)
X = jnp.arange(4.0).reshape(2, 2)


def test_what_reads_weights_alone_is_prepared():
    parts, prepared = run(lambda w, v, x: x @ jnp.exp(w + v), [W, W], X)
    assert [y.shape for y in prepared] == [(2, 3)]
    assert parts.kept == ()


def test_weights_that_are_read_as_they_are_are_kept():
    parts, prepared = run(lambda w, v, x: (x @ w, x.T @ v), [W, W + 1], X)
    assert (parts.kept, prepared) == ((0, 1), [])


def test_inside_of_functions():
    """A jitted function, called twice, of weights and data."""
    inner = jax.jit(lambda w, x: jax.nn.relu(x @ jnp.sin(w)))
    outer = jax.jit(lambda w, x: inner(w[:, :2], inner(w.T[:2, :2], x)))
    _, prepared = run(outer, [W], X)
    assert [y.shape for y in prepared] == [(2, 2), (2, 2)]


def test_what_only_repeats_or_reshapes_weights_is_not_kept():
    def function(w, x):
        return x + jnp.broadcast_to(w.reshape(6)[:1, None, None], (1, 100, 100))

    parts, prepared = run(function, [W], jnp.ones((1, 100, 100)))
    assert sum(y.size for y in prepared) <= 6
    assert parts.kept in ((0,), ())


def test_results_that_need_no_data():
    run(lambda w, x: (jnp.cos(w), w, x, jnp.ones(3), jnp.arange(4)[None] + 0), [W], X)


def test_a_repeated_weight_feeds_what_is_prepared_too():
    def function(w, x):
        wide = jnp.broadcast_to(w[0, 0], (50, 50))
        return x + wide, jnp.sum(wide) * x

    run(function, [W], jnp.ones((50, 50)))


def test_loops_and_branches_stay_whole():
    def function(w, x):
        y = jax.lax.fori_loop(0, 3, lambda _, y: y @ jnp.sin(w[:, :2]), x)
        return jax.lax.cond(jnp.sum(x) > 0, lambda: y, lambda: y + jnp.cos(w[:, :2]))

    run(function, [W], X)


def test_constants_are_there_for_both():
    table = np.arange(6.0, dtype=np.float32).reshape(2, 3)
    _, prepared = run(lambda w, x: x @ (w * table) + jnp.sum(table), [W], X)
    assert len(prepared) == 1


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
    monkeypatch.setattr(platforms, "backends", lambda: {"cpu": None, "cuda": None})
    function = jit_here(lambda x, w: row_products(x, w))
    assert "platform_index" in str(jax.make_jaxpr(function)(*matrices))
    np.testing.assert_allclose(function(*matrices), matrices[0] @ matrices[1].T, rtol=1e-5)
