"""How layers compute: one pure jax function per layer, and the program that strings them together."""

import importlib

from jaxdnn.lowering.infer import Inferred, Spec, infer, infer_open
from jaxdnn.lowering.padded import Padded
from jaxdnn.lowering.program import Program
from jaxdnn.lowering.registry import LOWERINGS, Lowering, lowers

for _family in (
    "activation",
    "arithmetic",
    "binary_convolution",
    "cells",
    "constant",
    "control",
    "convolution",
    "decoding",
    "dense",
    "detection",
    "elementwise",
    "indexing",
    "late",
    "lists",
    "locally_connected",
    "loss",
    "normalization",
    "optical_flow",
    "pooling",
    "quantization",
    "recurrent",
    "reduction",
    "resize",
    "roi",
    "selection",
    "shape",
    "suppression",
    "tensor",
    "yolo",
):
    importlib.import_module(f"jaxdnn.lowering.{_family}")

__all__ = ["LOWERINGS", "Inferred", "Lowering", "Padded", "Program", "Spec", "infer", "infer_open", "lowers"]
