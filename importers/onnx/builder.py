"""What rules write into: a graph under construction whose values bear the names of ONNX's outputs."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import onnx

from jaxdnn.errors import LayerError
from jaxdnn.importers.onnx.registry import NodeSource
from jaxdnn.importers.tensor_builder import Named, TensorBuilder
from jaxdnn.layers.base import Layer

if TYPE_CHECKING:
    from jaxdnn.importers.onnx.external import ExternalFiles
    from jaxdnn.importers.onnx.functions import Key

_LAST_PART = re.compile(r"[./][^./]+$")


class Initializer(NamedTuple):
    """An array that a graph holds.

    Attributes:
        name: its own.
    """

    name: str


class OnnxBuilder(TensorBuilder):
    """A builder that knows a model's functions, files and types.

    Attributes:
        functions: of the model.
        path: of the file.
        files: where tensors lie that are stored apart.
        custom: the operators that functions of the user compute.
        calls: the functions whose bodies are being imported, outermost first.
        called: how many nodes the bodies had that were imported so far.
    """

    def __init__(
        self,
        model: onnx.ModelProto,
        functions: Mapping[Key, onnx.FunctionProto],
        path: str,
        files: ExternalFiles,
        custom: Container[str] = (),
    ) -> None:
        super().__init__()
        self._model = model
        self._types: dict[str, onnx.TypeProto] | None = None
        self._initializers_of: dict[tuple[str, str], str] = {}
        self._stored: set[str] = set()
        self.functions = functions
        self.path = path
        self.files = files
        self.custom = custom
        self.calls: tuple[Key, ...] = ()
        self.called = 0

    def custom_type(self, domain: str, op: str) -> str | None:
        """Return under which name a function of the user computes an operator: with its domain or without."""
        for name in (f"{domain or 'ai.onnx'}::{op}", op):
            if name in self.custom:
                return name
        return None

    def type_of(self, name: str) -> onnx.TypeProto:
        """Return the type of one of the model's values as the standard's inference knows it; else a float tensor's."""
        if self._types is None:
            from jaxdnn.importers.onnx.types import types_of

            self._types = types_of(self._model)
        return self._types.get(name) or onnx.helper.make_tensor_type_proto(onnx.TensorProto.FLOAT, None)

    def stored(self, name: str, array: np.ndarray) -> str:
        """Add an initializer, whose parameters get its name."""
        if array.dtype == object:
            raise LayerError(f"reads {name!r}, which holds strings: they cannot be computed with")
        value = self.const(Initializer(name), array)
        self._stored.add(name)
        return value

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

    def owner(self, value: str, slot: str) -> str:
        """Return whose parameter a constant becomes.

        ``conv1.weight`` and ``conv1.bias`` are those of ``conv1`` unless something else is called so already.
        """
        name = super().owner(value, slot)
        start = _LAST_PART.search(name) if name in self._stored else None
        for owner in (name[: start.start()] if start else "", name):
            if owner and self._initializers_of.setdefault((owner, slot), name) == name:
                break
        return owner
