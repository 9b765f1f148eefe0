"""TensorFlow's ResizeBilinear, computed by a function of one's own.

Usage: python examples/custom_layers/resize_bilinear.py
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

import jaxdnn

GRAPH = """
node { name: "x" op: "Placeholder"
  attr { key: "dtype" value { type: DT_FLOAT } }
  attr { key: "shape" value { shape { dim { size: 1 } dim { size: 4 } dim { size: 5 } dim { size: 2 } } } } }
node { name: "size" op: "Const"
  attr { key: "dtype" value { type: DT_INT32 } }
  attr { key: "value" value { tensor { dtype: DT_INT32 tensor_shape { dim { size: 2 } } int_val: 8 int_val: 9 } } } }
node { name: "y" op: "ResizeBilinear" input: "x" input: "size"
  attr { key: "T" value { type: DT_FLOAT } }
  attr { key: "align_corners" value { b: false } } }
"""


def resize_bilinear(weights, x, size, *, align_corners=False, half_pixel_centers=False) -> jax.Array:
    """Resize (N, H, W, C) to ``size``, which is a constant of the graph and so a numpy array."""
    del weights
    for axis, wanted in ((1, int(size[0])), (2, int(size[1]))):
        have = x.shape[axis]
        aligned = align_corners and wanted > 1
        scale = (have - 1) / (wanted - 1) if aligned else have / wanted
        shift = 0.5 if half_pixel_centers else 0.0
        places = np.clip((np.arange(wanted) + shift) * scale - shift, 0, have - 1)
        low = np.floor(places).astype(np.int32)
        high = np.minimum(low + 1, have - 1)
        part = jnp.asarray(places - low, x.dtype).reshape([-1 if i == axis else 1 for i in range(4)])
        x = jnp.take(x, low, axis) * (1 - part) + jnp.take(x, high, axis) * part
    return x


def main() -> None:
    """Load a graph with the function in place of jaxdnn's own layer, and run it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "resize.pbtxt")
        path.write_text(GRAPH)
        net = jaxdnn.load(path, custom_layers={"ResizeBilinear": resize_bilinear})
    x = np.arange(40, dtype=np.float32).reshape(1, 4, 5, 2)
    y = net(x)["y"]
    print(f"y: {y.shape}, first row of channel 0: {np.round(np.asarray(y[0, 0, :, 0]), 3).tolist()}")


if __name__ == "__main__":
    main()
