"""Programs inside of layers: the bodies of loops, the branches of conditions, functions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from jaxdnn.ir import Node
from jaxdnn.lowering.padded import without_origin
from jaxdnn.lowering.precision import cast

if TYPE_CHECKING:
    from jaxdnn.lowering.program import Program


class Nested:
    """A program inside a layer: an :class:`~jaxdnn.lowering.registry.Interpreter`.

    Its floating outputs have the type that the layer computes in, whatever the types inside of it.
    """

    def __init__(self, program: Program, dtype: str) -> None:
        self._program = program
        self._dtype = dtype
        self.param_types = program.param_types
        self.inputs = tuple(value.name for value in program.graph.inputs)
        self.outputs = len(program.graph.outputs)
        wanted = program.shape_deciders()
        self.deciders = frozenset(index for index, name in enumerate(self.inputs) if name in wanted)

    def __call__(
        self, weights: Mapping[str, Any], inputs: tuple[Any, ...], outputs: tuple[int, ...] | None = None
    ) -> tuple[Any, ...]:
        """See :class:`~jaxdnn.lowering.registry.Interpreter`."""

        def weights_of(node: Node) -> dict[str, Any]:
            return {slot: weights[reference] for slot, reference in node.params.items()}

        names = self._names(outputs)
        known = dict(zip(self.inputs, inputs, strict=True))
        values = self._program.interpret(weights_of, known, names)
        return tuple(cast(without_origin(values[name]), self._dtype) for name in names)

    def reads(self, outputs: tuple[int, ...]) -> set[int]:
        """See :class:`~jaxdnn.lowering.registry.Interpreter`."""
        names = self._names(outputs)
        read = {name for node in self._program.needed(names) for name in node.inputs}.union(names)
        return {index for index, name in enumerate(self.inputs) if name in read}

    def _names(self, outputs: tuple[int, ...] | None) -> tuple[str, ...]:
        names = self._program.graph.outputs
        return names if outputs is None else tuple(names[index] for index in outputs)
