"""How recurrent layers with directions compute: a scan over the steps for each direction."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from jaxdnn.layers.directed import DirectedGru, DirectedLstm, DirectedRnn, Function
from jaxdnn.lowering.registry import lowers

Weights = Mapping[str, jax.Array]
State = tuple[jax.Array, ...]
Apply = tuple[Callable[[jax.Array], jax.Array], ...]
Layer = DirectedRnn | DirectedGru | DirectedLstm
Step = Callable[[Any, Weights, Apply, State, jax.Array], State]
"""The state after a step: of the layer, a direction's weights and functions, the state, the projected input."""


def _function(function: Function, clip: float) -> Callable[[jax.Array], jax.Array]:
    name, alpha, beta = function
    compute: dict[str, Callable[[jax.Array], jax.Array]] = {
        "relu": jax.nn.relu,
        "tanh": jnp.tanh,
        "sigmoid": jax.nn.sigmoid,
        "affine": lambda x: alpha * x + beta,
        "leaky_relu": lambda x: jnp.where(x >= 0, x, alpha * x),
        "thresholded_relu": lambda x: jnp.where(x >= alpha, x, 0),
        "scaled_tanh": lambda x: alpha * jnp.tanh(beta * x),
        "hard_sigmoid": lambda x: jnp.clip(alpha * x + beta, 0, 1),
        "elu": lambda x: jnp.where(x > 0, x, alpha * jnp.expm1(jnp.minimum(x, 0))),
        "softsign": jax.nn.soft_sign,
        "softplus": jax.nn.softplus,
    }
    plain = compute[name]
    return (lambda x: plain(jnp.clip(x, -clip, clip))) if clip else plain


def _rnn_step(layer: DirectedRnn, weights: Weights, apply: Apply, state: State, z: jax.Array) -> State:
    del layer
    return (apply[0](z + state[0] @ weights["hidden_weight"].T + weights["hidden_bias"]),)


def _gru_step(layer: DirectedGru, weights: Weights, apply: Apply, state: State, z: jax.Array) -> State:
    (h,) = state
    units = layer.units
    hidden, bias = weights["hidden_weight"], weights["hidden_bias"]
    sums = z[:, : 2 * units] + h @ hidden[: 2 * units].T + bias[:, : 2 * units]
    update, reset = jnp.split(apply[0](sums), 2, axis=1)
    own, bias = hidden[2 * units :].T, bias[:, 2 * units :]
    inner = (reset * h) @ own + bias if layer.reset == "before" else reset * (h @ own + bias)
    return (update * h + (1 - update) * apply[1](z[:, 2 * units :] + inner),)


def _lstm_step(layer: DirectedLstm, weights: Weights, apply: Apply, state: State, z: jax.Array) -> State:
    h, c = state
    sums = jnp.split(z + h @ weights["hidden_weight"].T + weights["hidden_bias"], 4, axis=1)
    into, out, forget, candidate = sums
    peepholes: tuple[Any, ...] = (0, 0, 0)
    if layer.peephole:
        peepholes = tuple(jnp.split(weights["peephole"].reshape(1, -1), 3, axis=1))
    into = apply[0](into + peepholes[0] * c)
    forget = 1 - into if layer.coupled else apply[0](forget + peepholes[2] * c)
    c = forget * c + into * apply[1](candidate)
    return apply[0](out + peepholes[1] * c) * apply[2](c), c


@lowers(DirectedRnn, float32=True)
def directed_rnn(layer: DirectedRnn, weights: Weights, *inputs: jax.Array) -> tuple[jax.Array, ...]:
    """See :class:`~jaxdnn.layers.directed.DirectedRnn`."""
    return _run(layer, weights, inputs, _rnn_step)


@lowers(DirectedGru, float32=True)
def directed_gru(layer: DirectedGru, weights: Weights, *inputs: jax.Array) -> tuple[jax.Array, ...]:
    """See :class:`~jaxdnn.layers.directed.DirectedGru`."""
    return _run(layer, weights, inputs, _gru_step)


@lowers(DirectedLstm, float32=True)
def directed_lstm(layer: DirectedLstm, weights: Weights, *inputs: jax.Array) -> tuple[jax.Array, ...]:
    """See :class:`~jaxdnn.layers.directed.DirectedLstm`."""
    return _run(layer, weights, inputs, _lstm_step)


def _run(layer: Layer, weights: Weights, inputs: tuple[jax.Array, ...], step: Step) -> tuple[jax.Array, ...]:
    x, *rest = inputs
    lengths = rest.pop(0).astype(jnp.int32) if layer.lengths else None
    states: list[jax.Array] = []
    if layer.initial_state:
        states, rest = rest[: layer.parts], rest[layer.parts :]
    if rest:
        weights = dict(zip(layer.slots, rest, strict=True))
    zeros = jnp.zeros((x.shape[1], layer.units), x.dtype)
    results = []
    for index, direction in enumerate(layer.directions):
        own = {slot: jnp.take(array, index, axis=0) for slot, array in weights.items()}
        first = tuple(state[index] for state in states) or (zeros,) * layer.parts
        clips = (layer.clip, layer.clip, 0.0)
        apply = tuple(map(_function, layer.functions[index], clips))
        results.append(_direction(layer, own, apply, x, lengths, first, step, direction == "reverse"))
    outputs, finals = zip(*results, strict=True)
    return jnp.stack(outputs, axis=1), *map(jnp.stack, zip(*finals, strict=True))


def _direction(
    layer: Layer,
    weights: dict[str, jax.Array],
    apply: Apply,
    x: jax.Array,
    lengths: jax.Array | None,
    first: State,
    step: Step,
    reverse: bool,
) -> tuple[jax.Array, State]:
    """Return h of all steps and the last state; all inputs are projected at once."""
    rows = layer.gates * layer.units
    both = weights.get("bias", jnp.zeros(2 * rows, x.dtype))
    z = jnp.matmul(x, weights["input_weight"].T) + both[:rows].reshape(1, 1, -1)
    weights["hidden_bias"] = both[rows:].reshape(1, -1)
    steps = jnp.arange(x.shape[0], dtype=jnp.int32)

    def body(state: State, now: tuple[jax.Array, jax.Array]) -> tuple[State, jax.Array]:
        place, z = now
        after = step(layer, weights, apply, state, z)
        if lengths is None:
            return after, after[0]
        # A sequence's steps are its first ones either way round: backwards the state waits for the last of them.
        going = (place < lengths).reshape(-1, 1)
        state = tuple(jnp.where(going, new, old) for new, old in zip(after, state, strict=True))
        return state, jnp.where(going, after[0], 0)

    last, y = lax.scan(body, first, (steps, z), reverse=reverse)
    return y, last
