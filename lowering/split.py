"""A function of weights and data in two parts: what depends on the weights alone need not be computed in every call.

Recipes want weights in another order or transformed, and normalisation makes factors of them. A traced function is
taken apart: what it computes from weights alone becomes one function, the rest another one that reads the results.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import numpy as np
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn, Literal, jaxpr_as_fun
from jax.extend.core.primitives import custom_jvp_call_p, jit_p, reshape_p, slice_p, squeeze_p

from jaxdnn.lowering.hosted import is_hosted, on_host, variables
from jaxdnn.lowering.recipes import CPU, for_platform, jit_for

_WORTH_KEEPING = 8
"""A result that is more than this many times as large as the weights that it is made of is left to each call."""

_CALLS = {jit_p: "jaxpr", custom_jvp_call_p: "call_jaxpr"}
"""What calls a function, and the parameter that has it; nobody differentiates what is split."""

_FREE = (reshape_p, squeeze_p, slice_p)
"""What costs nothing where its result is read."""


@dataclass
class _Step:
    """One equation of a function.

    Attributes:
        eqn: the equation.
        function: the same as a function of the variables that it reads.
        reads, writes: the numbers of the variables that it has.
        prepares: whether it reads weights and nothing of the data; None if it reads neither, so that both parts may
            compute it.
    """

    eqn: JaxprEqn
    function: ClosedJaxpr
    reads: list[int]
    writes: list[int]
    prepares: bool | None

    def run(self, values: dict[int, Any]) -> None:
        """Compute it; results are added to the values."""
        results = jaxpr_as_fun(self.function)(*(values[number] for number in self.reads))
        values.update(zip(self.writes, results, strict=True))


class Split:
    """A traced function of weights and data, all flat lists, in two.

    Attributes:
        kept: the numbers of the weights that the second part reads as they are.
    """

    def __init__(self, traced: ClosedJaxpr, weights: int) -> None:
        """Take a function apart whose first ``weights`` arguments are the weights."""
        self._numbers = itertools.count()
        self._steps: list[_Step] = []
        self._constants: dict[int, Any] = {}
        inputs = [next(self._numbers) for _ in traced.jaxpr.invars]
        self._weights, self._data = inputs[:weights], inputs[weights:]
        self._known = set(self._weights)
        self._open = set(self._data)
        self._outputs = self._add(traced.jaxpr, traced.consts, inputs)
        self._leave_what_grows()
        rest = (place for step in self._steps if not step.prepares for place in step.reads)
        read = dict.fromkeys((*rest, *self._outputs))
        self._prepared = [number for number in read if number in self._known.difference(self._weights)]
        self.kept = tuple(index for index, number in enumerate(self._weights) if number in read)
        self._hosted = self._find_hosted()
        self._places = {number: place for place, number in enumerate(self._weights)}

    def prepare(self, weights: Sequence[Any]) -> list[Any]:
        """Compute from weights what the other part reads; pure, so that it can be jitted."""
        return self._values(self._prepared, dict(zip(self._weights, weights, strict=True)))

    def prepare_now(self, weights: Sequence[Any], shared: dict[Any, Any]) -> list[Any]:
        """Do the same with as little to compile as possible.

        Args:
            weights: arrays.
            shared: what splits for other shapes have prepared of the same weights; filled up.
        """
        values = dict(zip(self._weights, weights, strict=True))
        if all(isinstance(w, jax.Array) and len(w.sharding.device_set) == 1 for w in weights):
            values |= self._on_host(weights, shared)
        missing = [number for number in self._prepared if number not in values]
        if missing:
            compiled = jit_for(CPU, partial(self._values, missing))
            values.update(zip(missing, compiled(values), strict=True))
        return [values[number] for number in self._prepared]

    def _values(self, numbers: list[int], given: dict[int, Any]) -> list[Any]:
        """Compute what the weights prepare, and return the values of these numbers."""
        values = self._run(True, given)
        return [values[number] for number in numbers]

    def _find_hosted(self) -> dict[int, _Step]:
        """Return the steps that numpy can do, by the number of their result."""
        there = {*self._weights, *self._constants}
        steps = {}
        for step in self._steps:
            if step.prepares is not False and is_hosted(step.eqn) and there.issuperset(step.reads):
                there.update(step.writes)
                steps[step.writes[0]] = step
        return steps

    def _on_host(self, weights: Sequence[Any], shared: dict[Any, Any]) -> dict[int, Any]:
        """Return what numpy can compute from weights, by its number."""
        arrays = self._constants | {n: np.asarray(w) for n, w in zip(self._weights, weights, strict=True)}
        device = weights[0].sharding if weights and weights[0].committed else None

        def value(number: int) -> Any:
            step = self._hosted.get(number)
            if step is None:
                return np.asarray(arrays[number])
            return on_host(step.eqn, [value(read) for read in step.reads])

        found = {number: self._signature(number) for number in self._prepared if number in self._hosted}
        missing = {signature: number for number, signature in found.items() if signature not in shared}
        with ThreadPoolExecutor() as pool:
            computed = pool.map(lambda number: np.ascontiguousarray(value(number)), missing.values())
            shared.update(zip(missing, (jax.device_put(array, device) for array in computed), strict=True))
        return {number: shared[signature] for number, signature in found.items()}

    def _signature(self, number: int) -> Any:
        """Return what numpy computes, the same for the same computation in another split."""
        if number in self._places:
            return self._places[number]
        if number in self._constants:
            constant = np.asarray(self._constants[number])
            return constant.tobytes(), constant.shape, str(constant.dtype)
        step = self._hosted[number]
        literals = [str(atom) for atom in step.eqn.invars if isinstance(atom, Literal)]
        return str(step.eqn.primitive), str(step.eqn.params), *literals, *map(self._signature, step.reads)

    def finish(self, prepared: Sequence[Any], kept: Sequence[Any], data: Sequence[Any]) -> list[Any]:
        """Compute the results from what is prepared, the weights that are kept, and the data."""
        weights = [self._weights[index] for index in self.kept]
        given = zip((*self._prepared, *weights, *self._data), (*prepared, *kept, *data), strict=True)
        values = self._run(False, dict(given))
        return [values[number] for number in self._outputs]

    def _run(self, prepares: bool, given: dict[Any, Any]) -> dict[Any, Any]:
        values = self._constants | given
        for step in self._steps:
            if step.prepares in (None, prepares):
                step.run(values)
        return values

    def _add(self, jaxpr: Jaxpr, consts: Sequence[Any], inputs: Sequence[int]) -> list[int]:
        """Add the steps of a function and return the numbers of its outputs."""
        places: dict[Any, int] = dict(zip(jaxpr.invars, inputs, strict=True))

        def constant(value: Any) -> int:
            number = next(self._numbers)
            self._constants[number] = value
            return number

        places.update(zip(jaxpr.constvars, map(constant, consts), strict=True))

        for eqn in jaxpr.eqns:
            reads = [places[variable] for variable in variables(eqn)]
            known = [number in self._known for number in reads]
            inner = _called(eqn)
            if any(known) and inner is not None:
                inputs = [places[variable] for variable in eqn.invars]
                if _prepares(inner.jaxpr, [self._is_known(number) for number in inputs]):
                    places.update(zip(eqn.outvars, self._add(inner.jaxpr, inner.consts, inputs), strict=True))
                    continue
            writes = [next(self._numbers) for _ in eqn.outvars]
            places.update(zip(eqn.outvars, writes, strict=True))
            prepares: bool | None = any(known) or None
            if eqn.effects or any(where in self._open for where in reads):
                prepares = False
            if prepares is not None:
                (self._known if prepares else self._open).update(writes)
            self._steps.append(_Step(eqn, _alone(jaxpr, eqn), reads, writes, prepares))
        return [constant(v.val) if isinstance(v, Literal) else places[v] for v in jaxpr.outvars]

    def _is_known(self, number: int) -> bool | None:
        """Return whether a value depends on the weights alone; None if it depends on nothing."""
        return True if number in self._known else False if number in self._open else None

    def _leave_what_grows(self) -> None:
        """Leave what only repeats or reshapes weights to each call; what is prepared may read it as well."""
        read = set(self._outputs)
        for step in reversed(self._steps):
            if step.prepares and read.intersection(step.writes):
                pairs = zip(variables(step.eqn), step.reads, strict=True)
                sizes = (_size(variable) for variable, number in pairs if number in self._known)
                grows = sum(map(_size, step.eqn.outvars)) > _WORTH_KEEPING * sum(sizes)
                if grows or step.eqn.primitive in _FREE:
                    step.prepares = None
                    self._known.difference_update(step.writes)
            if not step.prepares:
                read.update(step.reads)


def _alone(jaxpr: Jaxpr, eqn: JaxprEqn) -> ClosedJaxpr:
    """Return one equation of a function as a function, whose arguments have no names."""
    arguments, results = variables(eqn), eqn.outvars
    alone = jaxpr.replace(  # type: ignore[no-untyped-call]
        constvars=[],
        invars=arguments,
        outvars=results,
        eqns=[eqn],
        effects=eqn.effects,
        debug_info=jaxpr.debug_info._replace(
            arg_names=("",) * len(arguments), result_paths=("",) * len(results)
        ),
    )
    return ClosedJaxpr(alone, ())


def _called(eqn: JaxprEqn) -> ClosedJaxpr | None:
    """Return the function that an equation calls whose steps may stand in its place."""
    if any(isinstance(atom, Literal) for atom in eqn.invars):
        return None
    inner: ClosedJaxpr | None = eqn.params.get(_CALLS.get(eqn.primitive, ""))
    return inner


def _prepares(jaxpr: Jaxpr, given: Sequence[bool | None]) -> bool:
    """Return whether a function computes anything from some of its inputs and constants alone.

    Args:
        jaxpr: the function.
        given: of its inputs, whether they are those; None for inputs that are constants.
    """
    kinds = dict(zip(jaxpr.invars, given, strict=True)) | dict.fromkeys(jaxpr.constvars)
    known = {variable for variable, kind in kinds.items() if kind}
    constant = {variable for variable, kind in kinds.items() if kind is None}
    for eqn in jaxpr.eqns:
        read = variables(eqn)
        if constant.issuperset(read):
            constant.update(eqn.outvars)
        elif known.intersection(read):
            if known.union(constant).issuperset(read) and not eqn.effects:
                return True
            inner = _called(eqn)
            kinds = dict.fromkeys(constant) | dict.fromkeys(known, True)
            if inner is not None and _prepares(inner.jaxpr, [kinds.get(v, False) for v in eqn.invars]):
                return True
    return False


def _size(variable: Any) -> int:
    return math.prod(variable.aval.shape)


def split(function: Callable[..., Any], params: Any, data: Sequence[Any]) -> tuple[Split, Any]:
    """Take ``function(params, *data)`` apart, as it computes on a CPU; return the structure of its results as well."""

    def traced(params: Any, data: Sequence[Any]) -> Any:
        with for_platform(CPU):
            return function(params, *data)

    jaxpr, results = jax.make_jaxpr(traced, return_shape=True)(params, data)
    return Split(jaxpr, len(jax.tree.leaves(params))), jax.tree.structure(results)
