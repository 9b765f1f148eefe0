"""How branches and loops compute: at once where they are known while the program is traced, else as XLA's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdnn.errors import JaxdnnError, LayerError, ShapeError
from jaxdnn.layers.base import dims
from jaxdnn.layers.control import Branch, While
from jaxdnn.lowering.padded import Padded, depends_on_data
from jaxdnn.lowering.ragged import Ragged
from jaxdnn.lowering.registry import Interpreter, lowers
from jaxdnn.lowering.static import deciding

UNROLLED = 16
"""A loop of at most this many rounds is unrolled, so that what it counts stays known."""
UNROLLED_AT_MOST = 1024
"""A loop of at most this many rounds is unrolled if a variable changes its shape."""
_COUNTED_AT_MOST = 1 << 16

State = tuple[Any, ...]


@lowers(Branch, numpy=True, nested=True)
def branch(
    layer: Branch, weights: Mapping[str, jax.Array], index: Any, *inputs: Any, graphs: tuple[Interpreter, ...]
) -> State:
    """Run one branch if its number is known, else choose while running."""
    del layer
    if index.ndim:
        raise ShapeError(f"the branch is chosen by one number, not by {dims(index.shape)}")
    last = len(graphs) - 1
    if isinstance(index, np.ndarray):
        chosen = int(index)
        return graphs[chosen if 0 <= chosen <= last else last](weights, inputs)
    index = index.astype(jnp.int32)
    index = jnp.where((index < 0) | (index > last), last, index)

    def run(graph: Interpreter) -> Callable[[], State]:
        return lambda: _arrays(graph(weights, inputs))

    try:
        chosen_results: State = jax.lax.switch(index, [run(graph) for graph in graphs])
    except TypeError:
        _compare([jax.eval_shape(run(graph)) for graph in graphs])
        raise
    return chosen_results


def _compare(results: list[State]) -> None:
    for number, result in enumerate(results):
        for one, other in zip(results[0], result, strict=True):
            if (one.shape, one.dtype) != (other.shape, other.dtype):
                error = depends_on_data(
                    f"which branch is chosen (0 gives {_spec(one)}, {number} gives {_spec(other)})"
                )
                error.arguments = (0,)
                raise error


@lowers(While, numpy=True, nested=True)
def while_(
    layer: While, weights: Mapping[str, jax.Array], *inputs: Any, graphs: tuple[Interpreter, ...]
) -> State:
    """Unroll a short loop; one whose rounds are known, or not, is XLA's."""
    condition, body = graphs
    count = len(layer.body.outputs)
    state, fixed = inputs[:count], inputs[count:]
    rounds = _rounds(condition, body, weights, state, fixed)

    def step(state: State) -> State:
        return _arrays(body(weights, (*state, *fixed)))

    def unrolled(state: State) -> State:
        for _ in range(rounds or 0):
            state = body(weights, (*state, *fixed))
        return state

    def goes_on(state: State) -> Any:
        return jnp.asarray(_truth(condition(weights, (*state, *fixed))[0]))

    if rounds == 0:
        return _unchanged(step, state)
    growing = any(isinstance(value, Ragged) for value in state)
    if rounds is not None and rounds <= (UNROLLED_AT_MOST if growing else UNROLLED):
        return unrolled(state)

    def looped(state: State) -> State:
        if rounds is not None:
            ended: State = jax.lax.fori_loop(0, rounds, lambda _, state: step(state), state)
            return ended
        ended = jax.lax.while_loop(goes_on, step, state)
        results: State = jax.tree.map(lambda value: _without_gradient(value, layer.body.name), ended)
        return results

    begun = _arrays(state)
    if all(value.size for value in begun):
        # Finding shapes first would trace the body twice, and what lies d loops deep 2^d times.
        try:
            return looped(begun)
        except TypeError:
            pass
    changed, begun = _begin(step, begun)
    if changed and rounds is not None and rounds <= UNROLLED_AT_MOST:
        return unrolled(state)
    if changed and growing and rounds is None:
        error = depends_on_data("how often a loop runs in which a sequence grows")
        error.arguments = tuple(sorted(deciding(condition, body)))
        raise error
    if changed:
        raise ShapeError(changed)
    return looped(begun)


def _unchanged(step: Callable[[State], State], state: State) -> State:
    """Return the first values of a loop without rounds; those without elements have the shape that a round gives."""
    if all(value.size or isinstance(value, Ragged) for value in state):
        return state
    try:
        _, begun = _begin(step, _arrays(state))
    except JaxdnnError:  # what is never computed need not be possible
        return state
    return tuple(old if old.size else new for old, new in zip(state, begun, strict=True))


def _begin(step: Callable[[State], State], state: State) -> tuple[str, State]:
    """Give variables without elements the shape that the body gives them.

    Returns:
        what is wrong with a variable that changes all the same, or "", and the first values.
    """
    for _ in range(len(state) + 1):
        after = jax.eval_shape(step, state)
        begun = tuple(
            jnp.zeros(new.shape, new.dtype)
            if old.size == 0 and new.shape != old.shape and not isinstance(old, Ragged)
            else old
            for old, new in zip(state, after, strict=True)
        )
        if all(new is old for new, old in zip(begun, state, strict=True)):
            break
        state = begun
    for number, (old, new) in enumerate(zip(state, after, strict=True)):
        if (old.shape, old.dtype) != (new.shape, new.dtype):
            return f"variable {number} is {_spec(old)} before a round and {_spec(new)} after it", state
    return "", state


def _rounds(
    condition: Interpreter,
    body: Interpreter,
    weights: Mapping[str, jax.Array],
    state: State,
    fixed: State,
) -> int | None:
    """Count the rounds if the condition depends on known values alone: nothing else is computed."""
    needed = deciding(condition, body)
    variables = tuple(sorted(index for index in needed if index < len(state)))
    if not all(isinstance((*state, *fixed)[index], np.ndarray) for index in needed):
        return None
    values = [*state, *fixed]
    for rounds in range(_COUNTED_AT_MOST):
        (goes_on,) = condition(weights, tuple(values))
        if not isinstance(goes_on, np.ndarray):
            return None
        if not _truth(goes_on):
            return rounds
        results = body(weights, tuple(values), variables)
        for index, value in zip(variables, results, strict=True):
            values[index] = value
        if not all(isinstance(value, np.ndarray) for value in results):
            return None
    return None


def _truth(value: Any) -> Any:
    """Return whether a loop goes on, as a boolean scalar."""
    if value.size != 1:
        raise ShapeError(f"the condition is {dims(value.shape)}, one truth value expected")
    return value.reshape(()).astype(bool)


@partial(jax.custom_jvp, nondiff_argnums=(1,))
def _without_gradient(value: jax.Array, name: str) -> jax.Array:
    """Return a value of a loop of that name, whose reverse-mode derivatives do not exist."""
    del name
    return value


@_without_gradient.defjvp
def _without_gradient_jvp(name: str, values: State, tangents: State) -> tuple[Any, Any]:
    def refuse(residuals: State, cotangent: Any) -> Any:
        del residuals, cotangent
        raise LayerError(f"{name!r} has no gradient: how often the loop runs depends on the data")

    return values[0], jax.custom_derivatives.linear_call(lambda _, tangent: tangent, refuse, (), tangents[0])


def _arrays(values: State) -> State:
    """Return values as XLA's branches and loops take them."""
    if any(isinstance(value, Padded) for value in values):
        raise depends_on_data("a size inside of it")
    return tuple(jax.tree.map(jnp.asarray, value) for value in values)


def _spec(value: Any) -> str:
    return f"{value.dtype} {dims(value.shape)}"
