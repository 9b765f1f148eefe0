"""How cells with visible gates compute: a step, and a scan over steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from jaxdnn.errors import ShapeError
from jaxdnn.layers.base import dims
from jaxdnn.layers.cells import GruCell, LstmCell
from jaxdnn.lowering.registry import lowers

Weights = Mapping[str, jax.Array]


def _slots(layer: LstmCell | GruCell, weights: Weights, given: tuple[jax.Array, ...]) -> Weights:
    """Return the weights by slot, params or inputs."""
    slots = dict(zip(layer.slots, given, strict=True)) if given else weights
    return {slot: w.reshape(1, -1) if w.ndim == 1 else w for slot, w in slots.items()}


def _joined(x: jax.Array, h: jax.Array, weight: jax.Array) -> jax.Array:
    joined = jnp.concatenate([x, h], axis=1)
    if weight.shape[0] != joined.shape[1]:
        raise ShapeError(f"weights {dims(weight.shape)} do not fit {joined.shape[1]} features and units")
    return joined @ weight


@lowers(LstmCell, float32=True)
def lstm_cell(
    layer: LstmCell, weights: Weights, x: jax.Array, c: jax.Array, h: jax.Array, *rest: jax.Array
) -> tuple[jax.Array, ...]:
    """See :class:`~jaxdnn.layers.cells.LstmCell`."""
    w = _slots(layer, weights, rest[layer.sequence :])
    if not layer.sequence:
        return _lstm_step(layer, w, x, c, h)

    def body(state: tuple[jax.Array, jax.Array], now: jax.Array) -> tuple[Any, Any]:
        parts = _lstm_step(layer, w, now, *state)
        return (parts[1], parts[6]), parts

    _, parts = lax.scan(body, (c, h), x)
    taken = (jnp.arange(len(x)) < rest[0].astype(jnp.int32).reshape(())).reshape(-1, 1, 1)
    return tuple(jnp.where(taken, part, 0) for part in parts)


def _lstm_step(
    layer: LstmCell, w: Weights, x: jax.Array, c: jax.Array, h: jax.Array
) -> tuple[jax.Array, ...]:
    z = _joined(x, h, w["weight"]) + w["bias"]
    gates = dict(zip(layer.gates, jnp.split(z, 4, axis=1), strict=True))

    def seen(gate: str, state: jax.Array) -> jax.Array:
        return gates[gate] + w[f"peephole_{gate}"] * state if layer.peephole else gates[gate]

    i = jax.nn.sigmoid(seen("i", c))
    f = jax.nn.sigmoid(seen("f", c) + layer.forget_bias)
    g = jnp.tanh(gates["g"])
    c = f * c + i * g
    if layer.clip > 0:
        c = jnp.clip(c, -layer.clip, layer.clip)
    o = jax.nn.sigmoid(seen("o", c))
    shown = jnp.tanh(c)
    return i, c, f, o, g, shown, o * shown


@lowers(GruCell, float32=True)
def gru_cell(
    layer: GruCell, weights: Weights, x: jax.Array, h: jax.Array, *given: jax.Array
) -> tuple[jax.Array, ...]:
    """See :class:`~jaxdnn.layers.cells.GruCell`."""
    w = _slots(layer, weights, given)
    r, u = jnp.split(jax.nn.sigmoid(_joined(x, h, w["gate_weight"]) + w["gate_bias"]), 2, axis=1)
    g = jnp.tanh(_joined(x, r * h, w["candidate_weight"]) + w["candidate_bias"])
    return r, u, g, u * h + (1 - u) * g
