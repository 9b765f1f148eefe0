"""Fourier transforms."""

from __future__ import annotations

from jaxdnn.importers.tensorflow.builder import TensorFlowBuilder
from jaxdnn.importers.tensorflow.registry import NodeSource, rules
from jaxdnn.layers.fourier import FourierTransform

Values = tuple[str, ...]

_COMPLEX = {
    f"{inverse}FFT{suffix}": FourierTransform(axes=axes, inverse=bool(inverse))
    for inverse in ("", "I")
    for suffix, axes in (("", 1), ("2D", 2), ("3D", 3))
}
_REAL = {
    f"{inverse}RFFT{suffix}": FourierTransform(axes=axes, inverse=bool(inverse), kind="real")
    for inverse in ("", "I")
    for suffix, axes in (("", 1), ("2D", 2), ("3D", 3))
}


@rules(*_COMPLEX)
def fourier(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Complex numbers."""
    return b.emit(node, _COMPLEX[node.op], inputs)


@rules(*_REAL, inputs=2)
def real_fourier(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """The sizes of the real array are an input."""
    return b.late(node, _REAL[node.op], inputs[:1], size=inputs[1])
