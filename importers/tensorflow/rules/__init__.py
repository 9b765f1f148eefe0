"""One rule per op, a file per family. Importing this package registers them all."""

import importlib

for _family in (
    "activation",
    "arithmetic",
    "constant",
    "convolution",
    "dense",
    "function",
    "fused",
    "indexing",
    "normalization",
    "pooling",
    "random",
    "reduction",
    "resize",
    "shape",
):
    importlib.import_module(f"jaxdnn.importers.tensorflow.rules.{_family}")
