"""How matrices are solved and taken apart: in float32, which is as little as the algorithms take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from jaxdnn.errors import ShapeError
from jaxdnn.layers.base import dims
from jaxdnn.layers.linear_algebra import Cholesky, Determinant, Eigh, Inverse, Qr, Solve, Svd
from jaxdnn.lowering.registry import lowers

Weights = Mapping[str, jax.Array]


def _require_square(x: Any) -> None:
    if x.ndim < 2 or x.shape[-1] != x.shape[-2]:
        raise ShapeError(f"square matrices expected, got {dims(x.shape)}")


def _adjoint(x: jax.Array, wanted: bool) -> jax.Array:
    return jnp.conj(x.swapaxes(-1, -2)) if wanted else x


@lowers(Cholesky, float32=True)
def cholesky(layer: Cholesky, weights: Weights, x: jax.Array) -> jax.Array:
    """See :class:`~jaxdnn.layers.linear_algebra.Cholesky`."""
    del layer, weights
    _require_square(x)
    y: jax.Array = jnp.linalg.cholesky(x)
    return y


@lowers(Inverse, float32=True)
def inverse(layer: Inverse, weights: Weights, x: jax.Array) -> jax.Array:
    """See :class:`~jaxdnn.layers.linear_algebra.Inverse`."""
    del weights
    _require_square(x)
    y: jax.Array = jnp.linalg.inv(_adjoint(x, layer.adjoint))
    return y


@lowers(Determinant, float32=True)
def determinant(
    layer: Determinant, weights: Weights, x: jax.Array
) -> jax.Array | tuple[jax.Array, jax.Array]:
    """See :class:`~jaxdnn.layers.linear_algebra.Determinant`."""
    del weights
    _require_square(x)
    if layer.logarithm:
        sign, logarithm = jnp.linalg.slogdet(x)
        return sign, logarithm
    y: jax.Array = jnp.linalg.det(x)
    return y


@lowers(Solve, float32=True)
def solve(layer: Solve, weights: Weights, a: jax.Array, b: jax.Array) -> jax.Array:
    """See :class:`~jaxdnn.layers.linear_algebra.Solve`."""
    del weights
    _require_square(a)
    if b.ndim < 2 or b.shape[-2] != a.shape[-1]:
        raise ShapeError(f"{dims(b.shape)} has not as many rows as the matrices of {dims(a.shape)}")
    batch = jnp.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    a, b = (jnp.broadcast_to(x, (*batch, *x.shape[-2:])) for x in (a, b))
    if not layer.triangle:
        y: jax.Array = jnp.linalg.solve(_adjoint(a, layer.adjoint), b)
        return y
    return jax.lax.linalg.triangular_solve(
        a,
        b,
        left_side=True,
        lower=layer.triangle == "lower",
        transpose_a=layer.adjoint,
        conjugate_a=layer.adjoint,
    )


@lowers(Qr, float32=True)
def qr(layer: Qr, weights: Weights, x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """See :class:`~jaxdnn.layers.linear_algebra.Qr`."""
    del weights
    q, r = jnp.linalg.qr(x, mode="complete" if layer.full else "reduced")
    return q, r


@lowers(Svd, float32=True)
def svd(layer: Svd, weights: Weights, x: jax.Array) -> jax.Array | tuple[jax.Array, ...]:
    """See :class:`~jaxdnn.layers.linear_algebra.Svd`."""
    del weights
    if not layer.vectors:
        return jnp.linalg.svdvals(x)
    u, s, adjoint = jnp.linalg.svd(x, full_matrices=layer.full)
    return s, u, _adjoint(adjoint, True)


@lowers(Eigh, float32=True)
def eigh(layer: Eigh, weights: Weights, x: jax.Array) -> jax.Array | tuple[jax.Array, ...]:
    """See :class:`~jaxdnn.layers.linear_algebra.Eigh`."""
    del weights
    _require_square(x)
    values, vectors = jnp.linalg.eigh(x, UPLO="L", symmetrize_input=False)
    return (values, vectors) if layer.vectors else values
