"""Calls of functions, imported in place."""

from __future__ import annotations

from jaxdnn.importers.tensorflow.builder import TensorFlowBuilder
from jaxdnn.importers.tensorflow.registry import NodeSource, rules
from jaxdnn.importers.tensorflow.scope import call


@rules("PartitionedCall", "StatefulPartitionedCall", inputs=(0, None))
def partitioned_call(b: TensorFlowBuilder, node: NodeSource, inputs: tuple[str, ...]) -> tuple[str, ...]:
    """Import the function's body."""
    return call(b, node.attributes.function("f").name, inputs, node.name)
