"""Caffe: prototxt and caffemodel."""

from jaxdnn.importers.caffe.network import load_model
from jaxdnn.importers.caffe.save import save_weights

__all__ = ["load_model", "save_weights"]
