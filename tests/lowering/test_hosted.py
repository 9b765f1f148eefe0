"""What numpy computes to prepare weights, against jax."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from jaxdnn.lowering.hosted import is_hosted, on_host, variables

X = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
Y = np.arange(12, dtype=np.float32).reshape(4, 3)


@pytest.mark.parametrize(
    ("function", "inputs"),
    [
        (lambda x: x.transpose(2, 0, 1), (X,)),
        (lambda x: x.reshape(4, 6), (X,)),
        (lambda x: lax.squeeze(x, (1,)), (X[:, :1],)),
        (lambda x: lax.rev(x, (0, 2)), (X,)),
        (lambda x: lax.pad(x, np.float32(0), ((1, 2, 0), (0, 0, 0), (0, 0, 2))), (X,)),
        (lambda x: lax.pad(x, np.float32(5), ((-1, 0, 0), (1, -2, 0), (-2, -1, 2))), (X,)),
        (lambda x, value: lax.pad(x, value, ((0, 1, 0), (0, 0, 0), (0, 0, 0))), (X, np.float32(3))),
        (lambda x, y: lax.dot_general(x, y, (((2,), (0,)), ((), ()))), (X, Y)),
        (lambda x, y: lax.dot_general(y, x, (((1, 0), (1, 2)), ((), ()))), (X, Y)),
        (lambda x: lax.dot_general(x, x, (((0, 1, 2), (0, 1, 2)), ((), ()))), (X,)),
    ],
)
def test_equations(function, inputs):
    jaxpr = jax.make_jaxpr(function)(*inputs).jaxpr
    (eqn,) = jaxpr.eqns
    assert is_hosted(eqn)
    arrays = dict(zip(jaxpr.invars, inputs, strict=True))
    got = on_host(eqn, [arrays[variable] for variable in variables(eqn)])
    want = function(*map(jnp.asarray, inputs))
    assert (got.shape, got.dtype) == (want.shape, want.dtype)
    np.testing.assert_allclose(got, want, rtol=1e-6)


def test_others_are_not_for_the_host():
    (product,) = jax.make_jaxpr(lambda x, y: lax.dot_general(x, y, (((2,), (2,)), ((0,), (0,)))))(
        X, X
    ).jaxpr.eqns
    (sine,) = jax.make_jaxpr(jnp.sin)(X).jaxpr.eqns
    assert not is_hosted(product)
    assert not is_hosted(sine)
