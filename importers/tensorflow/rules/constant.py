"""Constants, inputs, and nodes that only pass values on."""

from __future__ import annotations

from jaxdnn.errors import LayerError
from jaxdnn.importers.tensorflow.builder import TensorFlowBuilder
from jaxdnn.importers.tensorflow.graphdef import TensorShape
from jaxdnn.importers.tensorflow.registry import NodeSource, rules

Values = tuple[str, ...]


@rules("Const", inputs=(0, 0))
def const(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Decode the array."""
    del inputs
    node.attributes.ignore("dtype")
    array = node.attributes.tensor("value").array()
    if array.dtype == object:
        raise LayerError("holds strings, and what is computed needs them")
    return (b.const(node, array),)


@rules("Placeholder", "PlaceholderV2", inputs=0)
def placeholder(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Make an input of the graph."""
    del inputs
    return (b.input(node.name, _shape(node), _dtype(node)),)


@rules("PlaceholderWithDefault", inputs=1)
def placeholder_with_default(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Make an optional input; one whose default is computed is what is computed."""
    array = b.constant(inputs[0])
    if array is None:
        node.attributes.ignore("shape")
        return inputs
    return (b.input(node.name, _shape(node), _dtype(node), fallback=array),)


def _shape(node: NodeSource) -> tuple[int | None, ...] | None:
    """Return the declared shape. Old graphs declare an empty one where the rank is unknown."""
    stated = node.attributes.shape("shape", TensorShape(None)).sizes
    inferred = node.attributes.shapes("_output_shapes", [])
    if not stated and inferred:
        return inferred[0].sizes
    return stated


def _dtype(node: NodeSource) -> str:
    dtype = node.attributes.dtype("dtype")
    if dtype.numpy is None:
        raise LayerError(f"an input of type {dtype.name} cannot be fed: name inputs behind it (inputs=)")
    return dtype.numpy


@rules(
    *(
        "Identity",
        "StopGradient",
        "PreventGradient",
        "CheckNumerics",
        "Snapshot",
        "EnsureShape",
        "RefIdentity",
    ),
    *("GuaranteeConst", "DeepCopy"),
)
def identity(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Give the input another name."""
    del b
    node.attributes.ignore("shape", "padding")
    return inputs


@rules("Print", "PrintV2", inputs=(1, None))
def first(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Pass on the first input alone."""
    del b
    node.attributes.ignore("first_n", "output_stream", "end")
    return inputs[:1]


@rules("IdentityN", inputs=(1, None))
def identity_n(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Give each input another name."""
    del b, node
    return inputs
