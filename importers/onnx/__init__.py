"""ONNX: models of the standard's operators, read with the ``onnx`` package."""

from jaxdnn.importers.onnx.network import load_model

__all__ = ["load_model"]
