"""The types of a model's values, as the standard's shape inference knows them."""

from __future__ import annotations

from contextlib import suppress

import onnx
from google.protobuf.message import EncodeError
from onnx import shape_inference


def types_of(model: onnx.ModelProto) -> dict[str, onnx.TypeProto]:
    """Return the types of a model's values by name, of those that can be inferred."""
    small = onnx.ModelProto()
    small.ir_version = model.ir_version
    small.opset_import.extend(model.opset_import)
    small.functions.extend(model.functions)
    graph = small.graph
    for field in ("node", "input", "output", "value_info"):
        getattr(graph, field).extend(getattr(model.graph, field))
    graph.name = "types"
    stated = {value.name for value in graph.input}
    for tensor in model.graph.initializer:
        if tensor.name not in stated:
            graph.input.append(onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims))
    with suppress(shape_inference.InferenceError, EncodeError, ValueError, RuntimeError):
        graph = shape_inference.infer_shapes(small).graph
    return {value.name: value.type for value in (*graph.value_info, *graph.output, *graph.input)}
