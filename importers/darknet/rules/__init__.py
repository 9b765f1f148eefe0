"""From Darknet's sections to typed layers: one module per family, as in :mod:`jaxdnn.layers`."""

import importlib

for _family in (
    "convolution",
    "dense",
    "elementwise",
    "normalization",
    "pooling",
    "recurrent",
    "resize",
    "shape",
    "training",
    "yolo",
):
    importlib.import_module(f"jaxdnn.importers.darknet.rules.{_family}")
