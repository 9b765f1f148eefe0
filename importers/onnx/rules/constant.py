"""Constants."""

from __future__ import annotations

import numpy as np

from jaxdnn.errors import LayerError
from jaxdnn.importers.onnx.builder import OnnxBuilder
from jaxdnn.importers.onnx.registry import NodeSource, Values, rules


@rules("Constant", inputs=0)
def constant(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """The value is stated in one of several attributes."""
    del inputs
    attributes = node.attributes
    if attributes.has("value"):
        return (b.const(node, attributes.tensor("value")),)
    if attributes.has("value_int"):
        return (b.const(node, np.array(attributes.integer("value_int"), np.int64)),)
    if attributes.has("value_ints"):
        return (b.const(node, np.array(attributes.integers("value_ints"), np.int64)),)
    if attributes.has("value_float"):
        return (b.const(node, np.array(attributes.number("value_float"), np.float32)),)
    if attributes.has("value_floats"):
        return (b.const(node, np.array(attributes.numbers("value_floats"), np.float32)),)
    raise LayerError("states no value that is a number")
