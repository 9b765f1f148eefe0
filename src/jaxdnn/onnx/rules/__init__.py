"""One function for each layer that has operators of its own; the files mirror ``layers/``."""

import importlib

from jaxdnn.onnx.registry import EXPORTERS

for _family in (
    "activation",
    "arithmetic",
    "constant",
    "convolution",
    "dense",
    "detection",
    "elementwise",
    "indexing",
    "linear_algebra",
    "normalization",
    "pooling",
    "recurrent",
    "reduction",
    "resize",
    "roi",
    "selection",
    "shape",
    "stages",
    "suppression",
    "tensor",
    "yolo",
):
    importlib.import_module(f"jaxdnn.onnx.rules.{_family}")

__all__ = ["EXPORTERS"]
