"""The centred Crop of holistically-nested edge detection, as a class that OpenCV takes too.

Usage: python examples/custom_layers/crop.py
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

import jaxdnn

PROTOTXT = """
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 3 dim: 7 dim: 10 } } }
layer { name: "like" type: "Input" top: "like" input_param { shape { dim: 1 dim: 1 dim: 4 dim: 6 } } }
layer { name: "crop" type: "Crop" bottom: "data" bottom: "like" top: "crop" }
"""


class CenteredCrop:
    """Cut rows and columns from the middle of the first input until it has the second one's size."""

    def __init__(self, params, blobs):
        self.rows = self.columns = slice(None)

    def getMemoryShapes(self, inputs):
        """Return the shapes of the outputs; from them follows where to cut."""
        (batch, channels, *have), wanted = inputs[0], inputs[1][2:]
        starts = [(size - kept) // 2 for size, kept in zip(have, wanted, strict=True)]
        self.rows, self.columns = (
            slice(start, start + kept) for start, kept in zip(starts, wanted, strict=True)
        )
        return [[batch, channels, *wanted]]

    def forward(self, inputs):
        """Cut."""
        return [inputs[0][:, :, self.rows, self.columns]]


def main() -> None:
    """Load a net whose Crop layer is computed by the class, in place of jaxdnn's own, and run it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "crop.prototxt")
        path.write_text(PROTOTXT)
        net = jaxdnn.load(path, custom_layers={"Crop": CenteredCrop})
    print(net.summary())
    x = np.arange(210, dtype=np.float32).reshape(1, 3, 7, 10)
    y = net({"data": x, "like": np.zeros((1, 1, 4, 6), np.float32)})["crop"]
    print(f"crop: {y.shape}, corners {y[0, 0, 0, 0]:g} and {y[0, 2, -1, -1]:g}")


if __name__ == "__main__":
    main()
