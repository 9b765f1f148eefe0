"""Trained Caffe, Darknet and TensorFlow networks as JAX functions."""

from jaxdnn.artifact.loading import Artifact, load_artifact
from jaxdnn.cache import Cache, cache
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
from jaxdnn.freezing import trainable
from jaxdnn.loader import load
from jaxdnn.lowering import Padded, Spec
from jaxdnn.lowering.custom import CustomLayer, register_layer, unregister_layer
from jaxdnn.memory import keep_memory
from jaxdnn.net import Net
from jaxdnn.optimize import optimize
from jaxdnn.policy import Policy
from jaxdnn.quantization import Quantization
from jaxdnn.quantize import quantize
from jaxdnn.surgery import join

__version__ = "0.1.0"

__all__ = [
    "Artifact",
    "Cache",
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
    "Quantization",
    "ShapeError",
    "Spec",
    "UnsupportedLayerError",
    "WeightsError",
    "cache",
    "compare",
    "detections",
    "join",
    "keep_memory",
    "load",
    "load_artifact",
    "optimize",
    "quantize",
    "register_layer",
    "trainable",
    "unregister_layer",
]
