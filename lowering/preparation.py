"""What depends on the parameters alone, computed once instead of in every call.

Recipes want weights in another order or transformed, and normalisation makes factors of them. A traced function is
taken apart: what it computes from weights alone becomes one function, the rest another one that reads the results.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from operator import is_
from typing import Any

import jax
import numpy as np
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn, Literal, jaxpr_as_fun
from jax.extend.core.primitives import jit_p, reshape_p, slice_p, squeeze_p

from jaxdnn.lowering.hosted import is_hosted, on_host, variables
from jaxdnn.lowering.recipes import CPU, for_platform, jit_for, only_platform

_WORTH_KEEPING = 8
"""A result that is more than this many times as large as the weights that it is made of is left to each call."""

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

    def prepare(self, weights: Sequence[Any]) -> list[Any]:
        """Compute from weights what the other part reads; pure, so that it can be jitted."""
        values = self._run(True, dict(zip(self._weights, weights, strict=True)))
        return [values[number] for number in self._prepared]

    def prepare_now(self, weights: Sequence[Any]) -> list[Any]:
        """Do the same with as little to compile as possible."""
        values = dict(zip(self._weights, weights, strict=True))
        if all(len(each.sharding.device_set) == 1 for each in weights):
            values |= self._on_host(weights)
        missing = [number for number in self._prepared if number not in values]
        values.update(zip(missing, self._compute(missing, values), strict=True))
        return [values[number] for number in self._prepared]

    def _compute(self, numbers: list[int], given: dict[int, Any]) -> Sequence[Any]:
        """Compile and compute values of these numbers from given ones."""

        def compute(given: dict[int, Any]) -> list[Any]:
            values = self._run(True, given)
            return [values[number] for number in numbers]

        return jit_for(CPU, compute)(given) if numbers else ()

    def _find_hosted(self) -> dict[int, _Step]:
        """Return the steps that numpy can do, by the number of their result."""
        there = {*self._weights, *self._constants}
        steps = {}
        for step in self._steps:
            if step.prepares is not False and is_hosted(step.eqn) and there.issuperset(step.reads):
                there.update(step.writes)
                steps[step.writes[0]] = step
        return steps

    def _on_host(self, weights: Sequence[Any]) -> dict[int, Any]:
        """Return what numpy can compute from weights, by its number."""
        arrays = self._constants | {n: np.asarray(w) for n, w in zip(self._weights, weights, strict=True)}
        device = weights[0].sharding if weights and weights[0].committed else None

        def value(number: int) -> Any:
            step = self._hosted.get(number)
            if step is None:
                return np.asarray(arrays[number])
            return on_host(step.eqn, [value(read) for read in step.reads])

        numbers = [number for number in self._prepared if number in self._hosted]
        with ThreadPoolExecutor() as pool:
            found = pool.map(lambda number: np.ascontiguousarray(value(number)), numbers)
            return {n: jax.device_put(array, device) for n, array in zip(numbers, found, strict=True)}

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
            if any(known) and _can_be_opened(eqn):
                inner, inputs = eqn.params["jaxpr"], [places[variable] for variable in eqn.invars]
                if _prepares(inner.jaxpr, [number in self._known for number in inputs]):
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
    """Return one equation of a function as a function."""
    alone = jaxpr.replace(  # type: ignore[no-untyped-call]
        constvars=[],
        invars=variables(eqn),
        outvars=eqn.outvars,
        eqns=[eqn],
        effects=eqn.effects,
        debug_info=jaxpr.debug_info.with_unknown_names(),
    )
    return ClosedJaxpr(alone, ())


def _can_be_opened(eqn: JaxprEqn) -> bool:
    """Whether an equation calls a function whose steps may stand in its place."""
    return eqn.primitive is jit_p and not any(isinstance(atom, Literal) for atom in eqn.invars)


def _prepares(jaxpr: Jaxpr, given: Sequence[bool]) -> bool:
    """Return whether a function computes anything from some of its inputs and constants alone."""
    known = {variable for variable, each in zip(jaxpr.invars, given, strict=True) if each}
    constant = set(jaxpr.constvars)
    for eqn in jaxpr.eqns:
        read = variables(eqn)
        if constant.issuperset(read):
            constant.update(eqn.outvars)
        elif known.intersection(read):
            if known.union(constant).issuperset(read) and not eqn.effects:
                return True
            if _can_be_opened(eqn) and _prepares(eqn.params["jaxpr"].jaxpr, [v in known for v in eqn.invars]):
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


def jit_here(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return ``jax.jit(function)`` of params and data, for the platform of this process where that is one.

    On a CPU, what depends on the params alone is computed once for each set of arrays.
    """
    inside = jax.jit(function)
    platform = only_platform()
    if platform is None:
        return inside
    alone = _Prepared(function) if platform == CPU else jit_for(platform, function)

    def call(params: Any, *data: Any) -> Any:
        try:
            return alone(params, *data)
        except ValueError:  # inside another transformation jax has no compiler options, and other platforms
            return inside(params, *data)

    return call


class _Prepared:
    """A function of params and data, compiled for a CPU in two parts, see :class:`Split`."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self._compiled: dict[Any, _Compiled] = {}

    def __call__(self, params: Any, *data: Any) -> Any:
        """Call it; raise ValueError inside another transformation of jax."""
        weights = jax.tree.leaves(params)
        given, structure = jax.tree.flatten(data)
        key = structure, tuple((each.shape, each.dtype) for each in given)
        compiled = self._compiled.get(key)
        if compiled is None or not compiled.fits(weights):
            if any(isinstance(each, jax.core.Tracer) for each in (*weights, *given)):
                raise ValueError("arguments are traced")
            compiled = self._compiled[key] = _Compiled(self._function, params, data)
        return compiled(weights, given)


class _Compiled:
    """A function for params and data of certain shapes, and the latest params as it has prepared them."""

    def __init__(self, function: Callable[..., Any], params: Any, data: Any) -> None:
        parts, self._results = split(function, params, data)
        self._kept, self._prepare = parts.kept, parts.prepare_now
        self._finish = jit_for(CPU, parts.finish)
        self._shapes = _shapes(jax.tree.leaves(params))
        self._latest: tuple[list[Any], list[Any], list[Any]] = ([], [], [])

    def fits(self, weights: list[Any]) -> bool:
        """Return whether it computes with these weights."""
        latest = self._latest[0]
        same = len(weights) == len(latest) and all(map(is_, weights, latest))
        traced = any(isinstance(each, jax.core.Tracer) for each in weights)
        return same or (_shapes(weights) == self._shapes and not traced)

    def __call__(self, weights: list[Any], data: list[Any]) -> Any:
        """Compute results, and before that what new weights prepare."""
        latest, prepared, kept = self._latest
        if len(weights) != len(latest) or not all(map(is_, weights, latest)):
            with jax.ensure_compile_time_eval():
                prepared = self._prepare(weights)
            kept = [weights[index] for index in self._kept]
            self._latest = weights, prepared, kept
        return jax.tree.unflatten(self._results, self._finish(prepared, kept, data))


def _shapes(arrays: list[Any]) -> list[Any]:
    return [(each.shape, each.dtype) for each in arrays]
