"""Fourier transforms, windows, and the mel scale."""

from __future__ import annotations

from typing import Any

from jaxdnn.importers.onnx.builder import OnnxBuilder
from jaxdnn.importers.onnx.dtypes import dtype_attribute
from jaxdnn.importers.onnx.registry import NodeSource, Values, rules
from jaxdnn.layers.arithmetic import Cast
from jaxdnn.layers.base import Layer
from jaxdnn.layers.signal import CosineWindow, MelWeights, PairedFourierTransform, ShortTimeFourier

_WINDOWS = {
    "HannWindow": (0.5, 0.5),
    "HammingWindow": (25 / 46, 21 / 46),
    "BlackmanWindow": (0.42, 0.5, 0.08),
}


@rules("DFT", inputs=(1, 3))
def dft(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """The axis is an attribute first, and an input from version 20 on."""
    x, size, axis = inputs
    layer = PairedFourierTransform(
        axis=-2 if node.version >= 20 else node.attributes.integer("axis", 1),
        inverse=node.attributes.flag("inverse", False),
        onesided=node.attributes.flag("onesided", False),
    )
    return b.late(node, layer, (x,), **_given(size=size, axis=axis))


@rules("STFT", inputs=(2, 4))
def stft(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """Step and length are inputs that a shape depends on."""
    x, step, window, length = inputs
    layer = ShortTimeFourier(step=1, onesided=node.attributes.flag("onesided", True))
    return b.late(node, layer, tuple(filter(None, (x, window))), **_given(step=step, length=length))


@rules(*_WINDOWS)
def window(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """The size is an input."""
    periodic = node.attributes.flag("periodic", True)
    layer = CosineWindow(size=0, coefficients=_WINDOWS[node.op], periodic=periodic)
    return _constant(b, node, layer, size=inputs[0])


@rules("MelWeightMatrix", inputs=5)
def mel_weight_matrix(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """All of it are inputs."""
    layer = MelWeights(bands=1, length=1, rate=1, lower=0.0, upper=0.0)
    names = ("bands", "length", "rate", "lower", "upper")
    return _constant(b, node, layer, **dict(zip(names, inputs, strict=True)))


def _given(**values: str) -> dict[str, Any]:
    """Return the inputs that are not left out."""
    return {name: value for name, value in values.items() if value}


def _constant(b: OnnxBuilder, node: NodeSource, layer: Layer, **attributes: Any) -> Values:
    """Add a layer without inputs whose result is cast to the type that the node states."""
    dtype = dtype_attribute(node, "output_datatype", "float32")
    value = b.late(node, layer, (), part="" if dtype == "float32" else "values", **attributes)
    return value if dtype == "float32" else b.emit(node, Cast(dtype=dtype), value)
