"""What rules write into: a graph under construction that knows the graph's functions."""

from __future__ import annotations

from collections.abc import Container, Mapping

from jaxdnn.importers.tensor_builder import TensorBuilder
from jaxdnn.importers.tensorflow.graphdef import FunctionDef


class TensorFlowBuilder(TensorBuilder):
    """A builder that knows TensorFlow's functions.

    Attributes:
        functions: the graph's library, by name.
        calls: the functions whose bodies are being imported, outermost first.
        called: how many nodes the bodies had that were imported so far.
        producer: version of the TensorFlow that wrote the graph.
        path: of its file.
        custom: the ops that functions of the user compute.
    """

    def __init__(
        self,
        functions: Mapping[str, FunctionDef],
        producer: int,
        path: str = "",
        custom: Container[str] = (),
    ) -> None:
        super().__init__()
        self.path = path
        self.custom = custom
        self.functions = functions
        self.calls: tuple[str, ...] = ()
        self.called = 0
        self.producer = producer
