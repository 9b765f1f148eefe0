"""One rule per op, a file per family. Importing this package registers them all."""

import importlib

for _family in (
    "activation",
    "arithmetic",
    "constant",
    "control",
    "convolution",
    "decoding",
    "dense",
    "detection",
    "function",
    "fused",
    "indexing",
    "lists",
    "normalization",
    "pooling",
    "quantized",
    "recurrent",
    "random",
    "reduction",
    "resize",
    "selection",
    "shape",
    "suppression",
):
    importlib.import_module(f"jaxdnn.importers.tensorflow.rules.{_family}")
