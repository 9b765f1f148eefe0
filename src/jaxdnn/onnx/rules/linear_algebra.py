"""Linear algebra on the last two axes."""

from __future__ import annotations

from jaxdnn.layers.linear_algebra import Determinant
from jaxdnn.onnx.exporter import Exporter
from jaxdnn.onnx.registry import NotExpressible, exports


@exports(Determinant)
def determinant(e: Exporter, layer: Determinant, x: str) -> str:
    """See :class:`~jaxdnn.layers.linear_algebra.Determinant`."""
    if layer.logarithm:
        raise NotExpressible("the sign and the logarithm of a determinant have no operator")
    return e.op("Det", x)
