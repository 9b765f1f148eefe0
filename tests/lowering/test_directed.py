"""Recurrent layers with directions, against loops over steps and samples."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxdnn import LayerError, ShapeError
from jaxdnn.layers.directed import FUNCTIONS, DirectedGru, DirectedLstm, DirectedRnn
from support.layer import assert_close, run


def noise(*shape, seed=0):
    return np.random.default_rng(seed + sum(shape)).standard_normal(shape).astype(np.float32)


def apply(function, x):
    name, a, b = function
    return {
        "relu": lambda: np.maximum(x, 0),
        "tanh": lambda: np.tanh(x),
        "sigmoid": lambda: 1 / (1 + np.exp(-x)),
        "affine": lambda: a * x + b,
        "leaky_relu": lambda: np.where(x > 0, x, a * x),
        "thresholded_relu": lambda: np.where(x > a, x, 0),
        "scaled_tanh": lambda: a * np.tanh(b * x),
        "hard_sigmoid": lambda: np.minimum(np.maximum(a * x + b, 0), 1),
        "elu": lambda: np.where(x > 0, x, a * (np.exp(x) - 1)),
        "softsign": lambda: x / (1 + np.abs(x)),
        "softplus": lambda: np.log(1 + np.exp(x)),
    }[name]()


def step(layer, functions, x, state, w, r, bias, peephole):
    """One sample's step."""
    u, cut = layer.units, lambda z: np.clip(z, -layer.clip, layer.clip) if layer.clip else z
    wb, rb = bias[: len(w)], bias[len(w) :]
    h = state[0]
    a, s = w @ x + wb, r @ h
    if isinstance(layer, DirectedRnn):
        return (apply(functions[0], cut(a + s + rb)),)
    if isinstance(layer, DirectedGru):
        z, reset = (apply(functions[0], cut(a[k] + s[k] + rb[k])) for k in (slice(0, u), slice(u, 2 * u)))
        own = slice(2 * u, None)
        inner = r[own] @ (reset * h) + rb[own] if layer.reset == "before" else reset * (s[own] + rb[own])
        return (z * h + (1 - z) * apply(functions[1], cut(a[own] + inner)),)
    i, o, f, g = np.split(a + s + rb, 4)
    pi, po, pf = np.split(peephole, 3)
    i = apply(functions[0], cut(i + pi * state[1]))
    f = 1 - i if layer.coupled else apply(functions[0], cut(f + pf * state[1]))
    c = f * state[1] + i * apply(functions[1], cut(g))
    return apply(functions[0], cut(o + po * c)) * apply(functions[2], c), c


def reference(layer, x, weights, lengths, first):
    steps, batch, _ = x.shape
    outputs = np.zeros((steps, len(layer.directions), batch, layer.units))
    last = np.array(first, np.float64)
    for d, direction in enumerate(layer.directions):
        w, r = (weights[slot][d].astype(np.float64) for slot in ("input_weight", "hidden_weight"))
        bias = weights["bias"][d] if layer.bias else np.zeros(2 * len(w))
        peephole = weights["peephole"][d] if "peephole" in weights else np.zeros(3 * layer.units)
        for n in range(batch):
            state = tuple(part[d, n] for part in last)
            order = range(lengths[n])
            for t in reversed(order) if direction == "reverse" else order:
                state = step(layer, layer.functions[d], x[t, n], state, w, r, bias, peephole)
                outputs[t, d, n] = state[0]
            for part, value in zip(last, state, strict=True):
                part[d, n] = value
    return outputs, *last


functions = st.tuples(st.sampled_from(FUNCTIONS), st.floats(0.1, 1), st.floats(0.1, 1))


@given(st.data())
def test_all_three(data):
    kind = data.draw(st.sampled_from([DirectedRnn, DirectedGru, DirectedLstm]))
    directions = data.draw(st.sampled_from([("forward",), ("reverse",), ("forward", "reverse")]))
    options = {}
    if kind is DirectedGru:
        options["reset"] = data.draw(st.sampled_from(["before", "after"]))
    if kind is DirectedLstm:
        options = {"peephole": data.draw(st.booleans()), "coupled": data.draw(st.booleans())}
    count = {DirectedRnn: 1, DirectedGru: 2, DirectedLstm: 3}[kind]
    layer = kind(
        units=2,
        directions=directions,
        functions=tuple(tuple(data.draw(functions) for _ in range(count)) for _ in directions),
        clip=data.draw(st.sampled_from([0.0, 0.4])),
        bias=data.draw(st.booleans()),
        lengths=data.draw(st.booleans()),
        initial_state=data.draw(st.booleans()),
        **options,
    )
    x = noise(4, 3, 2) / 2
    weights = {
        slot: noise(*shape, seed=seed) / 2 for seed, (slot, shape) in enumerate(layer.slot_shapes(2).items())
    }
    lengths = np.array([4, 2, 0], np.int32)
    states = [noise(len(directions), 3, 2, seed=9 + part) for part in range(layer.parts)]
    inputs = [x, *([lengths] if layer.lengths else []), *(states if layer.initial_state else [])]
    first = states if layer.initial_state else [np.zeros_like(state) for state in states]
    want = reference(layer, x, weights, lengths if layer.lengths else [4] * 3, first)
    got = run(layer, *inputs, outputs=1 + layer.parts, **weights)
    fed = run(layer, *inputs, *weights.values(), outputs=1 + layer.parts)
    for one, other, expected in zip(got, fed, want, strict=True):
        assert_close(one, expected)
        assert_close(other, expected)


def test_errors():
    tanh = (("tanh", 0.0, 0.0),)
    with pytest.raises(LayerError, match="directions must be one of forward, reverse, got 'up'"):
        DirectedRnn(units=1, directions=("up",), functions=(tanh,))
    with pytest.raises(LayerError, match="directions is empty"):
        DirectedRnn(units=1, directions=(), functions=())
    with pytest.raises(LayerError, match=r"functions has \(1,\) elements, \(2,\) expected"):
        DirectedGru(units=1, functions=(tanh,))
    with pytest.raises(LayerError, match="functions must be one of relu"):
        DirectedRnn(units=1, functions=((("cosine", 0.0, 0.0),),))
    with pytest.raises(LayerError, match="reset must be one of before, after"):
        DirectedGru(units=1, functions=(tanh * 2,), reset="never")
    layer = DirectedRnn(units=2, functions=(tanh,), bias=False, lengths=True)
    weights = {"input_weight": noise(1, 2, 3), "hidden_weight": noise(1, 2, 2)}
    with pytest.raises(ShapeError, match="lengths is 5, 4 expected"):
        run(layer, noise(6, 4, 3), np.zeros(5, np.int32), outputs=2, **weights)
    with pytest.raises(ShapeError, match="the input is 6x4, steps x batch x features expected"):
        run(layer, noise(6, 4), np.zeros(4, np.int32), outputs=2, **weights)
