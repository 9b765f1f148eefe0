"""Values that do not depend on any input."""

from __future__ import annotations

from jaxdnn.layers.constant import Parameter
from jaxdnn.onnx.exporter import Exporter
from jaxdnn.onnx.registry import exports


@exports(Parameter)
def parameter(e: Exporter, layer: Parameter) -> str:
    """See :class:`~jaxdnn.layers.constant.Parameter`."""
    del layer
    return e.param("value")
