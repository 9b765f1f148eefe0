"""Trained Caffe, Darknet and TensorFlow networks as JAX functions."""

from jaxdnn.comparison import Comparison, compare
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
from jaxdnn.finite import NonFinite
from jaxdnn.loader import load
from jaxdnn.lowering import Padded, Spec
from jaxdnn.lowering.custom import CustomLayer, register_layer, unregister_layer
from jaxdnn.net import Net
from jaxdnn.optimize import optimize
from jaxdnn.policy import Policy

__version__ = "0.1.0"

__all__ = [
    "Comparison",
    "CustomLayer",
    "Detections",
    "FileError",
    "GraphError",
    "InputError",
    "JaxdnnError",
    "JaxdnnWarning",
    "LayerError",
    "Net",
    "NonFinite",
    "Padded",
    "ParseError",
    "Policy",
    "ShapeError",
    "Spec",
    "UnsupportedLayerError",
    "WeightsError",
    "compare",
    "detections",
    "load",
    "optimize",
    "register_layer",
    "unregister_layer",
]
