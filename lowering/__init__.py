"""How layers compute: one pure jax function per layer, and the program that strings them together."""

import importlib

from jaxdnn.lowering.infer import Inferred, Spec, common_specs, infer, infer_open
from jaxdnn.lowering.padded import Padded
from jaxdnn.lowering.program import Program
from jaxdnn.lowering.registry import LOWERINGS, Lowering, lowers

for _family in (
    "activation",
    "arithmetic",
    "audio",
    "binary_convolution",
    "cells",
    "color",
    "constant",
    "control",
    "convolution",
    "decoding",
    "dense",
    "detection",
    "diagonal",
    "directed",
    "elements",
    "elementwise",
    "fourier",
    "indexing",
    "integer_products",
    "late",
    "linear_algebra",
    "linear_quantization",
    "lists",
    "locally_connected",
    "loss",
    "morphology",
    "normalization",
    "optical_flow",
    "patches",
    "pooling",
    "quantization",
    "quantized",
    "recurrent",
    "reduction",
    "resize",
    "roi",
    "sampling",
    "segments",
    "selection",
    "sequences",
    "shape",
    "signal",
    "stages",
    "suppression",
    "tensor",
    "trees",
    "yolo",
):
    importlib.import_module(f"jaxdnn.lowering.{_family}")

__all__ = [
    "LOWERINGS",
    "Inferred",
    "Lowering",
    "Padded",
    "Program",
    "Spec",
    "common_specs",
    "infer",
    "infer_open",
    "lowers",
]
