"""TensorList and TensorArray: lists of arrays of one shape, which are arrays."""

from __future__ import annotations

from jaxdnn.errors import LayerError
from jaxdnn.importers.tensorflow.builder import TensorFlowBuilder
from jaxdnn.importers.tensorflow.graphdef import TensorShape
from jaxdnn.importers.tensorflow.registry import NodeSource, rules
from jaxdnn.layers.lists import (
    ListGet,
    ListJoin,
    ListPop,
    ListPush,
    ListReserve,
    ListResize,
    ListScatter,
    ListSet,
    ListShape,
    ListSplit,
)
from jaxdnn.layers.shape import Concat, Gather

Values = tuple[str, ...]


@rules("TensorArrayV3", inputs=1, outputs=("handle", "flow"))
def array_reserve(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """The flow carries the elements; what is done reads that, never the handle."""
    node.attributes.ignore(
        "dynamic_size", "clear_after_read", "identical_element_shapes", "tensor_array_name"
    )
    sizes = node.attributes.shape("element_shape", TensorShape(None)).sizes
    shape = (-1,) if sizes is None else tuple(-1 if size is None else size for size in sizes)
    layer = ListReserve(count=0, shape=shape, dtype=_dtype(node, "dtype"))
    (flow,) = b.late(node, layer, (), count=inputs[0])
    return flow, flow


@rules("TensorListReserve", "EmptyTensorList", inputs=2, outputs=("handle",))
def list_reserve(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """A list that begins empty grows by what is pushed; the greatest length it may have does not matter."""
    layer = ListReserve(count=0, dtype=_dtype(node, "element_dtype"))
    if node.op == "EmptyTensorList":
        return b.late(node, layer, (), shape=inputs[0])
    return b.late(node, layer, (), shape=inputs[0], count=inputs[1])


@rules("TensorListFromTensor", inputs=2, outputs=("output_handle",))
@rules("TensorListStack", inputs=2, outputs=("tensor",))
def same(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """A list is the array of its elements."""
    del b
    node.attributes.ignore("num_elements")
    return inputs[:1]


@rules("TensorArrayWriteV3", inputs=4, outputs=("flow_out",))
def array_set(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """The inputs are handle, index, value and flow."""
    _, index, value, flow = inputs
    return b.emit(node, ListSet(), (flow, index, value))


@rules("TensorListSetItem", inputs=3, outputs=("output_handle",))
def list_set(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Replace an element."""
    node.attributes.ignore("resize_if_index_out_of_bounds")
    return b.emit(node, ListSet(), inputs)


@rules("TensorArrayReadV3", inputs=3, outputs=("value",))
def array_get(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """The inputs are handle, index and flow."""
    return b.emit(node, ListGet(), (inputs[2], inputs[1]))


@rules("TensorListGetItem", inputs=3, outputs=("item",))
def list_get(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """The element's shape, the third input, is that of the list's elements."""
    return b.emit(node, ListGet(), inputs[:2])


@rules("TensorArrayScatterV3", inputs=4, outputs=("flow_out",))
def array_scatter(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """The inputs are handle, indices, values and flow."""
    _, indices, values, flow = inputs
    return b.emit(node, ListScatter(), (flow, indices, values))


@rules("TensorListScatterIntoExistingList", inputs=3, outputs=("output_handle",))
def list_scatter(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """The inputs are list, values and indices."""
    return b.emit(node, ListScatter(), (inputs[0], inputs[2], inputs[1]))


@rules("TensorListScatter", inputs=3, outputs=("output_handle",))
@rules("TensorListScatterV2", inputs=4, outputs=("output_handle",))
def new_list(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """The inputs are values, indices, shape of an element, and the number of elements; -1: as many as needed."""
    layer = ListReserve(count=0, shape=(-1,), dtype=_dtype(node, "element_dtype"))
    count = b.constant(inputs[-1]) if len(inputs) == 4 else None
    if len(inputs) == 3 or (count is not None and (count < 0).all()):
        zeros = b.emit(node, layer, (), part="zeros")
    else:
        zeros = b.late(node, layer, (), part="zeros", count=inputs[3])
    return b.emit(node, ListScatter(), (*zeros, inputs[1], inputs[0]))


@rules("TensorListConcatLists", inputs=2)
def joined_lists(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """The elements of the one, then those of the other."""
    node.attributes.ignore("element_dtype")
    return b.emit(node, Concat(axis=0), inputs)


@rules("TensorArrayGatherV3", inputs=3, outputs=("value",))
def array_gather(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """The inputs are handle, indices and flow."""
    node.attributes.ignore("element_shape")
    return b.emit(node, Gather(axis=0), (inputs[2], inputs[1]))


@rules("TensorListGather", inputs=3, outputs=("values",))
def list_gather(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Several elements at once."""
    return b.emit(node, Gather(axis=0), inputs[:2])


@rules("TensorArrayConcatV3", inputs=2, outputs=("value", "lengths"))
def array_join(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """The inputs are handle and flow."""
    node.attributes.ignore("element_shape_except0")
    return b.emit(node, ListJoin(), inputs[1:], outputs=2)


@rules("TensorListConcat", "TensorListConcatV2", inputs=(1, 3), outputs=("tensor", "lengths"))
def list_join(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """What lengths should be is known from the list."""
    node.attributes.ignore("element_shape")
    return b.emit(node, ListJoin(), inputs[:1], outputs=2)


@rules("TensorArraySplitV3", inputs=4, outputs=("flow_out",))
def array_split(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """The inputs are handle, array, lengths and flow."""
    return b.late(node, ListSplit(lengths=()), inputs[1:2], lengths=inputs[2])


@rules("TensorListSplit", inputs=3, outputs=("output_handle",))
def list_split(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """The inputs are array, shape of an element, and lengths."""
    return b.late(node, ListSplit(lengths=()), inputs[:1], lengths=inputs[2])


@rules("TensorArraySizeV3", inputs=2)
def array_length(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """The inputs are handle and flow."""
    return b.emit(node, ListShape(what="count"), inputs[1:])


@rules("TensorListLength", "TensorListElementShape")
def list_shape(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Known while the program is traced."""
    return b.emit(node, ListShape(what="count" if node.op == "TensorListLength" else "element"), inputs)


@rules("TensorListResize", inputs=2, outputs=("output_handle",))
def list_resize(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Cut or lengthen."""
    return b.late(node, ListResize(count=0), inputs[:1], count=inputs[1])


@rules("TensorListPushBack", inputs=2, outputs=("output_handle",))
def push(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Append."""
    return b.emit(node, ListPush(), inputs)


@rules("TensorListPopBack", inputs=2, outputs=("output_handle", "tensor"))
def pop(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Take the last element away."""
    return b.emit(node, ListPop(), inputs[:1], outputs=2)


def _dtype(node: NodeSource, name: str) -> str:
    dtype = node.attributes.dtype(name)
    if dtype.numpy is None:
        raise LayerError(f"a list of {dtype.name} cannot be computed")
    return dtype.numpy
