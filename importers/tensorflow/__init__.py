"""TensorFlow: frozen graphs, binary and text."""

from jaxdnn.importers.tensorflow.network import load_model

__all__ = ["load_model"]
