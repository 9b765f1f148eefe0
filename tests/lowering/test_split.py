"""A traced function in two parts computes what it computes whole."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxdnn.lowering.split import Split


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


def test_constants_of_functions_inside_of_functions():
    """What a weight and a constant make is prepared, however deep the call is."""
    table = jnp.asarray(W) + 1

    @jax.custom_jvp
    def inner(w, x):
        return x @ (w * table)

    inner.defjvps(None, None)
    _, prepared = run(jax.jit(lambda w, x: inner(w, x)), [W], X)
    assert [y.shape for y in prepared] == [(2, 3)]
