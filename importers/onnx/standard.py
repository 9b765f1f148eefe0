"""The standard's operators as steps of fused ones, which ONNX Runtime writes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from jaxdnn.errors import LayerError
from jaxdnn.importers.onnx.attributes import Attributes
from jaxdnn.importers.onnx.builder import OnnxBuilder
from jaxdnn.importers.onnx.registry import RULES, NodeSource, Values

MICROSOFT = "com.microsoft"

_VERSION = 21
"""The operator set of the standard that the steps are written in."""

_PARAMETERS = {
    "Clip": (),
    "HardSigmoid": ("alpha", "beta"),
    "HardSwish": (),
    "LeakyRelu": ("alpha",),
    "Relu": (),
    "Sigmoid": (),
    "Tanh": (),
}
"""The activations that a fused operator may end with, and what their numbers mean."""


def standard(
    b: OnnxBuilder,
    node: NodeSource,
    op: str,
    inputs: Values,
    stated: Mapping[str, object] | None = None,
    part: str = "",
) -> Values:
    """Add one of the standard's operators as a step of a node.

    Args:
        b, part: see :meth:`OnnxBuilder.emit`.
        node: whose step it is.
        op: the operator.
        inputs: of the step, ``""`` for one that is left out.
        stated: the step's attributes, strings as bytes; by default those of the node.
    """
    rule = RULES["", op]
    step = NodeSource(
        f"{node.name}@{part}" if part else node.name,
        op,
        _VERSION,
        node.attributes if stated is None else Attributes(stated),
        () if part else node.outputs,
        node.scope,
    )
    return rule.function(b, step, rule.filled(inputs))


def activated(
    b: OnnxBuilder, node: NodeSource, inputs: Values, name: str, numbers: tuple[float, ...]
) -> Values:
    """Add the activation that a fused operator ends with.

    Raises:
        LayerError: it is not known.
    """
    if name not in _PARAMETERS:
        raise LayerError(f"activation must be one of {', '.join(_PARAMETERS)}, got {name!r}")
    if name == "Clip":
        limits = [floating(b, node, n, part=f"limit{i}") for i, n in enumerate(numbers)]
        return standard(b, node, name, (*inputs, *limits), {})
    return standard(b, node, name, inputs, dict(zip(_PARAMETERS[name], numbers, strict=False)))


def floating(b: OnnxBuilder, node: NodeSource, value: float, part: str) -> str:
    """Add a floating constant of one number."""
    return b.const(node, np.array(value, np.float32), part=part)


def rank_of(b: OnnxBuilder, value: str) -> int | None:
    """Return how many axes a value has, None if the standard's inference does not know it."""
    array = b.constant(value)
    if array is not None:
        return array.ndim
    kind = b.type_of(value).tensor_type
    return len(kind.shape.dim) if kind.HasField("shape") else None
