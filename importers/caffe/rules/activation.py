"""Activations."""

from __future__ import annotations

from jaxdnn.importers.caffe.registry import CaffeBuilder, LayerSource, rules
from jaxdnn.layers.activation import Relu


@rules("ReLU")
def relu(b: CaffeBuilder, source: LayerSource, inputs: tuple[str, ...]) -> tuple[str, ...]:
    """Rectifier."""
    p = source.param("relu_param")
    p.ignore("engine")
    return b.emit(source, Relu(negative_slope=p.number("negative_slope", 0.0)), inputs)
