"""TensorFlow: frozen graphs, binary and text."""

from jaxdnn.importers.tensorflow.network import load_model
from jaxdnn.importers.tensorflow.textgraphs import AutomlAnchors, TextGraph, text_graph

__all__ = ["AutomlAnchors", "TextGraph", "load_model", "text_graph"]
