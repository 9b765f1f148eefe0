"""Trained Caffe, Darknet and TensorFlow networks as JAX functions."""

from jaxdnn.detection import Detections, detections
from jaxdnn.errors import (
    FileError,
    GraphError,
    InputError,
    JaxdnnError,
    JaxdnnWarning,
    LayerError,
    ParseError,
    ShapeError,
    UnsupportedLayerError,
    WeightsError,
)
from jaxdnn.loader import load
from jaxdnn.lowering import Padded, Spec
from jaxdnn.net import Net
from jaxdnn.policy import Policy

__version__ = "0.1.0"

__all__ = [
    "Detections",
    "FileError",
    "GraphError",
    "InputError",
    "JaxdnnError",
    "JaxdnnWarning",
    "LayerError",
    "Net",
    "Padded",
    "ParseError",
    "Policy",
    "ShapeError",
    "Spec",
    "UnsupportedLayerError",
    "WeightsError",
    "detections",
    "load",
]
