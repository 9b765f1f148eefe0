"""The maps of YOLO heads; what decodes them is written by the fallback."""

from __future__ import annotations

from dataclasses import replace

from jaxdnn.layers.activation import GroupedSoftmax
from jaxdnn.layers.yolo import YoloMap
from jaxdnn.onnx.exporter import Exporter
from jaxdnn.onnx.registry import NotExpressible, exports
from jaxdnn.onnx.rules.activation import grouped_softmax


@exports(YoloMap)
def yolo_map(e: Exporter, layer: YoloMap, x: str) -> str:
    """Cut the entries apart, apply each one's function, and join them."""
    if layer.uncertainty:
        raise NotExpressible("coordinates with uncertainties are no parts of a map")
    batch, channels, *plane = e.inputs[0].sizes
    sizes = (batch, layer.boxes, 5 + layer.classes, *plane)
    parts = e.split(e.reshape(x, sizes), [2, 2, 1, layer.classes], 2)
    centre, size, objectness, scores = parts
    centre = _function(e, layer.centre, centre)
    if layer.scale_xy != 1:
        scaled = e.op("Mul", centre, float(layer.scale_xy))
        centre = e.op("Sub", scaled, (layer.scale_xy - 1) / 2)
    objectness = _function(e, layer.objectness, objectness)
    if layer.scores == "softmax":
        same = GroupedSoftmax(groups=layer.groups or (layer.classes,), axis=2)
        read = replace(e.inputs[0], name=scores, sizes=(*sizes[:2], layer.classes, *plane))
        scores = grouped_softmax(replace(e, layer=same, inputs=(read,)), same, scores)
    else:
        scores = _function(e, layer.scores, scores)
    joined = e.concat([centre, size, objectness, scores], 2)
    return e.reshape(joined, (batch, channels, *plane))


def _function(e: Exporter, name: str, x: str) -> str:
    return e.op("Sigmoid", x) if name == "sigmoid" else x
