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
    "elementwise",
    "fourier",
    "indexing",
    "late",
    "linear_algebra",
    "lists",
    "locally_connected",
    "loss",
    "morphology",
    "normalization",
    "optical_flow",
    "pooling",
    "quantization",
    "quantized",
    "recurrent",
    "reduction",
    "resize",
    "roi",
    "segments",
    "selection",
    "shape",
    "stages",
    "suppression",
    "tensor",
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
