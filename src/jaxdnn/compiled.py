"""A net that is compiled for inputs of certain sizes, and holds its weights only as its program reads them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from jaxdnn.chunks import chunk, chunks_of, in_chunks
from jaxdnn.errors import InputError
from jaxdnn.feeds import feeds_of
from jaxdnn.lowering import Spec
from jaxdnn.lowering.guard import guarded
from jaxdnn.lowering.padded import trim
from jaxdnn.lowering.parts import known_outside
from jaxdnn.lowering.preparation import bound
from jaxdnn.programs import lowered

if TYPE_CHECKING:
    from jaxdnn.net import Net


class Compiled:
    """What :meth:`jaxdnn.Net.compile` returns; any number of threads may call it.

    On a CPU a net that is called holds its parameters twice: as they are, and as its compiled programs read them. This
    holds them once: where memory counts, drop the net.

    Attributes:
        inputs: shape and dtype of each input.
        outputs: the names of the values that it computes.
    """

    def __init__(self, net: Net, feeds: Mapping[str, Any], outputs: tuple[str, ...]) -> None:
        """Compile a net.

        Args:
            net: it may be dropped afterwards, and its parameters with it.
            feeds: arrays by input name, of the sizes that calls will have.
            outputs: names of values.

        Raises:
            InputError: an input decides shapes.
            ShapeError: a size depends on the data, or layers cannot compute on inputs of these shapes.
        """
        # A program keeps what its calls have compiled, and with that the parameters.
        self._program = program = lowered(net.graph, net.policy, net.program.custom_layers, net.stored)
        for name in filter(feeds.__contains__, program.static_inputs):
            raise InputError(
                f"input {name!r} of {net.name!r} decides shapes: only the net itself can be called"
            )
        self.inputs = _specs(feeds)
        self._kinds = {name: (each.shape, each.dtype) for name, each in feeds.items()}
        self.outputs = outputs
        self._chunks = chunks_of(program, feeds)

        def function(params: Any, inputs: Any) -> Any:
            return program(params, inputs, outputs)

        with known_outside():
            self._run = guarded(program, lambda: bound(function, net.params, chunk(feeds, 0, self._chunks)))
        self(dict(feeds))

    def __call__(self, x: Any = None, /, **inputs: Any) -> dict[str, Any]:
        """Compute the outputs.

        Args:
            x: the array of the only required input, or a dict of arrays by input name.
            inputs: arrays by input name.

        Returns:
            arrays by output name, trimmed to their valid size where that depends on the data.

        Raises:
            InputError: an input is missing, or has another shape or type than it was compiled for; or this is called
                inside a transformation of jax, which :meth:`jaxdnn.Net.apply` is for.
        """
        program = self._program
        named = x if isinstance(x, Mapping) else {next(iter(self.inputs)): x}
        feeds = {**named, **inputs}
        # What fits need not be made to fit, which takes longer than all else here.
        fits = self._fits(feeds)
        if not fits:
            feeds = feeds_of(program, x, inputs)
        if any(isinstance(each, jax.core.Tracer) for each in feeds.values()):
            raise InputError("a compiled net cannot be traced: net.apply is the function for that")
        if not (fits or self._fits(feeds)):
            specs = _specs(feeds), self.inputs
            got, want = (", ".join(f"{name}: {spec}" for name, spec in each.items()) for each in specs)
            raise InputError(f"{program.graph.name!r} was compiled for {want}; got {got}")
        return guarded(program, lambda: in_chunks(self._compute, feeds, self._chunks))

    def _fits(self, feeds: Mapping[str, Any]) -> bool:
        arrays = all(isinstance(each, np.ndarray | jax.Array) for each in feeds.values())
        return arrays and {name: (each.shape, each.dtype) for name, each in feeds.items()} == self._kinds

    def _compute(self, feeds: Mapping[str, Any]) -> dict[str, Any]:
        found = self._run(feeds)
        return {name: trim(found[name]) for name in self.outputs}

    def __repr__(self) -> str:
        inputs = ", ".join(f"{name}: {spec}" for name, spec in self.inputs.items())
        return f"Compiled({self._program.graph.name!r}, {inputs} -> {', '.join(self.outputs)})"


def _specs(feeds: Mapping[str, Any]) -> dict[str, Spec]:
    return {name: Spec(tuple(each.shape), str(each.dtype)) for name, each in feeds.items()}
