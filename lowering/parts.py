"""A call in several compiled parts, with the host between them, where a size depends on the data.

Where a layer has to know something that depends on the data (how many rows there are, a size), the part of the graph
that it depends on is compiled and run by itself. Its results come to the host and are what the next part is compiled
for: rows are cut to those that are valid, sizes are constants. For other sizes it is compiled again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np

from jaxdnn.ir import Params
from jaxdnn.lowering.padded import DataDependentError, trim
from jaxdnn.lowering.program import Program
from jaxdnn.lowering.ragged import Ragged

_HINT = "net(x) outside of jit computes it in several parts"


def compute(
    program: Program,
    params: Params,
    inputs: Mapping[str, Any],
    outputs: tuple[str, ...],
    *,
    as_computed: bool = False,
) -> dict[str, Any]:
    """Compute outputs, jitted, in as many parts as are needed.

    Args:
        program: the lowered graph.
        params: arrays by owner and slot.
        inputs: arrays by input name.
        outputs: names as :meth:`~jaxdnn.ir.Graph.resolve` knows them.
        as_computed: whether outputs, which are values' own names then, keep the types that they are computed in;
            they have the policy's otherwise.

    Returns:
        arrays by these names, trimmed to their valid size; of a sequence a list of arrays.

    Raises:
        JaxdnnError: a layer cannot be computed, or what it has to know depends on the data inside of a loop.
    """
    feeds = dict(inputs)
    static = {name: np.asarray(feeds.pop(name)) for name in program.static_inputs if name in feeds}
    values = _Call(program, params, feeds, fixed=static).outputs(outputs, as_computed)
    return {name: _returned(values[name]) for name in outputs}


def again(
    program: Program, params: Params, inputs: Mapping[str, Any], outputs: tuple[str, ...]
) -> Callable[[Mapping[str, Any]], dict[str, Any]] | None:
    """Return :func:`compute` for inputs of these names, shapes and types, for which it has been called.

    None if it computes in several parts, or for values of an input.
    """
    wanted = tuple(dict.fromkeys(map(program.graph.resolve, outputs)))
    if wanted in program.parts or any(name in inputs for name in program.static_inputs):
        return None
    run = program.jitted(program, outputs, {}).again(params, inputs, {})

    def call(inputs: Mapping[str, Any]) -> dict[str, Any]:
        values = run(inputs, {})
        return {name: _returned(values[name]) for name in outputs}

    return call


def _returned(value: Any) -> Any:
    return list(value.elements) if isinstance(value, Ragged) else trim(value)


@contextmanager
def known_outside() -> Iterator[None]:
    """Add to the error of a size that depends on the data what computes it."""
    try:
        yield
    except DataDependentError as error:
        error.message = f"{error.message}: {_HINT}"
        raise


@dataclass
class _Call:
    """One call, and what its parts have computed so far.

    Attributes:
        program, params, inputs: of the call.
        given: arrays of their exact sizes, by value.
        fixed: what the next parts are compiled for, by value.
    """

    program: Program
    params: Params
    inputs: Mapping[str, Any]
    given: dict[str, Any] = field(default_factory=dict)
    fixed: dict[str, np.ndarray] = field(default_factory=dict)

    def outputs(self, names: tuple[str, ...], as_computed: bool) -> dict[str, Any]:
        """Compute what the call returns."""
        if as_computed:
            return self._run(self.program.evaluate, names, names)
        wanted = tuple(dict.fromkeys(self.program.graph.resolve(name) for name in names))
        return self._run(self.program, names, wanted)

    def _run(self, function: Any, names: tuple[str, ...], wanted: tuple[str, ...]) -> dict[str, Any]:
        """Run a function of the program for names, of which the values are wanted."""
        for needs, rows in self.program.parts.get(wanted, ()):
            self._settle(needs, rows, wanted)
        while True:
            try:
                compiled = self.program.jitted(function, names, self.fixed)
                results: dict[str, Any] = compiled(self.params, self.inputs, self.given)
                return results
            except DataDependentError as error:
                needs, rows = error.values, error.rows
                unsettled = [name for name in needs if name not in self.fixed and name not in rows]
                unsettled += [name for name in rows if name not in self.given]
                if not unsettled:
                    raise
                with known_outside():
                    if any(isinstance(each, jax.core.Tracer) for each in self._arrays):
                        raise
                self._settle(needs, rows, wanted)
                found = self.program.parts.get(wanted, ())
                self.program.parts[wanted] = (*found, (needs, rows))

    @property
    def _arrays(self) -> list[Any]:
        return jax.tree.leaves((self.params, self.inputs))

    def _settle(self, needs: tuple[str, ...], rows: tuple[str, ...], wanted: tuple[str, ...]) -> None:
        """Compute values that have to be known, and what else the part has that the rest needs."""
        missing = tuple(name for name in needs if name not in self._known)
        if missing:
            border = self._border(missing, wanted)
            results = self._run(self.program.traced, (*missing, *border), missing)
            self.given |= {name: trim(value) for name, value in results.items()}
        for name in set(needs).difference(rows, self.fixed).intersection(self._known):
            self.fixed[name] = np.asarray(self.given.pop(name) if name in self.given else self.inputs[name])

    @property
    def _known(self) -> set[str]:
        return {*self.given, *self.fixed, *self.inputs}

    def _border(self, missing: tuple[str, ...], wanted: tuple[str, ...]) -> tuple[str, ...]:
        """Return the values that a part computes beside the missing ones and that the rest reads or yields."""
        part = self.program.needed(missing, self._known)
        names = {node.name for node in part}
        made = {value for node in part for value in node.outputs}.difference(missing)
        rest = self.program.needed(wanted, self._known.union(missing))
        read = {value for node in rest if node.name not in names for value in node.inputs}
        return tuple(sorted(made.intersection(read.union(wanted))))
