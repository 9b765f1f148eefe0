"""Nets as ONNX files: :func:`jaxdnn.onnx.exporting.to_onnx`, one rule per layer, and a fallback for the others."""

from importlib.util import find_spec

from jaxdnn.errors import JaxdnnError

if find_spec("onnx") is None:
    raise JaxdnnError("ONNX files need the package onnx: pip install jaxdnn[onnx]")
