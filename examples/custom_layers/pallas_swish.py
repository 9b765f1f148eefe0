"""A Pallas kernel as a section of a Darknet cfg that Darknet does not have.

Usage: python examples/custom_layers/pallas_swish.py
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import pallas as pl

import jaxdnn

CFG = """
[net]
width=6
height=4
channels=3

[scaled_swish]
beta=1.5
"""


@jaxdnn.register_layer("scaled_swish", weights=lambda shape, attributes: {"scale": (shape[1],)})
def scaled_swish(weights, x, *, beta=1.0) -> jax.Array:
    """Return scale * x * sigmoid(beta * x), with a scale for each channel, in one kernel."""

    def kernel(x_ref, scale_ref, y_ref):
        value = x_ref[...]
        y_ref[...] = scale_ref[...] * value * jax.nn.sigmoid(jnp.asarray(beta, value.dtype) * value)

    scale = jnp.broadcast_to(weights["scale"][None, :, None, None], x.shape)
    interpret = jax.default_backend() == "cpu"
    return pl.pallas_call(kernel, jax.ShapeDtypeStruct(x.shape, x.dtype), interpret=interpret)(x, scale)


def main() -> None:
    """Write a cfg and its weights, load them, and run the kernel."""
    scale = np.array([1, 2, 3], np.float32)
    with tempfile.TemporaryDirectory() as folder:
        cfg, weights = Path(folder, "swish.cfg"), Path(folder, "swish.weights")
        cfg.write_text(CFG)
        weights.write_bytes(np.array([0, 2, 5, 0, 0], "<i4").tobytes() + scale.astype("<f4").tobytes())
        net = jaxdnn.load(cfg, weights)
    x = np.linspace(-2, 2, 72, dtype=np.float32).reshape(1, 3, 4, 6)
    (y,) = net(x).values()
    wanted = scale[:, None, None] * x / (1 + np.exp(-1.5 * x))
    print(f"scaled_swish: {y.shape}, largest difference from numpy {np.abs(y - wanted).max():.1e}")


if __name__ == "__main__":
    main()
