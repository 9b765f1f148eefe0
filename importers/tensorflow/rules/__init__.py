"""One rule per op, a file per family. Importing this package registers them all."""

import importlib

for _family in (
    "activation",
    "audio",
    "arithmetic",
    "color",
    "constant",
    "control",
    "convolution",
    "decoding",
    "dense",
    "detection",
    "diagonal",
    "fourier",
    "function",
    "fused",
    "indexing",
    "linear_algebra",
    "lists",
    "normalization",
    "order",
    "pooling",
    "quantized",
    "quantized_arithmetic",
    "quantized_fused",
    "recurrent",
    "random",
    "reduction",
    "resize",
    "segments",
    "selection",
    "shape",
    "suppression",
):
    importlib.import_module(f"jaxdnn.importers.tensorflow.rules.{_family}")
