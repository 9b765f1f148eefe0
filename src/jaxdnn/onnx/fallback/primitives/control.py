"""Primitives that hold functions: calls, branches and loops."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from jaxdnn.onnx.fallback.registry import converts
from jaxdnn.onnx.fallback.translator import Call, Functions
from jaxdnn.onnx.fallback.values import Spec, Value
from jaxdnn.onnx.sizes import Sizes

_CALLS = {
    "jit": "jaxpr",
    "closed_call": "call_jaxpr",
    "core_call": "call_jaxpr",
    "custom_jvp_call": "call_jaxpr",
    "custom_vjp_call": "call_jaxpr",
    "checkpoint": "jaxpr",
    "remat2": "jaxpr",
}


@converts(*_CALLS)
def inlined(call: Call, *values: Value) -> tuple[Value, ...]:
    """Write a function in the place of its call."""
    return call.translator.run(call.functions(_CALLS[call.primitive]), values)


@converts("linear_call")
def linear_call(call: Call, *values: Value) -> tuple[Value, ...]:
    """Write a linear function in the place of its call."""
    return call.translator.run(call.functions("callee"), values)


@converts("cond")
def cond(call: Call, which: Value, *values: Value) -> tuple[Value, ...]:
    """Choose a function while running, or at once if its number is known; numbers that none has mean an end."""
    count = len(call.equations[0].params["branches"])
    branches = [call.functions("branches", number) for number in range(count)]
    if which.array is not None:
        return call.translator.run(branches[min(max(int(which.array), 0), count - 1)], values)
    number = call.translator.full(which)
    number = call.e.cast(number, "int32") if which.dtype != "int32" else number
    return _named(call, _choose(call, number, branches, values))


def _choose(
    call: Call, number: str, branches: Sequence[Functions], values: Sequence[Value]
) -> tuple[str, ...]:
    """Compute the first one of some functions if the number is at most 0, else one of the others."""

    def first() -> tuple[str, ...]:
        return _computed(call, call.translator.run(branches[0], values))

    def others() -> tuple[str, ...]:
        if len(branches) == 2:
            return _computed(call, call.translator.run(branches[1], values))
        rest = _choose(call, call.e.op("Sub", number, np.array(1, np.int32)), branches[1:], values)
        return tuple(call.e.op("Identity", name) for name in rest)

    outputs = [(spec.dtype, _sizes(spec)) for spec in call.results]
    return call.e.ops(
        "If",
        len(call.results),
        call.e.op("LessOrEqual", number, np.array(0, np.int32)),
        then_branch=call.e.graph("first", [], first, outputs),
        else_branch=call.e.graph("others", [], others, outputs),
    )


@converts("while")
def while_(call: Call, *values: Value) -> tuple[Value, ...]:
    """Compute a function again and again while another one yields true.

    Where the condition is an array, its axes are the variables' first ones: a sample for which it is false is left
    as it is until it is false for all.
    """
    condition, body = call.functions("cond_jaxpr"), call.functions("body_jaxpr")
    outer, inner = call["cond_nconsts"], call["body_nconsts"]
    consts, body_consts, first = values[:outer], values[outer : outer + inner], values[outer + inner :]

    def going(state: Sequence[Value]) -> Value:
        (value,) = call.translator.run(condition, [*consts, *state])
        return value

    def any_goes_on(value: Value) -> str:
        name = call.translator.full(value)
        if not value.rank:
            return name
        number = call.e.reduce("Max", call.e.cast(name, "int32"), range(value.rank), keepdims=False)
        return call.e.cast(number, "bool")

    def step(_: str, __: str, *names: str) -> tuple[str, ...]:
        state = [Value.named(name, value.spec) for name, value in zip(names, first, strict=True)]
        results = [call.translator.full(each) for each in call.translator.run(body, [*body_consts, *state])]
        goes_on = going(state)
        if goes_on.rank:
            results = [
                _chosen(call, goes_on, result, old) for result, old in zip(results, state, strict=True)
            ]
        after = [
            Value.named(call.e.op("Identity", result), value.spec)
            for result, value in zip(results, first, strict=True)
        ]
        return call.e.op("Identity", any_goes_on(going(after))), *(value.name for value in after)

    begins = any_goes_on(going(first))
    return _named(call, _loop(call, None, begins, [_pair(call, value) for value in first], step, []))


def _chosen(call: Call, goes_on: Value, new: str, old: Value) -> str:
    """Return a variable after a round of a loop that has ended for some of the samples on its first axes."""
    mask = call.e.unsqueeze(call.translator.full(goes_on), range(goes_on.rank, old.rank))
    return call.narrow(
        call.e.op("Where", mask, *(call.wide(name, old.dtype) for name in (new, old.name))), old.dtype
    )


@converts("scan")
def scan(call: Call, *values: Value) -> tuple[Value, ...]:
    """Compute a function for each element of arrays, with a state that goes along."""
    consts, rest = values[: call["num_consts"]], values[call["num_consts"] :]
    first, arrays = rest[: call["num_carry"]], rest[call["num_carry"] :]
    body, length, backwards = call.functions("jaxpr"), call["length"], call["reverse"]
    names = [call.translator.full(value) for value in arrays]
    last = call.e.op("Reshape", call.translator.sizes((length - 1,)), np.zeros(0, np.int64))

    def step(number: str, goes_on: str, *state: str) -> tuple[str, ...]:
        at = call.e.op("Sub", last, number) if backwards else number
        given = [
            *consts,
            *(Value.named(name, value.spec) for name, value in zip(state, first, strict=True)),
            *(
                Value.named(call.e.op("Gather", name, at), Spec(value.shape[1:], value.dtype))
                for name, value in zip(names, arrays, strict=True)
            ),
        ]
        results = call.translator.run(body, given)
        return call.e.op("Identity", goes_on), *_computed(call, results)

    rounds = call.e.op("Reshape", call.translator.sizes((length,)), np.zeros(0, np.int64))
    stacked = [Spec(spec.shape[1:], spec.dtype) for spec in call.results[len(first) :]]
    found = _loop(call, rounds, None, [_pair(call, value) for value in first], step, stacked)
    if backwards:
        ends = [np.iinfo(np.int64).min]
        turned = [call.e.op("Slice", name, [-1], ends, [0], [-1]) for name in found[len(first) :]]
        found = (*found[: len(first)], *turned)
    return _named(call, found)


def _loop(
    call: Call,
    rounds: str | None,
    condition: str | None,
    state: Sequence[tuple[str, Spec]],
    step: Callable[..., Sequence[str]],
    stacked: Sequence[Spec],
) -> tuple[str, ...]:
    """Add a Loop.

    Args:
        call: the equation.
        rounds, condition: how many rounds there are at most, and whether there is a first one; None: no limit, and yes.
        state: names and specs of the variables.
        step: adds a round's operators, see :meth:`jaxdnn.onnx.builder.Builder.graph`.
        stacked: what each round adds to the results behind the variables.
    """
    variables = [(f"state{number}", spec.dtype, _sizes(spec)) for number, (_, spec) in enumerate(state)]
    inputs: list[tuple[str, str, Sizes | None]] = [
        ("round", "int64", ()),
        ("goes_on", "bool", ()),
        *variables,
    ]
    outputs = [(spec.dtype, _sizes(spec)) for spec in (*(spec for _, spec in state), *stacked)]
    body = call.e.graph("round", inputs, step, [("bool", ()), *outputs])
    if condition is None:
        condition = call.e.constant(np.array(True))
    names = [name for name, _ in state]
    return call.e.ops("Loop", len(outputs), rounds, condition, *names, body=body)


def _pair(call: Call, value: Value) -> tuple[str, Spec]:
    return call.translator.full(value), value.spec


def _computed(call: Call, values: Sequence[Value]) -> tuple[str, ...]:
    """Return names of values that are results of operators, as those of inner graphs have to be."""
    return tuple(call.e.op("Identity", call.translator.full(value)) for value in values)


def _named(call: Call, names: Sequence[str]) -> tuple[Value, ...]:
    return tuple(Value.named(name, spec) for name, spec in zip(names, call.results, strict=True))


def _sizes(spec: Spec) -> Sizes:
    return tuple(size if isinstance(size, int) else None for size in spec.shape)
