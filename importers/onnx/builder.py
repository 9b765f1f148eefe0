"""What rules write into: a graph under construction whose values bear the names of ONNX's outputs."""

from __future__ import annotations

from collections.abc import Container, Mapping

import onnx

from jaxdnn.importers.onnx.registry import NodeSource
from jaxdnn.importers.tensor_builder import Named, TensorBuilder
from jaxdnn.layers.base import Layer


class OnnxBuilder(TensorBuilder):
    """A builder that knows a model's operator sets and functions.

    Attributes:
        versions: of the operator set of each domain.
        functions: of the model, by domain and name.
        path: of the file.
        custom: the operators that functions of the user compute.
    """

    def __init__(
        self,
        versions: Mapping[str, int],
        functions: Mapping[tuple[str, str], onnx.FunctionProto],
        path: str = "",
        custom: Container[str] = (),
    ) -> None:
        super().__init__()
        self.versions = versions
        self.functions = functions
        self.path = path
        self.custom = custom

    def emit(
        self,
        node: Named,
        layer: Layer,
        inputs: tuple[str, ...],
        params: Mapping[str, str] | None = None,
        *,
        outputs: int = 1,
        part: str = "",
    ) -> tuple[str, ...]:
        """See :meth:`TensorBuilder.emit`; the values of the last step are called as the node's outputs are."""
        if part or not isinstance(node, NodeSource):
            return super().emit(node, layer, inputs, params, outputs=outputs, part=part)
        stated = (*node.outputs, *[""] * outputs)[:outputs]
        names = tuple(name or f"{node.name}:{index}" for index, name in enumerate(stated))
        return self.add(layer, inputs, name=node.name, outputs=names, params=params)
