"""How Fourier transforms compute: XLA's own."""

from __future__ import annotations

from collections.abc import Mapping

import jax
import jax.numpy as jnp

from jaxdnn.errors import ShapeError
from jaxdnn.layers.base import dims
from jaxdnn.layers.fourier import FourierTransform
from jaxdnn.lowering.registry import lowers


@lowers(FourierTransform, float32=True)
def fourier_transform(layer: FourierTransform, weights: Mapping[str, jax.Array], x: jax.Array) -> jax.Array:
    """See :class:`~jaxdnn.layers.fourier.FourierTransform`."""
    del weights
    if x.ndim < layer.axes:
        raise ShapeError(f"{dims(x.shape)} has fewer than {layer.axes} axes")
    needs_complex = layer.kind == "complex" or layer.inverse
    if needs_complex != jnp.issubdtype(x.dtype, jnp.complexfloating):
        raise ShapeError(f"{'complex' if needs_complex else 'real'} numbers expected, got {x.dtype}")
    name = f"{'i' if layer.inverse else ''}{'r' if layer.kind == 'real' else ''}fftn"
    transform = getattr(jnp.fft, name)
    y: jax.Array = transform(x, s=layer.size or None, axes=tuple(range(-layer.axes, 0)))
    return y
