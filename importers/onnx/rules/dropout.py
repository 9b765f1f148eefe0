"""Dropout, which inference leaves out."""

from __future__ import annotations

import warnings

from jaxdnn.errors import JaxdnnWarning
from jaxdnn.importers.onnx.builder import OnnxBuilder
from jaxdnn.importers.onnx.registry import NodeSource, Values, rules
from jaxdnn.layers.arithmetic import Cast
from jaxdnn.layers.tensor import FillLike


@rules("Dropout", inputs=(1, 3))
def dropout(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """The input, and a mask that keeps all of it."""
    x, ratio, training = inputs
    node.attributes.ignore("ratio", "seed")
    trains = b.constant(training)
    stated = b.constant(ratio)
    old = node.version < 7 and not node.attributes.flag("is_test", False)
    drops = stated is None or bool(stated.any())
    if (trains is not None and trains.any() and drops) or (old and node.attributes.has("is_test")):
        warnings.warn(
            f"{node.name!r} (Dropout): it is set to training, and is imported for inference: nothing is dropped",
            JaxdnnWarning,
            stacklevel=2,
        )
    if len(node.outputs) < 2 or not node.outputs[1]:
        return (x,)
    (mask,) = b.emit(node, FillLike(value=1.0), (x,), part="ones")
    if node.version >= 10:
        (mask,) = b.emit(node, Cast(dtype="bool"), (mask,), part="mask")
    return x, mask
