"""How recurrent layers compute: all inputs are projected at once, then a scan over the steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from jaxdnn.errors import ShapeError
from jaxdnn.layers.base import dims
from jaxdnn.layers.recurrent import Gru, Lstm, LstmUnit, Recurrent, Rnn
from jaxdnn.lowering.registry import lowers

Weights = Mapping[str, jax.Array]
State = tuple[jax.Array, ...]
Step = Callable[[State, jax.Array, jax.Array | None], State]


@lowers(Rnn, float32=True)
def rnn(layer: Rnn, weights: Weights, *inputs: jax.Array) -> tuple[jax.Array, ...]:
    """See :class:`~jaxdnn.layers.recurrent.Rnn`."""

    def step(state: State, z: jax.Array, keep: jax.Array | None) -> State:
        return (jnp.tanh(z + _kept(state[0], keep) @ weights["hidden_weight"].T),)

    y, *final = _scan(layer, weights, inputs, step, parts=1)
    if layer.output_layer:
        y = jnp.tanh(_product(y, weights["output_weight"]) + weights["output_bias"].reshape(1, 1, -1))
    return y, *final


@lowers(Lstm, float32=True)
def lstm(layer: Lstm, weights: Weights, *inputs: jax.Array) -> tuple[jax.Array, ...]:
    """See :class:`~jaxdnn.layers.recurrent.Lstm`."""

    def step(state: State, z: jax.Array, keep: jax.Array | None) -> State:
        h, c = (_kept(part, keep) for part in state)
        return _lstm_step(layer.gates, c, z + h @ weights["hidden_weight"].T)

    return _scan(layer, weights, inputs, step, parts=2)


@lowers(LstmUnit, float32=True)
def lstm_unit(
    layer: LstmUnit, weights: Weights, c: jax.Array, z: jax.Array, continuation: jax.Array
) -> tuple[jax.Array, ...]:
    """See :class:`~jaxdnn.layers.recurrent.LstmUnit`."""
    del weights
    if z.shape != (*c.shape[:-1], 4 * c.shape[-1]) or continuation.shape != c.shape[:-1]:
        raise ShapeError(
            f"gates {dims(z.shape)} and continuation {dims(continuation.shape)} do not fit the "
            f"state {dims(c.shape)}"
        )
    h, c = _lstm_step(layer.gates, _kept(c, continuation[..., None]), z)
    return c, h


@lowers(Gru, float32=True)
def gru(layer: Gru, weights: Weights, *inputs: jax.Array) -> tuple[jax.Array, ...]:
    """See :class:`~jaxdnn.layers.recurrent.Gru`."""
    activation = jnp.tanh if layer.activation == "tanh" else jax.nn.sigmoid
    hidden = dict(zip(layer.gates, jnp.split(weights["hidden_weight"], 3), strict=True))
    bias = weights.get("hidden_bias", jnp.zeros(3 * layer.units, inputs[0].dtype)).reshape(1, -1)
    biases = dict(zip(layer.gates, jnp.split(bias, 3, axis=1), strict=True))

    def step(state: State, z: jax.Array, keep: jax.Array | None) -> State:
        h = _kept(state[0], keep)
        gates = dict(zip(layer.gates, jnp.split(z, 3, axis=1), strict=True))
        update = jax.nn.sigmoid(gates["z"] + h @ hidden["z"].T + biases["z"])
        reset = jax.nn.sigmoid(gates["r"] + h @ hidden["r"].T + biases["r"])
        before, after = (reset, 1) if layer.reset == "before" else (1, reset)
        candidate = activation(gates["g"] + after * ((before * h) @ hidden["g"].T + biases["g"]))
        return (update * h + (1 - update) * candidate,)

    return _scan(layer, weights, inputs, step, parts=1)


def _lstm_step(order: str, c: jax.Array, z: jax.Array) -> State:
    """Return the new h and c from the kept c and the gates before their functions."""
    gates = dict(zip(order, jnp.split(z, 4, axis=-1), strict=True))
    i, f, o = (jax.nn.sigmoid(gates[letter]) for letter in "ifo")
    c = f * c + i * jnp.tanh(gates["g"])
    return o * jnp.tanh(c), c


def _kept(state: jax.Array, keep: jax.Array | None) -> jax.Array:
    return state if keep is None else keep * state


def _product(x: jax.Array, weight: jax.Array) -> jax.Array:
    return jnp.tensordot(x, weight, axes=((x.ndim - 1,), (1,)))


def _scan(
    layer: Recurrent, weights: Weights, inputs: tuple[jax.Array, ...], step: Step, parts: int
) -> tuple[jax.Array, ...]:
    """Run the steps; return the first part of all states and, if wanted, the parts of the last one."""
    x, *rest = inputs
    steps, batch = x.shape[:2]
    z = _product(x.reshape(steps, batch, -1), weights["input_weight"]) + weights["bias"].reshape(1, 1, -1)
    keep = rest.pop(0).reshape(steps, batch, 1) if layer.continuation else None
    if layer.static:
        static = rest.pop(0).reshape(batch, -1)
        z = z + _product(static, weights["static_weight"]).reshape(1, batch, -1)
    zero = jnp.zeros((batch, layer.units), z.dtype)
    first = tuple(part.reshape(zero.shape) for part in rest) if layer.initial_state else (zero,) * parts

    def body(state: State, now: tuple[Any, Any]) -> tuple[State, jax.Array]:
        state = step(state, *now)
        return state, state[0]

    last, y = lax.scan(body, first, (z, keep))
    final = tuple(part.reshape(1, *part.shape) for part in last) if layer.final_state else ()
    return y, *final
