"""Padding."""

from __future__ import annotations

import numpy as np

from jaxdnn.errors import LayerError
from jaxdnn.importers.onnx.builder import OnnxBuilder
from jaxdnn.importers.onnx.registry import NodeSource, Values, rules
from jaxdnn.layers.shape import Pad, Slice

_MODES = ("constant", "edge", "reflect", "wrap")


@rules("Pad", inputs=(1, 4))
@rules("Pad", inputs=(2, 3), domain="com.microsoft")
def pad(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """The amounts are all those before the axes, then those behind; attributes until version 11."""
    x, amounts, value, axes = (*inputs, "")[:4]
    layer = Pad(before=(), after=(), mode=node.attributes.one_of("mode", _MODES, "constant"))
    if not amounts:
        name = "pads" if node.attributes.has("pads") else "paddings"
        stated = np.array(node.attributes.integers(name), np.int64)
        number = b.const(node, np.array(node.attributes.number("value", 0.0), np.float32), part="number")
        return _padded(b, node, layer, x, b.const(node, stated, part=name), {"value": number})
    late = {name: given for name, given in (("value", value), ("axes", axes)) if given}
    if layer.mode != "constant":
        late.pop("value", None)
    return _padded(b, node, layer, x, amounts, late)


def _padded(
    b: OnnxBuilder, node: NodeSource, layer: Pad, x: str, amounts: str, late: dict[str, str]
) -> Values:
    known = b.constant(amounts)
    if known is None:
        before, after = b.emit(node, Slice(parts=2, axis=0), (amounts,), outputs=2, part="sides")
        return _late(b, node, layer, x, {"before": before, "after": after, **late})
    if known.size % 2:
        raise LayerError(f"{known.size} amounts are no pairs")
    sides = known.reshape(2, -1)
    axes = b.constant(late["axes"]) if "axes" in late else None
    if axes is not None and axes.size == sides.shape[1] and axes.size and axes.min() >= 0:
        # Amounts for all axes up to the last one: what passes know as padding of consecutive axes.
        sides = np.zeros((2, int(axes.max()) + 1), np.int64)
        sides[:, axes.reshape(-1)] = known.reshape(2, -1)
        late = {name: value for name, value in late.items() if name != "axes"}
    before, after = (b.const(node, side, part=f"side{i}") for i, side in enumerate(sides))
    return _late(b, node, layer, x, {"before": before, "after": after, **late})


def _late(b: OnnxBuilder, node: NodeSource, layer: Pad, x: str, values: dict[str, str]) -> Values:
    return b.late(node, layer, (x,), None, outputs=1, part="", **values)
