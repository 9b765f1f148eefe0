"""Caffe: prototxt and caffemodel."""

from jaxdnn.importers.caffe.network import load_model

__all__ = ["load_model"]
