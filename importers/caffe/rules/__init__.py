"""From Caffe's layer types to typed layers: one module per family, as in :mod:`jaxdnn.layers`."""

import importlib

for _family in (
    "activation",
    "convolution",
    "data",
    "dense",
    "detection",
    "elementwise",
    "loss",
    "normalization",
    "optical_flow",
    "pooling",
    "recurrent",
    "reduction",
    "resize",
    "roi",
    "shape",
):
    importlib.import_module(f"jaxdnn.importers.caffe.rules.{_family}")
