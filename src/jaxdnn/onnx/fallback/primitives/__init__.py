"""Conversions of jax's primitives, by family."""

import importlib

from jaxdnn.onnx.fallback.registry import CONVERSIONS

for _family in ("elementwise", "movement", "reductions", "products", "indexing", "sorting", "control"):
    importlib.import_module(f"jaxdnn.onnx.fallback.primitives.{_family}")

__all__ = ["CONVERSIONS"]
