"""Text graphs for OpenCV, written from frozen detectors and their configurations."""

from jaxdnn.importers.tensorflow.textgraphs.efficientdet import AutomlAnchors
from jaxdnn.importers.tensorflow.textgraphs.generate import TextGraph, text_graph

__all__ = ["AutomlAnchors", "TextGraph", "text_graph"]
