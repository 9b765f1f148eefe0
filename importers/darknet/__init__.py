"""Darknet: cfg and weights."""

from jaxdnn.importers.darknet.network import load_model
from jaxdnn.importers.darknet.save import save_weights

__all__ = ["load_model", "save_weights"]
