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
    for name, read, dtype in (
        ("value_int", attributes.integer, np.int64),
        ("value_ints", attributes.integers, np.int64),
        ("value_float", attributes.number, np.float32),
        ("value_floats", attributes.numbers, np.float32),
        ("value", attributes.tensor, None),
        ("sparse_value", attributes.sparse, None),
    ):
        if attributes.has(name):
            array = np.asarray(read(name), dtype)
            if array.dtype == object:
                break
            return (b.const(node, array),)
    raise LayerError("states no value that is a number")
