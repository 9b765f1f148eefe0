"""Caffe's Interp, computed by a function of one's own.

Usage: python examples/custom_layers/interp.py
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

import jaxdnn

PROTOTXT = """
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 2 dim: 6 dim: 8 } } }
layer { name: "up" type: "Interp" bottom: "data" top: "up" interp_param { height: 9 width: 16 } }
layer { name: "twice" type: "Interp" bottom: "data" top: "twice"
  interp_param { zoom_factor: 2 pad_beg: -1 pad_end: -1 } }
"""


def interp(
    weights, x, *, height=None, width=None, zoom_factor=1, shrink_factor=1, pad_beg=0, pad_end=0
) -> jax.Array:
    """Resize (N, C, H, W) bilinearly, corners on corners, after a crop by negative pads."""
    del weights
    x = x[:, :, -pad_beg : x.shape[2] + pad_end, -pad_beg : x.shape[3] + pad_end]
    sizes = [(size - 1) // shrink_factor + 1 for size in x.shape[2:]]
    sizes = [size + (size - 1) * (zoom_factor - 1) for size in sizes]
    for axis, size in ((2, height or sizes[0]), (3, width or sizes[1])):
        places = np.linspace(0, x.shape[axis] - 1, size)
        low = np.floor(places).astype(np.int32)
        high = np.minimum(low + 1, x.shape[axis] - 1)
        part = jnp.asarray(places - low, x.dtype).reshape([-1 if i == axis else 1 for i in range(4)])
        x = jnp.take(x, low, axis) * (1 - part) + jnp.take(x, high, axis) * part
    return x


def main() -> None:
    """Load a net whose Interp layers are computed by the function, in place of jaxdnn's own, and run it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "interp.prototxt")
        path.write_text(PROTOTXT)
        net = jaxdnn.load(path, custom_layers={"Interp": interp})
    x = np.arange(96, dtype=np.float32).reshape(1, 2, 6, 8)
    for name, y in net(x).items():
        print(f"{name}: {y.shape}, corners {y[0, 0, 0, 0]:g} and {y[0, 1, -1, -1]:g}")


if __name__ == "__main__":
    main()
